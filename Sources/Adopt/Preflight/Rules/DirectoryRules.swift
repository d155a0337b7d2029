import Facts
import PostgresModel

/// Directories and file systems under the data.
let directoryRules: [Rule] = [
    Rule(
        "space.inodes", "there are inodes for the copy",
        fails: "fewer free ones than the databases have files, a fifth more",
        why: "A file system without inodes is full, whatever df says of its bytes.",
        remedy: "Another file system, or fewer files on it.", .human
    ) { picture in
        guard let sql = picture.primarySQL, sql.isSizeKnown else { return [] }
        let files = sql.databases.reduce(0) { $0 + ($1.files ?? 0) }
        return picture.replicas.compactMap { host in
            if picture.isAdopted(host) || picture.standby(on: host) != nil {
                return .ok(host.name, "holds the cluster already")
            }
            // Some file systems have no fixed number of inodes and say 0.
            guard let free = host.facts.target?.freeInodes, free > 0 else { return nil }
            let needed = Int64(files) * 12 / 10 + 1000
            let summary = "\(free) free inodes, about \(needed) needed"
            return free < needed ? .fail(host.name, summary) : .ok(host.name, summary)
        }
    },
    Rule(
        "files.system", "the data lies on a disk", fails: "on tmpfs or ramfs",
        warns: "on overlay, NFS, CIFS, FUSE or 9p, or mounted without barriers",
        why: "What is acknowledged must be on a disk; what pretends to be one loses it at the first power failure.",
        remedy: "Another file system below the data directory.", .human
    ) { picture in
        picture.members.compactMap { host in
            guard let target = host.facts.target, let type = target.filesystem else { return nil }
            if ["tmpfs", "ramfs"].contains(type) { return .fail(host.name, "\(target.path) is on \(type)") }
            let doubtful = ["overlay", "nfs", "cifs", "smb", "fuse", "9p", "v9fs", "vboxsf"]
            if doubtful.contains(where: { type.lowercased().hasPrefix($0) }) {
                return .warn(host.name, "\(target.path) is on \(type)")
            }
            let bad = target.mountOptions.filter { ["nobarrier", "barrier=0", "noexec", "sync"].contains($0) }
            return bad.isEmpty ? .ok(host.name, type) : .warn(host.name, "\(type), mounted with \(listed(bad))")
        }
    },
    Rule(
        "disk.latency", "the disks write quickly", warns: "a write took over 20 ms on average since boot",
        why: "Every commit waits for a write, in synchronous mode for one on each side.",
        remedy: "See what else uses the disk; a faster one.", .human
    ) { picture in
        picture.members.compactMap { host in
            guard let time = host.facts.target?.writeMilliseconds else { return nil }
            let shown = "\((time * 10).rounded() / 10) ms a write on average since boot"
            return time > 20 ? .warn(host.name, shown) : .ok(host.name, shown)
        }
    },
    Rule(
        "disk.health", "no disk reports errors", fails: "a RAID array lacks a disk on a replica to build",
        warns: "the kernel log reports I/O errors, or an array lacks a disk",
        why: "A half-dead disk is a poor place for the copy that is to save the day.",
        remedy: "Replace the disk first.", .human
    ) { picture in
        picture.members.compactMap { host in
            let kernel = host.facts.kernel
            if !kernel.degradedArrays.isEmpty {
                let summary = "degraded: \(listed(kernel.degradedArrays))"
                let isNew = picture.replicasToBuild.contains { $0.name == host.name }
                return isNew ? .fail(host.name, summary) : .warn(host.name, summary)
            }
            guard let errors = kernel.ioErrors else { return nil }
            return errors > 0
                ? .warn(host.name, "\(errors) lines of the kernel log tell of I/O errors")
                : .ok(host.name, "no errors in the kernel log")
        }
    },
    Rule(
        "directory.permissions", "the data directory is the server's alone",
        fails: "its mode is not 0700 or 0750, or it belongs to somebody else",
        why: "PostgreSQL does not start on any other.", remedy: "chmod 700, chown to the PostgreSQL user.", .none
    ) { picture in
        picture.members.compactMap { host in
            guard let server = picture.server(on: host), let mode = server.details?.directoryMode,
                let owner = server.details?.directoryOwner
            else { return nil }
            let summary = "\(server.dataDirectory) is \(mode), of \(owner)"
            return ["700", "750"].contains(mode) && owner == server.osUser
                ? .ok(host.name, summary) : .fail(host.name, summary)
        }
    },
    Rule(
        "directory.links", "the data directory is in one piece",
        warns: "pg_wal or something else in it is a link to another place",
        why: "Where the pg_wal of replicas goes is what wal.place tells; of any other link a copy makes a plain directory.",
        remedy: "Know of it; nothing is needed before the adoption.", .human
    ) { picture in
        guard let primary = picture.primary, let links = picture.details?.links else { return [] }
        let other = links.filter { !$0.key.hasPrefix("pg_tblspc/") }.map { "\($0.key) -> \($0.value)" }.sorted()
        return other.isEmpty ? [.ok(primary.name, "no links")] : [.warn(primary.name, listed(other))]
    },
    Rule(
        "wal.place", "pg_wal has its place on replicas", fails: "not empty, below the data directory, or cannot be read",
        warns: "the host has no such place as the primary's, or none of its own where the inventory wants it",
        why: "A copy's pg_wal goes where the inventory says, else where it is on the primary if the host has that place: "
            + "an empty directory, or a disk of its own.",
        remedy: "Mount the disk or make the directory; or accept that pg_wal shares the data's disk.", .human
    ) { picture in
        picture.replicas.map { host in
            let named = picture.postgres(host.spec).walDirectory
            let choice = host.facts.walPlace(named: named, primary: picture.primaryServer)
            if choice == .inside { return .ok(host.name, "in the data directory, as on the primary") }
            if picture.isAdopted(host) || picture.standby(on: host) != nil {
                return .ok(host.name, "holds the cluster already")
            }
            return walPlaceIssue(host, choice)
        }
    },
    Rule(
        "tablespaces.inside", "tablespaces lie outside the data directory", warns: "one lies inside it",
        why: "Copies then hold it twice, and PostgreSQL itself warns of it.",
        remedy: "Move it to a place of its own.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, let data = picture.primaryServer?.dataDirectory else { return [] }
        let inside = sql.tablespaces.filter { $0.location.hasPrefix(data + "/") }.map(\.name)
        return inside.isEmpty
            ? [.ok(primary.name, "\(sql.tablespaces.count) tablespaces")]
            : [.warn(primary.name, "inside: \(listed(inside))")]
    },
    Rule(
        "slots.retained", "slots leave the disk room", fails: "a slot keeps more WAL than half of the free space",
        warns: "a slot is lost or unreserved",
        why: "The disk fills, the primary stops. pgadopt never drops a slot that is not its own.",
        remedy: "Find its owner; drop it if there is none.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        if let free = picture.walSpace,
            let slot = sql.slots.first(where: {
                !$0.isActive && ($0.retainedWAL?.rawValue ?? 0) > free.rawValue / 2 && $0.retainedWAL != nil
            })
        {
            return [.fail(primary.name, "\(slot.name) keeps \(slot.retainedWAL ?? ByteCount(0)), \(free) are free")]
        }
        let lost = sql.slots.filter { ["lost", "unreserved"].contains($0.walStatus) }.map {
            "\($0.name) (\($0.walStatus ?? ""))"
        }
        return lost.isEmpty ? [.ok(primary.name, "\(sql.slots.count) slots")] : [.warn(primary.name, listed(lost))]
    },
]

