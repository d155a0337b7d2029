import Facts
import PostgresModel

/// Room, and what lies where data will go.
let storageRules: [Rule] = [
    Rule(
        "space.target", "there is room for the copy",
        fails: "not that much, or unknown",
        why: "A base backup that fills the disk dies near its end, and takes the WAL kept for it along.",
        remedy: "More space, or another `data_directory`.", .human
    ) { picture in
        guard let sql = picture.primarySQL else { return [] }
        return picture.replicas.map { host in
            if picture.isAdopted(host) || picture.standby(on: host) != nil {
                return .ok(host.name, "holds the cluster already")
            }
            guard let target = host.facts.target, let free = target.freeSpace else {
                return .fail(host.name, "the free space is not known", remedy: "See survey.complete.", .human)
            }
            guard sql.isSizeKnown else {
                return .fail(host.name, "the databases' size is not known", remedy: "See survey.complete.", .human)
            }
            let elsewhere = sql.tablespaces.reduce(ByteCount(0)) { $0 + $1.size }
            // A fifth more, and a GiB for the WAL that arrives meanwhile.
            let base = max(0, (sql.totalSize - elsewhere).rawValue)
            let needed = ByteCount(base + base / 5 + 1 << 30)
            let summary = "\(free) free at \(target.path), about \(needed) needed"
            return free < needed
                ? .fail(host.name, summary, remedy: "Give it more space, or another data_directory.", .human)
                : .ok(host.name, summary)
        }
    },
    targetDirectory,
    Rule(
        "tablespaces.paths", "tablespaces have their places on replicas",
        fails: "not empty, too small (a fifth more than the data), or unknown",
        warns: "the path does not exist",
        why:
            "A base backup writes every tablespace to the path it has on the primary, and stops where that is "
                + "not empty.",
        remedy: "Empty it; mount a disk.", .human
    ) { picture in
        guard let sql = picture.primarySQL else { return [] }
        return picture.replicas.map { host in
            if sql.tablespaces.isEmpty { return .ok(host.name, "no tablespaces") }
            if picture.isAdopted(host) || picture.standby(on: host) != nil {
                return .ok(host.name, "holds the tablespaces already")
            }
            for space in sql.tablespaces {
                let found = host.facts.target?.tablespaces.first { $0.path == space.location }
                guard let found else {
                    return .fail(
                        host.name, "nothing is known of \(space.location)", remedy: "See survey.complete.", .human)
                }
                if found.content == .otherFiles || found.content == .dataDirectory || found.content == .unreadable {
                    return .fail(
                        host.name, "\(space.location) is not empty", remedy: "Empty it, or move what is there.",
                        .human)
                }
                if let free = found.freeSpace, free < ByteCount(space.size.rawValue + space.size.rawValue / 5) {
                    return .fail(
                        host.name, "\(space.location): \(free) free, \(space.size) needed and a fifth more",
                        remedy: "Mount a larger file system there.", .human)
                }
                if found.content == .absent {
                    return .warn(
                        host.name, "\(space.location) does not exist",
                        remedy: "Mount it, if it is to be a disk of its own.", .human)
                }
            }
            return .ok(host.name, "\(sql.tablespaces.count) tablespaces have their places")
        }
    },
    Rule(
        "slots.foreign", "slots of others keep no heap of WAL",
        warns: "an inactive one keeps more than 1 GiB",
        why: "A slot nobody reads keeps WAL until the disk is full; pgadopt never drops a slot that is not its own.",
        remedy: "Find the owner; pgadopt drops none of them.", .human
    ) { picture in
        guard let primary = picture.primary, let sql = picture.primarySQL else { return [] }
        let own = Set(picture.members.map { slotName(forMember: $0.name) })
        let foreign = sql.slots.filter { !own.contains($0.name) }
        let heavy = foreign.filter { !$0.isActive && ($0.retainedWAL ?? ByteCount(0)) > ByteCount(1 << 30) }
        if let slot = heavy.max(by: { ($0.retainedWAL ?? ByteCount(0)) < ($1.retainedWAL ?? ByteCount(0)) }) {
            return [
                .warn(
                    primary.name, "inactive slot \(slot.name) keeps \(slot.retainedWAL ?? ByteCount(0)) of WAL",
                    remedy: "Find its owner; drop it if there is none.", .human)
            ]
        }
        return [.ok(primary.name, foreign.isEmpty ? "none" : "\(foreign.count) of others, kept as they are")]
    },
]

private let targetDirectory = Rule(
    "target.directory", "the data directory of a replica is free",
    fails: "it holds other files, another cluster, an old copy, a running server without an agent, or cannot be read",
    why: "Nothing of the owner's is lost: data that is already there is not overwritten.",
    remedy: "Move what is there, or choose another directory.", .human
) { picture in
    picture.replicas.map { host in
        guard let target = host.facts.target else {
            return .fail(
                host.name, "the data directory is not known", remedy: "Name data_directory in the inventory.", .human)
        }
        switch target.content {
        case .absent: return .ok(host.name, "\(target.path) does not exist yet")
        case .empty: return .ok(host.name, "\(target.path) is empty")
        case .otherFiles:
            return .fail(
                host.name, "\(target.path) holds other files", remedy: "Move them, or choose another directory.",
                .human)
        case .unreadable:
            return .fail(host.name, "\(target.path) cannot be read", remedy: "See ssh.sudo.", .human)
        case .dataDirectory: return existingData(picture, host, target)
        }
    }
}

private func existingData(_ picture: ClusterPicture, _ host: ClusterPicture.Host, _ target: TargetFacts) -> Issue {
    let running = host.facts.servers.contains { $0.dataDirectory == target.path }
    guard
        let found = target.control?.systemIdentifier
            ?? host.facts.servers.first(where: { $0.dataDirectory == target.path })?
            .control?.systemIdentifier
    else {
        return .fail(
            host.name, "\(target.path) holds a data directory that pg_controldata cannot read",
            remedy: "Move it, or choose another directory.", .human)
    }
    guard let own = picture.systemIdentifier, found == own else {
        return .fail(
            host.name,
            "\(target.path) holds another cluster, system identifier \(found)\(running ? ", and it is running" : "")",
            remedy: "Drop that cluster if nobody needs it, or choose another data_directory.", .human)
    }
    if picture.isAdopted(host) { return .ok(host.name, "\(target.path) holds this cluster, under the agent") }
    if picture.standby(on: host) != nil {
        return .ok(host.name, "\(target.path) belongs to a running standby of this cluster, which is taken over in place")
    }
    if running {
        return .fail(
            host.name, "\(target.path) is a running server of this cluster, and no standby that could be asked",
            remedy: "See survey.complete and primary.single; else stop it and move its directory aside.", .service)
    }
    let build = "/var/lib/pgadopt/\(picture.spec.name)/build"
    if host.facts.namedFiles.contains(where: { $0.path == build && $0.exists }) {
        return .ok(host.name, "\(target.path) holds a copy that an earlier apply made, and goes on from")
    }
    return .fail(
        host.name, "\(target.path) holds an old copy of this cluster",
        remedy: "Move the directory aside: a base backup writes into an empty one and nowhere else.", .human)
}
