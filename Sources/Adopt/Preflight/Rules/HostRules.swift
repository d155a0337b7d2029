import Facts
import PostgresModel

/// The machines: are they different ones, alike enough, and do their clocks agree?
let hostRules: [Rule] = [
    Rule(
        "host.unique", "every name is a machine of its own",
        fails: "two names have the same",
        why: "Two names for one machine make a cluster that loses everything at once, and a build that wipes its source.",
        remedy: "Correct the inventory; `systemd-machine-id-setup` on clones.", .human
    ) { picture in
        picture.hosts.map { host in
            let twin = picture.hosts.first {
                $0.name != host.name && $0.facts.system.machineID != nil
                    && $0.facts.system.machineID == host.facts.system.machineID
            }
            guard let twin else { return .ok(host.name, "machine id is unique") }
            return .fail(
                host.name, "has the same /etc/machine-id as \(twin.name)",
                remedy: "Correct the inventory; for cloned machines make new ids with systemd-machine-id-setup.", .human)
        }
    },
    Rule(
        "os.arch", "one processor architecture",
        fails: "a replica's differs from the primary's",
        why: "A physical copy carries the byte order and alignment of the machine it was made on.",
        remedy: "A machine of the same kind.", .human
    ) { picture in
        guard let primary = picture.primary else { return [] }
        return picture.replicas.map { host in
            let (here, there) = (host.facts.system.architecture, primary.facts.system.architecture)
            return here == there
                ? .ok(host.name, here)
                : .fail(host.name, "\(here), but \(primary.name) is \(there)", remedy: "Use a machine of the same kind.", .human)
        }
    },
    Rule(
        "os.postgres-user", "the PostgreSQL user exists",
        fails: "it does not exist on a member",
        why: "It owns the data directory and runs the server.",
        remedy: "Install the packages, or create it.", .none
    ) { picture in
        picture.members.map { host in
            let user = picture.postgres(host.spec).osUser ?? "postgres"
            return host.facts.system.hasPostgresUser
                ? .ok(host.name, "user \(user) exists")
                : .fail(host.name, "there is no user \(user)", remedy: "Install PostgreSQL's packages, or create it.", .none)
        }
    },
    libcVersion, localePresent, clockOffset,
    Rule(
        "hosts.same-memory", "replicas are not dwarfs",
        warns: "a replica has less than 70 % of the primary's",
        why: "After a failover the replica carries the primary's load, with settings made for the primary's memory.",
        remedy: "More memory, or the tag `nofailover`.", .human
    ) { picture in
        guard let primary = picture.primary, let expected = primary.facts.system.memory else { return [] }
        return picture.replicas.compactMap { host in
            guard let memory = host.facts.system.memory else { return nil }
            let percent = Int(Double(memory.rawValue) / Double(max(1, expected.rawValue)) * 100)
            return percent >= 70
                ? .ok(host.name, "\(memory) of memory, \(primary.name) has \(expected)")
                : .warn(
                    host.name, "\(memory) of memory, \(percent) % of \(primary.name)'s \(expected)",
                    remedy: "Give it more, or tag it nofailover.", .human)
        }
    },
]

private let libcVersion = Rule(
        "libc.version", "one C library, one sort order",
        fails: "the versions lie on both sides of glibc 2.28 and a database sorts by it",
        warns: "they differ otherwise, or one is unknown",
        why: "glibc 2.28 changed how text sorts: an index built with one order and read with another silently loses rows.",
        remedy: "The same OS release, or reindex text after every change of the leader.", .human
    ) { picture in
    guard let primary = picture.primary, let expected = primary.facts.system.libc else { return [] }
    let databases = picture.primarySQL?.databases.filter { !$0.sortsByBytes }.map(\.name) ?? []
    return picture.replicas.map { host in
        guard let libc = host.facts.system.libc else {
            return .warn(host.name, "the C library's version is not known", remedy: "Compare it with \(primary.name)'s.", .human)
        }
        if libc == expected { return .ok(host.name, libc) }
        let summary = "\(libc), but \(primary.name) has \(expected)"
        let remedy = "Use the same operating system release, or reindex all text indexes after every change of the leader."
        let crosses = isModernGlibc(libc) != isModernGlibc(expected)
        return crosses && !databases.isEmpty
            ? .fail(host.name, summary + "; databases that sort by it: \(listed(databases))", remedy: remedy, .human)
            : .warn(host.name, summary, remedy: remedy, .human)
    }
}

