import Facts
import PostgresModel

/// Things in the databases that a copy or a failover touches.
let objectRules: [Rule] = [
    Rule(
        "objects.unlogged", "no unlogged tables", warns: "there are some", why: "They are empty after a failover.",
        remedy: "ALTER TABLE ... SET LOGGED (it writes the table as WAL, under a lock), or know that they are lost.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        let names = sql.objects.unloggedTables.isEmpty ? "" : ": \(listed(sql.objects.unloggedTables))"
        return sql.unloggedTables == 0
            ? [.ok(primary.name, "none")] : [.warn(primary.name, "\(sql.unloggedTables) unlogged tables\(names)")]
    },
    Rule(
        "objects.prepared", "no forgotten prepared transactions", warns: "one is over 5 minutes old",
        why: "It keeps locks and holds back vacuum, also after a failover, until somebody ends it.",
        remedy: "COMMIT PREPARED or ROLLBACK PREPARED, with its owner's word.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        let count = sql.openPreparedTransactions
        guard count > 0 else { return [.ok(primary.name, "none")] }
        guard let age = sql.activity?.oldestPrepared else { return [] }
        let summary = "\(count) prepared, the oldest for \(spoken(seconds: age))"
        return age > 300 ? [.warn(primary.name, summary)] : [.ok(primary.name, summary)]
    },
    Rule(
        "slots.logical", "logical slots survive a failover",
        warns: "there are logical slots, and the version is before 17 or they are not marked as failover slots",
        why: "A new primary has no such slot: its consumer sees a gap, or stops.",
        remedy: "From 17 on make them with failover = true; before, tell their consumers.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        let lost = sql.slots.filter { $0.isLogical && !$0.isFailover }.map { "\($0.name) (\($0.plugin ?? "?"))" }
        return lost.isEmpty ? [.ok(primary.name, "none that would be lost")] : [.warn(primary.name, "lost by a failover: \(listed(lost))")]
    },
    Rule(
        "objects.subscriptions", "no subscription runs here", warns: "the primary subscribes to another server",
        why: "After a failover the subscription goes on from the new primary, whose address the publisher must let in.",
        remedy: "Let every member in on the publisher; see that names in the connection are right everywhere.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, sql.objects.databasesRead > 0 else { return [] }
        let names = sql.objects.subscriptions
        return names.isEmpty ? [.ok(primary.name, "none")] : [.warn(primary.name, listed(names))]
    },
    Rule(
        "objects.foreign-files", "foreign data is not on this host", warns: "foreign servers or tables name local files or programs",
        why: "The next primary has no such file.", remedy: "Put the files where every member reaches them.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, sql.objects.databasesRead > 0 else { return [] }
        let names = sql.objects.foreignFiles
        return names.isEmpty ? [.ok(primary.name, "none")] : [.warn(primary.name, listed(names))]
    },
    Rule(
        "objects.login-triggers", "no trigger judges logins", warns: "there are login event triggers (17 and later)",
        why: "One that raises an error locks the agent out, and the agent then takes the server for failed.",
        remedy: "Let it pass superusers and the roles of pgadopt.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, sql.objects.databasesRead > 0 else { return [] }
        let names = sql.objects.loginTriggers
        return names.isEmpty ? [.ok(primary.name, "none")] : [.warn(primary.name, listed(names))]
    },
    Rule(
        "objects.invalid-indexes", "every index is valid", warns: "there are invalid ones",
        why: "A CREATE INDEX CONCURRENTLY that failed leaves one: it costs writes and answers nothing.",
        remedy: "REINDEX INDEX CONCURRENTLY, or drop it.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, sql.objects.databasesRead > 0 else { return [] }
        let names = sql.objects.invalidIndexes
        return names.isEmpty ? [.ok(primary.name, "none is invalid")] : [.warn(primary.name, listed(names))]
    },
    Rule(
        "corruption.checksums", "no page failed its checksum", fails: "pg_stat_database counts checksum failures",
        why: "A base backup copies the damage, or stops at it.", remedy: "Restore the damaged pages first.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        let bad = sql.databases.filter { ($0.checksumFailures ?? 0) > 0 }.map { "\($0.name): \($0.checksumFailures ?? 0)" }
        return bad.isEmpty ? [.ok(primary.name, "no failure counted")] : [.fail(primary.name, listed(bad))]
    },
    Rule(
        "vacuum.wraparound", "transaction ids last", fails: "a database is over 1.5 billion transactions old", warns: "over 1 billion",
        why: "Near 2 billion the server stops taking writes; that is an outage no failover ends.",
        remedy: "VACUUM (FREEZE) it before anything else.", .none
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        let oldest = sql.databases.map { ($0.name, max($0.transactionAge ?? 0, $0.multixactAge ?? 0)) }.max { $0.1 < $1.1 }
        guard let (name, age) = oldest, age > 0 else { return [] }
        let summary = "\(age / 1_000_000) million transactions, in \(name)"
        if age > 1_500_000_000 { return [.fail(primary.name, summary)] }
        return age > 1_000_000_000 ? [.warn(primary.name, summary)] : [.ok(primary.name, summary)]
    },
    Rule(
        "activity.long-transactions", "no transaction runs for hours", warns: "one is open for over an hour",
        why: "It holds back vacuum here and on every standby, and a switchover will cut it off.",
        remedy: "Wait for it, or end it with its owner's word.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, let activity = sql.activity else { return [] }
        guard let seconds = activity.longestTransaction else { return [.ok(primary.name, "none is open")] }
        let summary = "the oldest is open for \(spoken(seconds: seconds)), by \(activity.longestTransactionOwner ?? "?")"
        return seconds > 3600 ? [.warn(primary.name, summary)] : [.ok(primary.name, summary)]
    },
    Rule(
        "data.files", "the number of files is moderate", warns: "over a million files",
        why: "A base backup is bound by files, not bytes, from there on, and its manifest takes memory.",
        remedy: "Drop what nobody needs, or build replicas with a backup tool that works in parallel.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, sql.isSizeKnown else { return [] }
        let files = sql.databases.reduce(0) { $0 + ($1.files ?? 0) }
        let summary = "\(files) files, \(sql.totalSize) in \(sql.databases.count) databases"
        return files > 1_000_000 ? [.warn(primary.name, summary)] : [.ok(primary.name, summary)]
    },
    Rule(
        "extensions.special", "no extension needs a plan of its own",
        warns: "timescaledb, citus, pg_cron, pglogical, repmgr, pg_failover_slots, powa or pg_auto_failover is installed",
        why: "They have workers or metadata that behave differently on a replica, or manage failover themselves.",
        remedy: "Read what its documentation says of physical replicas.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, sql.objects.databasesRead > 0 else { return [] }
        let special = ["timescaledb", "citus", "pg_cron", "pglogical", "repmgr", "pg_failover_slots", "powa", "pgautofailover", "pg_tde"]
        let found = special.filter { name in sql.extensions.contains { $0.contains("/\(name) ") } }
        return found.isEmpty ? [.ok(primary.name, "none")] : [.warn(primary.name, listed(found))]
    },
    Rule(
        "extensions.versions", "extensions' files have the same version everywhere", warns: "a replica's package brings another version",
        why: "A library that is newer than what the database knows may refuse its functions after a failover.",
        remedy: "Install the same version of the package.", .none
    ) { picture in
        guard let primary = picture.primary, let sql = picture.primarySQL, let here = picture.installation(on: primary) else { return [] }
        let used = Set(sql.extensions.compactMap { $0.split(separator: "/").last?.split(separator: " ").first.map(String.init) })
        return picture.replicas.compactMap { host in
            guard let there = picture.installation(on: host) else { return nil }
            let different = used.sorted().compactMap { name -> String? in
                guard let ours = here.extensionVersions[name], let theirs = there.extensionVersions[name], ours != theirs
                else { return nil }
                return "\(name) \(theirs), \(primary.name) has \(ours)"
            }
            return different.isEmpty ? .ok(host.name, "\(used.count) extensions") : .warn(host.name, listed(different))
        }
    },
    Rule(
        "extensions.files", "extensions' files are on replicas", warns: "a replica lacks the control file of one in use",
        why: "ALTER EXTENSION and a restore of a dump need it there after a failover.",
        remedy: "Install the package that brings it.", .none
    ) { picture in
        guard let sql = picture.primarySQL else { return [] }
        let used = Set(sql.extensions.compactMap { $0.split(separator: "/").last?.split(separator: " ").first.map(String.init) })
        return picture.replicas.compactMap { host in
            guard let installed = picture.installation(on: host), !installed.extensions.isEmpty else { return nil }
            let missing = used.subtracting(installed.extensions).sorted()
            return missing.isEmpty ? .ok(host.name, "\(used.count) extensions, all there") : .warn(host.name, "lacks \(listed(missing))")
        }
    },
    Rule(
        "extensions.languages", "languages find their interpreters", fails: "a language's library on a replica lacks a library it needs",
        warns: "untrusted languages are in use",
        why: "Functions in it fail after a failover, and may use files of their host.",
        remedy: "Install the interpreter, the same version.", .none
    ) { picture in
        guard let sql = picture.primarySQL, sql.objects.databasesRead > 0 else { return [] }
        let languages = Set(sql.objects.languages.compactMap { $0.split(separator: "/").last.map(String.init) }).sorted()
        return picture.replicas.compactMap { host in
            guard let installed = picture.installation(on: host) else { return nil }
            if languages.isEmpty { return .ok(host.name, "no other languages") }
            if let broken = installed.brokenLibraries.first { return .fail(host.name, broken) }
            let untrusted = languages.filter { $0.hasSuffix("u") }
            return untrusted.isEmpty ? .ok(host.name, listed(languages)) : .warn(host.name, "untrusted: \(listed(untrusted))")
        }
    },
    Rule(
        "text-search.files", "text search files are the same everywhere", warns: "a replica lacks files of tsearch_data",
        why: "A dictionary that is missing makes queries and index updates fail after a failover.",
        remedy: "Copy the files of $sharedir/tsearch_data.", .none
    ) { picture in
        guard let primary = picture.primary, let here = picture.installation(on: primary), !here.dictionaries.isEmpty else { return [] }
        return picture.replicas.compactMap { host in
            guard let there = picture.installation(on: host) else { return nil }
            let missing = Set(here.dictionaries).subtracting(there.dictionaries).sorted()
            return missing.isEmpty
                ? .ok(host.name, "\(here.dictionaries.count) files, all there") : .warn(host.name, "lacks \(listed(missing))")
        }
    },
]
