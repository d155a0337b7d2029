import PostgresModel

/// Settings of the primary that replication needs.
let settingRules: [Rule] = [
    Rule(
        "wal.level", "WAL carries what a replica needs",
        fails: "`minimal`",
        why: "With wal_level=minimal nothing can stream.",
        remedy: "`replica`, at a restart.", .restart
    ) { picture in
        guard let primary = picture.primary, let level = picture.setting("wal_level") else { return [] }
        return level == "minimal"
            ? [
                .fail(
                    primary.name, "wal_level = minimal", remedy: "Set it to replica in an approved window.", .restart)
            ]
            : [.ok(primary.name, "wal_level = \(level)")]
    },
    Rule(
        "wal.senders", "enough WAL senders",
        fails: "0, or less than those in use, one a replica to build, and one more",
        warns: "less than those in use and two a replica to build",
        why: "A base backup takes two senders, a streaming replica one; only a restart gives more.",
        remedy: "Raise it, at a restart.", .restart
    ) { picture in
        guard let primary = picture.primary, let sql = picture.primarySQL,
            let limit = sql.setting("max_wal_senders").flatMap({ Int($0) })
        else { return [] }
        let build = picture.replicasToBuild.count
        let summary = "max_wal_senders = \(limit), \(sql.replicas.count) in use, \(build) replicas to build"
        let remedy = "Raise max_wal_senders to at least \(sql.replicas.count + build * 2 + 2)."
        // One after the other they need one each and one more for the backup that runs.
        let least = sql.replicas.count + build + (build > 0 ? 1 : 0)
        if limit < least || limit == 0 { return [.fail(primary.name, summary, remedy: remedy, .restart)] }
        if build > 0, limit < sql.replicas.count + build * 2 {
            return [.warn(primary.name, summary, remedy: remedy, .restart)]
        }
        return [.ok(primary.name, summary)]
    },
    Rule(
        "wal.slots", "enough replication slots",
        fails: "fewer left than replicas need",
        why: "Each replica gets a slot, so that the WAL it needs is kept; only a restart gives more.",
        remedy: "Raise it, at a restart, or drop slots nobody uses.", .restart
    ) { picture in
        guard let primary = picture.primary, let sql = picture.primarySQL,
            let limit = sql.setting("max_replication_slots").flatMap({ Int($0) })
        else { return [] }
        let used = Set(sql.slots.map(\.name))
        let needed = picture.replicas.map { slotName(forMember: $0.name) }.filter { !used.contains($0) }.count
        let summary = "max_replication_slots = \(limit), \(used.count) in use, \(needed) needed"
        return limit >= used.count + needed
            ? [.ok(primary.name, summary)]
            : [
                .fail(
                    primary.name, summary,
                    remedy: "Raise it to at least \(used.count + needed + 2), or drop slots nobody uses.",
                    .restart)
            ]
    },
    listenAddresses,
    Rule(
        "settings.pending-restart", "no setting waits for a restart",
        warns: "there are some",
        why: "The next restart, planned or not, would change more than anybody expects.",
        remedy: "Confirm that the new ones are wanted.", .restart
    ) { picture in
        guard let primary = picture.primary, let sql = picture.primarySQL else { return [] }
        let pending = sql.settings.filter(\.pendingRestart).map(\.name)
        return pending.isEmpty
            ? [.ok(primary.name, "none waits")]
            : [
                .warn(
                    primary.name, "changed in a file, not in the server: \(listed(pending))",
                    remedy: "Confirm that the new values are wanted, or set the running ones in the file.", .restart)
            ]
    },
    Rule(
        "settings.parse", "configuration files have no errors",
        fails: "there are some",
        why: "A reload that meets an error keeps old values silently; a restart does not start.",
        remedy: "Correct the lines, reload.", .reload
    ) { picture in
        guard let primary = picture.primary, let server = picture.primaryServer, let sql = server.sql else {
            return []
        }
        let errors = sql.fileErrors.filter { error in server.hbaFile.map { !error.hasPrefix($0 + ":") } ?? true }
        return errors.isEmpty
            ? [.ok(primary.name, "no errors")]
            : [.fail(primary.name, listed(errors).oneLine, remedy: "Correct the lines and reload.", .reload)]
    },
    Rule(
        "settings.sync-standby", "nobody waits for a standby that is not there",
        warns: "set before adoption",
        why: "With synchronous_standby_names set, commits hang while the standbys it names are away.",
        remedy: "See that the standbys it names stay connected.", .reload
    ) { picture in
        guard let primary = picture.primary, let sql = picture.primarySQL,
            let names = sql.setting("synchronous_standby_names")
        else { return [] }
        if names.isEmpty { return [.ok(primary.name, "synchronous_standby_names is empty")] }
        if picture.isAdopted(primary) { return [.ok(primary.name, "kept by the agent: \(names)")] }
        return [
            .warn(
                primary.name, "synchronous_standby_names = '\(names)' is already set",
                remedy: "The agent takes it over; check that the standbys it names stay connected until then.",
                .reload)
        ]
    },
    Rule(
        "wal.rewind", "an old primary can be rewound",
        warns: "both off: after a failover the old primary is copied anew",
        why:
            "Without checksums or wal_log_hints pg_rewind refuses, and an old primary is built anew after a failover.",
        remedy: "`wal_log_hints = on` at the next planned restart.", .restart
    ) { picture in
        guard let primary = picture.primary, let control = picture.primaryServer?.control else { return [] }
        if control.dataChecksums { return [.ok(primary.name, "data checksums are on")] }
        if control.walLogHints { return [.ok(primary.name, "wal_log_hints is on")] }
        let size = picture.primarySQL.map { " (\($0.totalSize) to copy)" } ?? ""
        return [
            .warn(
                primary.name, "data checksums and wal_log_hints are off: a failover means a rebuild\(size)",
                remedy: "wal_log_hints = on at the next planned restart.", .restart)
        ]
    },
    Rule(
        "durability.fsync", "writes are made durable", fails: "fsync is off",
        why: "Without fsync a crash of the host corrupts the primary, and replicas copy what they get.",
        remedy: "fsync = on.", .reload
    ) { picture in
        guard let primary = picture.primary, let fsync = picture.setting("fsync") else { return [] }
        return fsync == "off" ? [.fail(primary.name, "fsync = off")] : [.ok(primary.name, "fsync = \(fsync)")]
    },
    Rule(
        "durability.full-page-writes", "torn pages can be repaired", warns: "full_page_writes is off",
        why: "A crash then leaves half-written pages, and pg_rewind refuses such a server.",
        remedy: "The plan turns it on; a file system that cannot tear pages is no reason against it.", .reload
    ) { picture in
        guard let primary = picture.primary, let pages = picture.setting("full_page_writes") else { return [] }
        return pages == "off"
            ? [.warn(primary.name, "full_page_writes = off")] : [.ok(primary.name, "full_page_writes = \(pages)")]
    },
]