/// True for glibc 2.28 and later, false for earlier ones, nil for another library.
private func isModernGlibc(_ libc: String) -> Bool? {
    guard libc.lowercased().contains("glibc") || libc.lowercased().contains("gnu libc"),
        let version = libc.split(separator: " ").last(where: { $0.first?.isNumber == true })
    else { return nil }
    let parts = version.split(separator: ".").compactMap { Int($0) }
    guard parts.count >= 2 else { return nil }
    return (parts[0], parts[1]) >= (2, 28)
}

extension DatabaseFacts {
    /// True: text is compared byte by byte, or by rules PostgreSQL brings itself.
    var sortsByBytes: Bool {
        provider == "b" || provider == "c" && ["C", "POSIX"].contains(collate)
    }
}

private let localePresent = Rule(
        "locale.present", "the databases' locales exist on every host",
        fails: "a replica lacks one",
        warns: "`locale -a` told nothing",
        why: "A database whose locale the host does not know refuses every connection.",
        remedy: "Generate it.", .none
    ) { picture in
    let used = Set((picture.primarySQL?.databases ?? []).flatMap { [$0.collate, $0.ctype] })
        .subtracting(["", "C", "POSIX"])
    guard picture.primarySQL != nil else { return [] }
    return picture.replicas.map { host in
        let known = Set(host.facts.system.locales.map(normalizedLocale))
        if known.isEmpty, !used.isEmpty {
            return .warn(host.name, "locale -a told nothing", remedy: "Check that \(listed(used.sorted())) exist.", .human)
        }
        let missing = used.filter { !known.contains(normalizedLocale($0)) }.sorted()
        return missing.isEmpty
            ? .ok(host.name, "has \(used.isEmpty ? "all it needs" : listed(used.sorted()))")
            : .fail(host.name, "lacks the locale \(listed(missing))", remedy: "Generate it (locale-gen, localedef).", .none)
    }
}

/// `en_US.UTF-8` and `en_US.utf8` are the same locale to glibc.
private func normalizedLocale(_ name: String) -> String {
    let parts = name.split(separator: ".", maxSplits: 1)
    guard parts.count == 2 else { return name }
    return parts[0] + "." + parts[1].lowercased().filter { $0 != "-" }
}

private let clockOffset = Rule(
        "clock.offset", "clocks agree and are kept right",
        fails: "more than 1 s off",
        warns: "more than 0.1 s off, unreadable, or right now and not synchronised",
        why: "Scheduled switchovers, certificates and the order of log lines go by the time of day (leases do not).",
        remedy: "Chrony or systemd-timesyncd.", .service
    ) { picture in
    picture.hosts.map { host in
        let system = host.facts.system
        let remedy = "Install and start chrony or systemd-timesyncd."
        guard let offset = system.clockOffsetSeconds else {
            return .warn(host.name, "the clock could not be read", remedy: remedy, .service)
        }
        // Only what exceeds the doubt of the measurement is held against the host.
        let sure = max(0, abs(offset) - (system.clockUncertaintySeconds ?? 0))
        let shown = "\((sure * 1000).rounded() / 1000) s off the control host"
        if sure > 1 { return .fail(host.name, shown, remedy: remedy, .service) }
        if sure > 0.1 { return .warn(host.name, shown, remedy: remedy, .service) }
        if system.clockSynchronised == false, system.container == nil {
            return .warn(host.name, "right now, but nothing keeps the clock right", remedy: remedy, .service)
        }
        return .ok(host.name, "agrees with the control host")
    }
}
