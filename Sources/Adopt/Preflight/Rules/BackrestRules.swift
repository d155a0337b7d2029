import Facts
import Inventory
import PostgresModel

/// The repository of pgBackRest from which replicas are to be restored. Nothing is said where the inventory names none.
let backrestRules: [Rule] = [
    Rule(
        "pgbackrest.installed", "pgBackRest is where it is needed", fails: "it is not installed",
        why: "The restore runs on the replica, and later on any member that must be built anew.",
        remedy: "Install the package pgbackrest there, in the primary's version.", .human
    ) { picture in
        picture.backrestHosts.map { host, found in
            guard let found else { return .fail(host.name, "it was not asked for", remedy: "See survey.complete.") }
            guard let program = found.program else { return .fail(host.name, "not installed") }
            return .ok(host.name, "\(program) \(found.version ?? "of an unknown version")")
        }
    },
    Rule(
        "pgbackrest.version", "pgBackRest is the same everywhere", fails: "another version than on the primary",
        why: "Its programs on two hosts talk to each other, and refuse any other version.",
        remedy: "Install the same version on all hosts of the repository.", .human
    ) { picture in
        guard let version = picture.primaryBackrest?.version else { return [] }
        return picture.backrestHosts.compactMap { host, found in
            guard host.name != picture.primary?.name, let own = found?.version else { return nil }
            return own == version
                ? .ok(host.name, own) : .fail(host.name, "\(own), but \(picture.primary?.name ?? "") has \(version)")
        }
    },
    Rule(
        "pgbackrest.stanza", "the stanza is this cluster's",
        fails: "the primary cannot read it, it does not exist, or it holds another cluster",
        why: "A restore of another cluster's backup is not a replica.",
        remedy: "See `pgbackrest info` as the PostgreSQL user; stanza-create; stanza-upgrade after pg_upgrade.", .human
    ) { picture in
        guard let primary = picture.primary, let found = picture.primaryBackrest, found.program != nil,
            let stanza = picture.spec.replicas.pgBackRest?.stanza
        else { return [] }
        if let problem = picture.unreadable(found) { return [.fail(primary.name, "\(stanza): \(problem)")] }
        guard let identifier = picture.systemIdentifier else { return [] }
        guard found.databases.contains(where: { $0.systemIdentifier == identifier }) else {
            let others = found.databases.map(\.systemIdentifier.description)
            return [.fail(primary.name, "\(stanza) holds \(others.isEmpty ? "nothing" : listed(others)), not \(identifier)")]
        }
        return [.ok(primary.name, "\(stanza) holds \(identifier)")]
    },
    Rule(
        "pgbackrest.backup", "the last backup is sound and not old",
        fails: "there is none, or it has pages with wrong checksums", warns: "it is more than 8 days old",
        why: "A replica begins as this backup, and replays all WAL that was written since.",
        remedy: "pgbackrest --stanza=NAME --type=full backup.", .human
    ) { picture in
        guard let primary = picture.primary, let found = picture.primaryBackrest, found.program != nil,
            picture.unreadable(found) == nil
        else { return [] }
        guard let backup = picture.backup(in: found) else { return [.fail(primary.name, "no backup of this cluster")] }
        let age = backup.age.map { ", \(spoken(seconds: $0)) old" } ?? ""
        let summary = "\(backup.label), \(backup.size)\(age)"
        if backup.isSound == false { return [.fail(primary.name, "\(summary), with errors in its pages")] }
        return [(backup.age ?? 0) > 8 * 86_400 ? .warn(primary.name, summary) : .ok(primary.name, summary)]
    },
    Rule(
        "pgbackrest.reach", "replicas reach the repository",
        fails: "the PostgreSQL user there cannot read the stanza", warns: "it sees another last backup than the primary",
        why: "The restore, and the WAL from the archive, are read by that user on the replica.",
        remedy: "Configure the repository there (repo1-host, keys, rights), and try `pgbackrest info` as that user.",
        .human
    ) { picture in
        guard let own = picture.primaryBackrest else { return [] }
        return picture.backrestHosts.compactMap { host, found in
            guard host.name != picture.primary?.name, let found, found.program != nil else { return nil }
            if let problem = picture.unreadable(found) { return .fail(host.name, problem) }
            let (there, here) = (picture.backup(in: found)?.label, picture.backup(in: own)?.label)
            guard let there else { return .fail(host.name, "it sees no backup of this cluster") }
            guard let here, there != here else { return .ok(host.name, "it sees \(there)") }
            return .warn(host.name, "it sees \(there), \(picture.primary?.name ?? "the primary") sees \(here)")
        }
    },
    Rule(
        "pgbackrest.archive", "the primary's WAL goes into the archive of the stanza",
        fails: "nothing is archived", warns: "archive_command does not name pgBackRest and the stanza",
        why: "WAL from the backup to the moment when the replica's slot is made is in the archive and nowhere else.",
        remedy: "archive_command = 'pgbackrest --stanza=NAME archive-push %p'; archive_mode needs a restart.", .reload
    ) { picture in
        guard let (primary, _) = picture.asked, let stanza = picture.spec.replicas.pgBackRest?.stanza else { return [] }
        guard let mode = picture.setting("archive_mode"), mode != "off" else {
            return [.fail(primary.name, "archive_mode is off")]
        }
        let command = picture.setting("archive_command") ?? ""
        let library = picture.setting("archive_library") ?? ""
        if command.isEmpty, library.isEmpty { return [.fail(primary.name, "archive_command is empty")] }
        let isNamed = command.contains("pgbackrest") && command.contains("archive-push") && command.contains(stanza)
        return [isNamed ? .ok(primary.name, "by archive-push") : .warn(primary.name, command.isEmpty ? library : command)]
    },
]

extension ClusterPicture {
    /// The primary and the replicas to build, with what they have of pgBackRest; empty where replicas are copied.
    fileprivate var backrestHosts: [(Host, BackrestFacts?)] {
        guard spec.replicas.pgBackRest != nil, !replicasToBuild.isEmpty else { return [] }
        return ([primary].compactMap { $0 } + replicasToBuild).map { ($0, $0.facts.pgBackRest) }
    }

    fileprivate var primaryBackrest: BackrestFacts? {
        backrestHosts.isEmpty ? nil : primary?.facts.pgBackRest
    }

    /// The backup that a restore would take.
    fileprivate func backup(in found: BackrestFacts) -> BackrestFacts.Backup? {
        found.newestBackup(of: systemIdentifier, repository: spec.replicas.pgBackRest?.repository)
    }

    /// Why the stanza cannot be used; a stanza without a backup can be read.
    fileprivate func unreadable(_ found: BackrestFacts) -> String? {
        if let problem = found.problem { return problem }
        guard let status = found.status, ![0, 2].contains(status) else { return nil }
        // With several repositories, one that is behind does not make the others useless.
        if (4...6).contains(status), !found.backups.isEmpty { return nil }
        return found.message ?? "its state is \(status)"
    }
}