private let listenAddresses = Rule(
    "net.listen-addresses", "the primary listens where replicas can reach it",
    fails: "not the address of the inventory, and no replica connects",
    warns: "some replicas connect, some do not; or this host only (such as `localhost`): the agent relays replication",
    why: "Replicas stream over TCP; listen_addresses changes only with a restart.",
    remedy: "Add the address, at a restart.", .restart
) { picture in
    guard let primary = picture.primary, let value = picture.setting("listen_addresses") else { return [] }
    let addresses = value.split(separator: ",").map { $0.filter { $0 != " " } }
    let shown = "listen_addresses = '\(value)'"
    let everywhere = ["*", "0.0.0.0", "::"]
    if addresses.contains(where: { everywhere.contains($0) || $0 == primary.spec.address }) {
        return [.ok(primary.name, shown)]
    }
    let port = picture.port(of: primary.spec)
    let reached = picture.replicas.filter { host in
        host.facts.reach.contains { $0.host == primary.spec.address && $0.port == port && $0.outcome == .open }
    }
    if !picture.replicas.isEmpty, reached.count == picture.replicas.count {
        return [.ok(primary.name, shown + ", and every replica connects")]
    }
    if picture.isRelayed {
        return [
            .warn(
                primary.name,
                shown + " takes connections of this host only: until the next planned restart replicas come through "
                    + "the relay of the agent, port \(picture.spec.replicas.portOfRelay)",
                remedy: "Nothing: the plan adds \(primary.spec.address) for the next planned restart.",
                .restart)
        ]
    }
    if ListenAddresses(value).isLocal { return [.ok(primary.name, shown + ", and there are no replicas")] }
    if reached.isEmpty {
        return [
            .fail(
                primary.name, shown + " does not name \(primary.spec.address)",
                remedy: "Add \(primary.spec.address) at a planned restart.", .restart)
        ]
    }
    return [
        .warn(primary.name, shown + "; not every replica connects", remedy: "Add \(primary.spec.address).", .restart)
    ]
}