private func walPlaceIssue(_ host: ClusterPicture.Host, _ choice: WALPlace) -> Issue {
    let build = host.facts.namedFiles.contains { $0.path.hasPrefix("/var/lib/pgadopt/") && $0.exists }
    switch choice {
    case .inside: return .ok(host.name, "in the data directory")
    case .missing(let path):
        return .warn(host.name, "no \(path) here, and no disk for it: pg_wal stays in the data directory")
    case .directory(let path):
        if let data = host.facts.target?.path, path == data || path.hasPrefix(data + "/") {
            return .fail(host.name, "\(path) is in the data directory", remedy: "Name another place.", .none)
        }
        guard let place = host.facts.target?.walPlace, place.path == path else {
            return .fail(host.name, "nothing is known of \(path)", remedy: "See survey.complete.", .human)
        }
        let free = place.freeSpace.map { ", \($0) free" } ?? ""
        switch place.content {
        case .empty: return .ok(host.name, "\(path) is empty\(free)")
        case .otherFiles, .dataDirectory, .unreadable:
            return build
                ? .ok(host.name, "\(path) belongs to a copy that an earlier apply made, and goes on from")
                : .fail(host.name, "\(path) is not empty", remedy: "Empty it, or name another place.", .human)
        case .absent:
            let isOwnDisk = place.mountPoint != "/" && place.mountPoint != host.facts.target?.mountPoint
            return isOwnDisk
                ? .ok(host.name, "\(path) will be made on \(place.mountPoint ?? "its disk")\(free)")
                : .warn(host.name, "\(path) will be made on the disk of \(place.mountPoint ?? "the system")")
        }
    }
}
