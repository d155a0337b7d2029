import Facts
import Inventory
import PostgresModel
import Preflight
import Testing

extension Sample {
    /// Replicas are to be restored from pgBackRest, and all is well.
    mutating func restoreFromBackup() {
        spec.replicas.pgBackRest = BackrestSpec(stanza: "shop")
        for index in facts.hosts.indices {
            var found = BackrestFacts(program: "/usr/bin/pgbackrest", version: "2.44")
            (found.status, found.message) = (0, "ok")
            found.databases = [.init(systemIdentifier: Self.identifier, version: "15")]
            found.backups = [
                .init(
                    label: "20261122-020000F", systemIdentifier: Self.identifier, age: 3600, isSound: true,
                    size: ByteCount(10 << 30), repositorySize: ByteCount(3 << 30))
            ]
            facts.hosts[index].pgBackRest = found
        }
    }

    fileprivate static func backup(
        on host: Int = 0, _ change: @escaping @Sendable (inout BackrestFacts) -> Void
    ) -> @Sendable (inout Sample) -> Void {
        { sample in
            sample.restoreFromBackup()
            if var found = sample.facts.hosts[host].pgBackRest {
                change(&found)
                sample.facts.hosts[host].pgBackRest = found
            }
        }
    }

    fileprivate static func walDirectory(
        named: String? = nil, _ place: PlaceFacts?
    ) -> @Sendable (inout Sample) -> Void {
        { sample in
            sample.server { $0.details?.links = ["pg_wal": "/wal/15"] }
            sample.spec.hosts[1].postgres.walDirectory = named
            sample.facts.hosts[1].target?.mountPoint = "/var"
            sample.facts.hosts[1].target?.walPlace = place
        }
    }
}

let brokenBackrest: [Broken] = [
    Broken("pgbackrest.installed", "a", .fail, "not installed", Sample.backup(on: 1) { $0.program = nil }),
    Broken("pgbackrest.installed", "a", .fail, "was not asked for") {
        $0.restoreFromBackup()
        $0.facts.hosts[1].pgBackRest = nil
    },
    Broken("pgbackrest.version", "a", .fail, "2.50, but p has 2.44", Sample.backup(on: 1) { $0.version = "2.50" }),
    Broken("pgbackrest.stanza", "p", .fail, "shop: missing stanza path", Sample.backup {
        ($0.status, $0.message) = (1, "missing stanza path")
    }),
    Broken("pgbackrest.stanza", "p", .fail, "holds 5, not 7000000000000000001", Sample.backup {
        $0.databases = [.init(systemIdentifier: SystemIdentifier(rawValue: 5), version: "15")]
    }),
    Broken("pgbackrest.backup", "p", .fail, "no backup of this cluster", Sample.backup {
        ($0.status, $0.backups) = (2, [])
    }),
    Broken("pgbackrest.backup", "p", .fail, "with errors in its pages", Sample.backup { $0.backups[0].isSound = false }),
    Broken("pgbackrest.backup", "p", .warn, "9.0 d old", Sample.backup { $0.backups[0].age = 9 * 86_400 }),
    Broken("pgbackrest.reach", "a", .fail, "unable to open", Sample.backup(on: 1) {
        ($0.problem, $0.status, $0.backups) = ("[042]: unable to open repo1-path", nil, [])
    }),
    Broken("pgbackrest.reach", "a", .fail, "sees no backup", Sample.backup(on: 1) { ($0.status, $0.backups) = (2, []) }),
    Broken("pgbackrest.reach", "a", .warn, "it sees 20260101-020000F, p sees 20261122-020000F", Sample.backup(on: 1) {
        $0.backups[0].label = "20260101-020000F"
    }),
    Broken("pgbackrest.archive", "p", .fail, "archive_mode is off") {
        $0.restoreFromBackup()
        $0.set("archive_mode", "off")
    },
    Broken("pgbackrest.archive", "p", .warn, "cp %p /archive/%f") {
        $0.restoreFromBackup()
        $0.set("archive_command", "cp %p /archive/%f")
    },
    Broken("wal.place", "a", .warn, "no /wal/15 here", Sample.walDirectory(
        .init(path: "/wal/15", content: .absent, mountPoint: "/"))),
    Broken("wal.place", "a", .fail, "/wal/15 is not empty", Sample.walDirectory(
        .init(path: "/wal/15", content: .otherFiles, mountPoint: "/wal"))),
    Broken("wal.place", "a", .fail, "nothing is known", Sample.walDirectory(nil)),
    Broken("wal.place", "a", .fail, "in the data directory", Sample.walDirectory(named: Sample.data + "/wal", nil)),
    Broken("wal.place", "a", .warn, "will be made on the disk of /", Sample.walDirectory(
        named: "/own/wal", .init(path: "/own/wal", content: .absent, mountPoint: "/"))),
]

@Suite struct BackrestRuleTests {
    @Test func `a repository that is ready has only ok findings, and all its rules speak`() {
        var sample = Sample()
        sample.restoreFromBackup()
        let findings = evaluate(sample.facts, sample.spec).filter { $0.name.hasPrefix("pgbackrest.") }
        #expect(findings.filter { $0.verdict != .ok } == [])
        #expect(Set(findings.map(\.name)) == ofBackrest)
    }

    @Test func `once all replicas run, the repository is nobody's concern here`() {
        var sample = Sample.adopted()
        sample.spec.replicas.pgBackRest = BackrestSpec(stanza: "shop")
        let findings = evaluate(sample.facts, sample.spec).filter { $0.name.hasPrefix("pgbackrest.") }
        #expect(findings.filter { $0.verdict != .ok } == [])
    }

    @Test func `a disk at the primary's place is taken`() {
        var sample = Sample()
        let place = PlaceFacts(path: "/wal/15", content: .absent, freeSpace: ByteCount(1 << 30), mountPoint: "/wal")
        Sample.walDirectory(place)(&sample)
        let finding = evaluate(sample.facts, sample.spec).first { $0.name == "wal.place" && $0.host == "a" }
        #expect(finding?.verdict == .ok)
        #expect(finding?.summary == "/wal/15 will be made on /wal, 1.0 GiB free")
    }
}

/// Silent where the inventory names no stanza.
let ofBackrest: Set<String> = Set(allRules.map(\.name).filter { $0.hasPrefix("pgbackrest.") })
