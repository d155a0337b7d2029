import Facts
import PostgresModel

/// Versions, programs and libraries.
let binaryRules: [Rule] = [
    Rule(
        "pg.version.supported", "the server's version is one we know",
        fails: "not 12 to 18, or unknown",
        warns: "before 14: its project gives no more fixes",
        why: "Older versions lack what adoption without a restart rests on; newer ones were never tried.",
        remedy: "Upgrade first.", .human
    ) { picture in
        guard let primary = picture.primary else { return [] }
        guard let version = picture.primarySQL?.version else {
            return [.fail(primary.name, "the version is not known, because no SQL could be asked", remedy: "See survey.complete.", .human)]
        }
        guard (12...18).contains(version.major) else {
            return [.fail(primary.name, "PostgreSQL \(version); 12 to 18 are supported", remedy: "Upgrade first.", .human)]
        }
        if version.major < 14 {
            return [.warn(
                primary.name, "PostgreSQL \(version) gets no more fixes from its project",
                remedy: "Plan a major upgrade after the adoption.", .human)]
        }
        return [.ok(primary.name, "PostgreSQL \(version)")]
    },
    Rule(
        "pg.version.target", "the same major version is installed on replicas",
        fails: "another major version, or none",
        warns: "an older minor one",
        why: "A physical replica needs the same major version, and should not be older in the minor one.",
        remedy: "Install or update the packages.", .none
    ) { picture in
        guard let version = picture.primarySQL?.version else { return [] }
        return picture.replicas.map { host in
            guard let installed = picture.installation(on: host) else {
                let found = host.facts.installations.map { "\($0.version)" }
                return .fail(
                    host.name, "PostgreSQL \(version.major) is not installed; found: \(found.isEmpty ? "none" : listed(found))",
                    remedy: "Install the packages of PostgreSQL \(version.major).", .none)
            }
            if installed.version.major != version.major {
                return .fail(
                    host.name, "\(installed.binDirectory) is version \(installed.version), the primary runs \(version)",
                    remedy: "Name the right directory in the inventory.", .none)
            }
            return installed.version < version
                ? .warn(
                    host.name, "\(installed.version), the primary runs \(version)",
                    remedy: "Update the packages before the replica is built.", .none)
                : .ok(host.name, "PostgreSQL \(installed.version)")
        }
    },
    Rule(
        "pg.programs", "pg_basebackup, pg_rewind, pg_controldata, pg_ctl and psql are there",
        fails: "one is missing on a member",
        why: "They build a replica, bring back an old primary, and answer the checks.",
        remedy: "The complete server and client packages.", .none
    ) { picture in
        picture.members.compactMap { host in
            guard let installed = picture.installation(on: host) else { return nil }
            return installed.missingPrograms.isEmpty
                ? .ok(host.name, "all in \(installed.binDirectory)")
                : .fail(
                    host.name, "missing in \(installed.binDirectory): \(listed(installed.missingPrograms))",
                    remedy: "Install the complete server and client packages.", .none)
        }
    },
    Rule(
        "collation.stored", "no index was built with another collation version",
        warns: "a database or collation was built with another version",
        why: "The damage would be copied to every replica, and be blamed on the failover.",
        remedy: "`REINDEX`, then `REFRESH VERSION`.", .human
    ) { picture in
        guard let primary = picture.primary, let sql = picture.primarySQL else { return [] }
        let stale = sql.databases.filter { $0.collationVersion != nil && $0.collationVersion != $0.actualCollationVersion }
            .map { "database \($0.name) (\($0.collationVersion ?? "?"), library \($0.actualCollationVersion ?? "?"))" }
            + sql.staleCollations.map { "collation \($0)" }
        return stale.isEmpty
            ? [.ok(primary.name, "stored versions are the library's")]
            : [.warn(
                primary.name, "not the library's version: \(listed(stale))",
                remedy: "REINDEX what uses it, then ALTER DATABASE or COLLATION ... REFRESH VERSION.", .human)]
    },
    Rule(
        "extensions.preload", "preloaded libraries are installed on replicas",
        fails: "a replica lacks one",
        why: "A server whose preloaded library is missing does not start.",
        remedy: "Install the package that brings it.", .none
    ) { picture in
        let names = ["shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"]
            .flatMap { preloaded(picture.setting($0) ?? "") }
        return libraryIssues(picture, names)
    },
    Rule(
        "extensions.installed", "libraries of functions are installed on replicas",
        fails: "a replica lacks one",
        why: "A function whose library is missing fails at its first use after a failover.",
        remedy: "Install the package that brings it.", .none
    ) { picture in
        libraryIssues(picture, (picture.primarySQL?.libraries ?? []).compactMap(libraryName))
    },
]

/// Names of a comma-separated, perhaps quoted, list of libraries.
private func preloaded(_ value: String) -> [String] {
    value.split(separator: ",").compactMap { piece in
        libraryName(piece.filter { $0 != " " && $0 != "\"" && $0 != "'" })
    }
}

/// The file name without `.so` of a library in the standard directory; nil for one elsewhere, which no list shows.
private func libraryName(_ text: String) -> String? {
    var name = text[...]
    for prefix in ["$libdir/plugins/", "$libdir/"] where name.hasPrefix(prefix) { name = name.dropFirst(prefix.count) }
    if name.hasSuffix(".so") { name = name.dropLast(3) }
    return name.isEmpty || name.contains("/") ? nil : String(name)
}

private func libraryIssues(_ picture: ClusterPicture, _ names: [String]) -> [Issue] {
    picture.replicas.compactMap { host in
        guard picture.primarySQL != nil, let installed = picture.installation(on: host) else { return nil }
        let missing = Set(names).subtracting(installed.libraries).sorted()
        return missing.isEmpty
            ? .ok(host.name, "\(Set(names).count) libraries, all there")
            : .fail(
                host.name, "not in \(installed.libraryDirectory ?? installed.binDirectory): \(listed(missing))",
                remedy: "Install the packages that bring them.", .none)
    }
}
