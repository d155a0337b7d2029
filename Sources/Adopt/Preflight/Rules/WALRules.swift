import Facts
import PostgresModel

/// WAL: how much there is, how long it is kept, where else it goes.
let walRules: [Rule] = [
    Rule(
        "wal.keep", "a replica that was away finds its WAL", warns: "wal_keep_size is 0, nothing is archived, and there is room for no slot",
        why: "A replica that falls behind what is kept must be built anew.",
        remedy: "wal_keep_size, or an archive.", .reload
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        let kept = picture.number("wal_keep_size") ?? picture.number("wal_keep_segments")
        guard let kept, let slots = picture.number("max_replication_slots") else { return [] }
        if kept > 0 { return [.ok(primary.name, "wal_keep is \(kept) \(sql.version.major < 13 ? "segments" : "MB")")] }
        if slots > 0 { return [.ok(primary.name, "slots keep it")] }
        if ["on", "always"].contains(picture.setting("archive_mode")) { return [.ok(primary.name, "the archive keeps it")] }
        return [.warn(primary.name, "nothing keeps WAL for a replica that is away")]
    },
    Rule(
        "wal.slot-cap", "slots cannot fill the disk",
        warns: "before version 13, or others' slots forbid a cap, or the cap is more than the free space",
        why: "A replica that is away for long keeps WAL until the primary's disk is full, and the primary stops.",
        remedy: "max_slot_wal_keep_size at 60 % of the free space; the plan sets it where no slot of others is in the way.", .reload
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        if sql.version.major < 13 {
            return [.warn(primary.name, "version \(sql.version.major) knows no cap; watch the disk", remedy: "Upgrade.", .human)]
        }
        guard let cap = picture.bytes("max_slot_wal_keep_size") else { return [] }
        if cap.rawValue < 0 {
            let own = Set(picture.members.map { slotName(forMember: $0.name) })
            let others = sql.slots.map(\.name).filter { !own.contains($0) }
            return others.isEmpty
                ? [.ok(primary.name, "no cap yet, the plan sets one")]
                : [.warn(primary.name, "no cap, and the slots of others (\(listed(others))) would fall under one")]
        }
        if let free = picture.walSpace, cap > free { return [.warn(primary.name, "the cap is \(cap), only \(free) are free")] }
        return [.ok(primary.name, "at most \(cap) for slots")]
    },
    Rule(
        "wal.rate", "links and disks carry the WAL",
        warns: "WAL arises at more than 70 % of what the slowest network interface on the way carries",
        why: "A replica that receives more slowly than the primary writes never catches up.",
        remedy: "A faster link, wal_compression, or fewer full-page writes by longer checkpoints.", .human
    ) { picture in
        guard let (primary, _) = picture.asked, let rate = picture.walRate else { return [] }
        let shown = "\(spoken(rate: rate)) of WAL"
        for host in picture.replicas {
            guard let link = [primary, host].compactMap({ $0.facts.network.interfaces.compactMap(\.megabits).max() }).min()
            else { continue }
            let carries = Double(link) * 125_000
            if rate > carries * 0.7 {
                return [.warn(primary.name, "\(shown), \(Int(rate / carries * 100)) % of the \(link) Mbit/s to \(host.name)")]
            }
        }
        return [.ok(primary.name, shown)]
    },
    Rule(
        "space.wal", "the primary has room for the WAL of the build",
        fails: "the WAL that arises while the replicas are copied, a fifth more, does not fit on its disk",
        why: "A slot keeps that WAL until the copy is done. A primary whose disk fills up stops.",
        remedy: "More space, a faster copy, or a copy in calmer hours.", .human
    ) { picture in
        guard let (primary, _) = picture.asked, let rate = picture.walRate, let free = picture.walSpace else { return [] }
        let longest = picture.replicasToBuild.compactMap { picture.buildSeconds(to: $0) }.max()
        guard let longest else { return picture.replicasToBuild.isEmpty ? [.ok(primary.name, "nothing is to be copied")] : [] }
        let needed = ByteCount(Int64(rate * longest * 1.2))
        let summary = "\(needed) of WAL in \(spoken(seconds: longest)) of copying at \(spoken(rate: rate)), \(free) free"
        return needed > free ? [.fail(primary.name, summary)] : [.ok(primary.name, summary)]
    },
    Rule(
        "build.estimate", "the copy takes hours, not days", warns: "a replica's base backup would take over 8 hours",
        why: "All that time WAL is kept, vacuum is held back, and a failure means starting again.",
        remedy: "A backup tool with resumable copies, a faster link, or a higher max_rate.", .human
    ) { picture in
        picture.replicasToBuild.compactMap { host in
            guard let seconds = picture.buildSeconds(to: host), let sql = picture.primarySQL, let rate = picture.copyRate(to: host)
            else { return nil }
            let summary = "\(sql.totalSize) in \(spoken(seconds: seconds)) at \(spoken(rate: rate.rate)), limited by \(rate.limit)"
            return seconds > 8 * 3600 ? .warn(host.name, summary) : .ok(host.name, summary)
        }
    },
    Rule(
        "backup.running", "no base backup runs now", warns: "one is running",
        why: "Two copies at once share the disk and the network, and both take longer.",
        remedy: "Wait for its end.", .none
    ) { picture in
        guard let (primary, sql) = picture.asked, let count = sql.activity?.runningBackups else { return [] }
        return count == 0 ? [.ok(primary.name, "none")] : [.warn(primary.name, "\(count) running")]
    },
    Rule(
        "archive.mode", "WAL is archived", warns: "archive_mode is off",
        why: "Replicas repeat every mistake at once; only an archive leads back to the minute before it.",
        remedy: "Set up a backup tool with an archive; archive_mode changes at a restart.", .restart
    ) { picture in
        guard let (primary, _) = picture.asked, let mode = picture.setting("archive_mode") else { return [] }
        return mode == "off" ? [.warn(primary.name, "archive_mode = off")] : [.ok(primary.name, "archive_mode = \(mode)")]
    },
    Rule(
        "archive.command", "the archive is not on this host",
        warns: "archive_command copies to a local path, is empty, or archive_mode is always",
        why: "An archive that dies with its host is none, and after a failover the WAL has a hole.",
        remedy: "Archive to a place that every member reaches.", .reload
    ) { picture in
        guard let (primary, _) = picture.asked, let mode = picture.setting("archive_mode"), mode != "off" else { return [] }
        let command = picture.setting("archive_command") ?? ""
        if command.isEmpty, (picture.setting("archive_library") ?? "").isEmpty {
            return [.warn(primary.name, "archive_mode = \(mode), but there is no command: WAL piles up")]
        }
        let program = command.split(separator: " ").first.map { String($0).lastComponent } ?? ""
        if ["cp", "mv", "install", "gzip"].contains(program) || command.contains("&& cp ") {
            return [.warn(primary.name, "copies to a local path: \(command)")]
        }
        if mode == "always" {
            return [.warn(primary.name, "archive_mode = always: standbys archive too, the command must cope with files that exist")]
        }
        return [.ok(primary.name, program.isEmpty ? "by a library" : "by \(program)")]
    },
    Rule(
        "archive.target", "the archive command works on every member",
        fails: "a program that it starts, by its path, does not exist on a replica",
        warns: "another path that it names does not exist on a replica",
        why: "After a failover the new primary runs the same command; if it fails, WAL piles up until the disk is full.",
        remedy: "Install and mount there what the command needs.", .none
    ) { picture in
        guard let command = picture.setting("archive_command"), picture.setting("archive_mode") != "off" else { return [] }
        let paths = namedPaths(in: command)
        guard !paths.isEmpty else { return [] }
        return picture.replicas.compactMap { host in
            let known = Dictionary(host.facts.namedFiles.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
            let missing = paths.filter { known[$0]?.exists == false }
            guard paths.contains(where: { known[$0] != nil }) else { return nil }
            if missing.isEmpty { return .ok(host.name, "\(listed(paths)) exist") }
            let summary = "the archive command needs \(listed(missing))"
            return missing.contains(paths[0]) && command.hasPrefix(paths[0]) ? .fail(host.name, summary) : .warn(host.name, summary)
        }
    },
    Rule(
        "archive.backlog", "the archive keeps up",
        fails: "the newest attempt failed and over 64 files wait", warns: "the newest attempt failed, or over 64 files wait",
        why: "PostgreSQL does not stop before the archive has everything: a switchover would hang that long.",
        remedy: "See what the archive command says in the server's log.", .reload
    ) { picture in
        guard let (primary, sql) = picture.asked, picture.setting("archive_mode") != "off",
            let waiting = picture.details?.walFilesToArchive
        else { return [] }
        let failed = sql.activity?.failedArchivings.map { ", \($0) attempts failed so far" } ?? ""
        let summary = "\(waiting) files wait\(sql.archivingFails ? ", the newest attempt failed" : "")\(failed)"
        if sql.archivingFails, waiting > 64 { return [.fail(primary.name, summary)] }
        return sql.archivingFails || waiting > 64 ? [.warn(primary.name, summary)] : [.ok(primary.name, summary)]
    },
]
