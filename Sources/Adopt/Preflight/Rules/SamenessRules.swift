import Facts
import PostgresModel

/// What must be the same on primary and replicas, because a physical copy or a failover takes it for granted.
let samenessRules: [Rule] = [
    Rule(
        "ssh.banner", "the login shell keeps quiet", warns: "it prints something before a command's output",
        why: "Text of a profile gets between a command and what reads it: scp, rsync and backup tools break on it.",
        remedy: "Print only when the shell is interactive.", .human
    ) { picture in
        picture.hosts.map { host in
            let bytes = host.facts.bannerBytes
            return bytes > 0 ? .warn(host.name, "\(bytes) bytes before the first output") : .ok(host.name, "quiet")
        }
    },
    Rule(
        "host.names", "hosts have names of their own", warns: "two hosts have the same hostname",
        why: "Logs, monitoring and backups tell hosts apart by it.", remedy: "hostnamectl set-hostname.", .human
    ) { picture in
        picture.hosts.map { host in
            let twin = picture.hosts.first { $0.name != host.name && $0.facts.system.hostname == host.facts.system.hostname }
            return twin.map { .warn(host.name, "\(host.facts.system.hostname), as \($0.name)") } ?? .ok(host.name, host.facts.system.hostname)
        }
    },
    Rule(
        "os.release", "one operating system release", warns: "a replica's differs",
        why: "Different releases bring different libraries, limits and paths: the failover is where one finds out.",
        remedy: "The same release everywhere.", .human
    ) { picture in
        guard let primary = picture.primary, let expected = primary.facts.system.release else { return [] }
        return picture.replicas.compactMap { host in
            guard let found = host.facts.system.release else { return nil }
            return found == expected ? .ok(host.name, found) : .warn(host.name, "\(found), but \(primary.name) has \(expected)")
        }
    },
    Rule(
        "os.word-size", "programs of one word size", fails: "a replica's differs", why: "A data directory of 64-bit programs cannot be read by 32-bit ones.",
        remedy: "Use a machine of the same kind.", .human
    ) { picture in
        guard let primary = picture.primary, let expected = primary.facts.kernel.wordBits else { return [] }
        return picture.replicas.compactMap { host in
            guard let found = host.facts.kernel.wordBits else { return nil }
            return found == expected ? .ok(host.name, "\(found) bits") : .fail(host.name, "\(found) bits, but \(primary.name) has \(expected)")
        }
    },
    Rule(
        "os.postgres-uid", "the PostgreSQL user has one number", warns: "its uid differs from the primary's",
        why: "Files on shared storage, and copies by tar or rsync, go by the number.", remedy: "usermod -u, or know that nothing is shared.", .human
    ) { picture in
        guard let primary = picture.primary, let expected = primary.facts.system.postgresUID else { return [] }
        return picture.replicas.compactMap { host in
            guard let found = host.facts.system.postgresUID else { return nil }
            return found == expected ? .ok(host.name, "uid \(found)") : .warn(host.name, "uid \(found), on \(primary.name) \(expected)")
        }
    },
    Rule(
        "hosts.same-cpus", "replicas have the processors", warns: "a replica has less than 70 % of the primary's",
        why: "After a failover it carries the primary's load.", remedy: "Give it more, or tag it nofailover.", .human
    ) { picture in
        guard let primary = picture.primary, let expected = primary.facts.system.cpuCount else { return [] }
        return picture.replicas.compactMap { host in
            guard let found = host.facts.system.cpuCount else { return nil }
            let summary = "\(found) processors, \(primary.name) has \(expected)"
            return found * 10 < expected * 7 ? .warn(host.name, summary) : .ok(host.name, summary)
        }
    },
    Rule(
        "os.time-zones", "one edition of the time zone rules", warns: "a replica's differs",
        why: "The same instant would be shown and cut into days differently after a failover.", remedy: "Update tzdata.", .none
    ) { picture in
        guard let primary = picture.primary, let expected = primary.facts.kernel.timeZoneData else { return [] }
        return picture.replicas.compactMap { host in
            guard let found = host.facts.kernel.timeZoneData else { return nil }
            return found == expected ? .ok(host.name, found) : .warn(host.name, "\(found), but \(primary.name) has \(expected)")
        }
    },
    Rule(
        "collation.probe", "words sort in the same order", fails: "a list of 1,500 words, sorted under a locale in use, comes out otherwise than on the primary",
        why: "An index built in one order and read in another silently loses rows. Version numbers only hint at this.",
        remedy: "The same operating system release; or REINDEX what uses the locale after every change of the leader.", .human
    ) { picture in
        guard let primary = picture.primary, let sql = picture.primarySQL else { return [] }
        let used = Set(sql.databases.filter { $0.provider == "c" }.map(\.collate)).subtracting(["C", "POSIX", ""])
        let expected = primary.facts.collationDigests
        return picture.replicas.compactMap { host in
            let found = host.facts.collationDigests
            guard found["C"] != nil, expected["C"] != nil else { return nil }
            let common = used.filter { expected[$0] != nil && found[$0] != nil }.sorted()
            // A locale that the host lacks sorts as C: locale.present speaks of that.
            let different = common.filter { found[$0] != expected[$0] && found[$0] != found["C"] }
            if !different.isEmpty { return .fail(host.name, "otherwise than on \(primary.name): \(listed(different))") }
            if common.isEmpty { return used.isEmpty ? .ok(host.name, "every database sorts by bytes or by ICU") : nil }
            return .ok(host.name, "the same order for \(listed(common))")
        }
    },
    Rule(
        "icu.version", "one version of ICU", fails: "a replica's major version differs and databases sort by ICU", warns: "it differs, and none does",
        why: "ICU's order changes between its versions, as glibc's did.", remedy: "The same release of the packages.", .human
    ) { picture in
        guard let primary = picture.primary, let expected = picture.installation(on: primary)?.icuVersion else { return [] }
        let users = picture.primarySQL?.databases.filter { $0.provider == "i" }.map(\.name) ?? []
        return picture.replicas.compactMap { host in
            guard let found = picture.installation(on: host)?.icuVersion else { return nil }
            if found == expected { return .ok(host.name, "ICU \(found)") }
            let summary = "ICU \(found), but \(primary.name) has \(expected)"
            return users.isEmpty ? .warn(host.name, summary) : .fail(host.name, "\(summary); used by \(listed(users))")
        }
    },
    Rule(
        "pg.build", "PostgreSQL was built alike", fails: "block sizes differ, as its configure options say", warns: "libraries differ (ICU, TLS, LZ4, Zstandard, LLVM)",
        why: "Pages of another size cannot be read; WAL compressed by a library that is missing neither.",
        remedy: "The same packages everywhere.", .none
    ) { picture in
        guard let primary = picture.primary, let here = picture.installation(on: primary), !here.configureOptions.isEmpty else { return [] }
        return picture.replicas.compactMap { host in
            guard let there = picture.installation(on: host), !there.configureOptions.isEmpty else { return nil }
            let sizes = here.options(["--with-blocksize", "--with-wal-blocksize", "--with-segsize", "--disable-integer-datetimes"])
            let theirSizes = there.options(["--with-blocksize", "--with-wal-blocksize", "--with-segsize", "--disable-integer-datetimes"])
            if sizes != theirSizes { return .fail(host.name, "built with \(shown(theirSizes)), on \(primary.name) with \(shown(sizes))") }
            let names = ["--with-icu", "--without-icu", "--with-openssl", "--with-ssl", "--with-lz4", "--with-zstd", "--with-llvm", "--with-gssapi", "--with-ldap", "--with-libxml"]
            let (ours, theirs) = (here.options(names), there.options(names))
            let lacking = ours.subtracting(theirs).sorted()
            return lacking.isEmpty ? .ok(host.name, "the same options") : .warn(host.name, "built without \(listed(lacking))")
        }
    },
    Rule(
        "pg.control", "data directories have one format", fails: "block or segment sizes in an existing copy differ",
        why: "Only a server of the same sizes can read it.", remedy: "Build the replica anew.", .human
    ) { picture in
        guard let expected = picture.primaryServer?.control, expected.blockSize != nil else { return [] }
        return picture.replicas.compactMap { host in
            guard let found = host.facts.target?.control, found.blockSize != nil else { return nil }
            let pairs = [("block size", found.blockSize, expected.blockSize), ("WAL block size", found.walBlockSize, expected.walBlockSize),
                ("WAL segment size", found.walSegmentSize, expected.walSegmentSize)]
            let different = pairs.filter { $0.1 != $0.2 }.map { "\($0.0) \($0.1 ?? 0), not \($0.2 ?? 0)" }
            return different.isEmpty ? .ok(host.name, "the same sizes") : .fail(host.name, listed(different))
        }
    },
    Rule(
        "pg.version.running", "the running server is the installed one", warns: "the programs on disk are newer than the running server",
        why: "The next start, planned or not, is also a minor upgrade.", remedy: "Plan that restart; read the release notes.", .restart
    ) { picture in
        guard let (primary, sql) = picture.asked, let server = picture.primaryServer,
            let installed = primary.facts.installations.first(where: { $0.binDirectory == server.binDirectory })
        else { return [] }
        return installed.version > sql.version
            ? [.warn(primary.name, "running \(sql.version), installed \(installed.version)")] : [.ok(primary.name, "\(sql.version)")]
    },
]

private func shown(_ options: Set<String>) -> String { options.isEmpty ? "default sizes" : listed(options.sorted()) }

extension InstallationFacts {
    /// Those of configure's options that begin with one of these words.
    fileprivate func options(_ names: [String]) -> Set<String> {
        Set(configureOptions.filter { option in names.contains { option == $0 || option.hasPrefix($0 + "=") } })
    }
}

extension SystemFacts {
    /// `debian 12`
    fileprivate var release: String? { osID.map { id in id + (osVersion.map { " \($0)" } ?? "") } }
}
