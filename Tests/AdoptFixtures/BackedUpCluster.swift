import Facts
import Inventory
import Planning
import PostgresModel

/// The legacy server with a repository of pgBackRest, and with its pg_wal on a disk of its own, which h2 has too.
public enum BackedUpCluster {
    public static let spec: ClusterSpec = {
        var spec = LegacyCluster.spec
        spec.replicas.pgBackRest = BackrestSpec(stanza: "shop", configFile: "/etc/pgbackrest.conf", processes: 4)
        return spec
    }()

    public static let facts: ClusterFacts = {
        var facts = LegacyCluster.facts
        for index in facts.hosts.indices {
            var found = BackrestFacts(program: "/usr/bin/pgbackrest", version: "2.44")
            (found.status, found.message) = (0, "ok")
            found.databases = [.init(systemIdentifier: SystemIdentifier(rawValue: 7_301_234_567_890_123_456), version: "15")]
            found.backups = [
                .init(
                    label: "20261122-020000F", systemIdentifier: SystemIdentifier(rawValue: 7_301_234_567_890_123_456),
                    age: 50_400, isSound: true, size: ByteCount(41 << 30), repositorySize: ByteCount(9 << 30),
                    walStart: "000000010000001600000080")
            ]
            facts.hosts[index].pgBackRest = found
            facts.hosts[index].target?.mountPoint = "/"
        }
        var details = ServerDetails()
        details.links = ["pg_wal": "/srv/wal/15/main"]
        facts.hosts[0].servers[0].details = details
        for (index, mount) in [(1, "/srv/wal"), (2, "/")] {
            facts.hosts[index].target?.walPlace = PlaceFacts(
                path: "/srv/wal/15/main", content: .absent, freeSpace: ByteCount(50 << 30), mountPoint: mount)
        }
        return facts
    }()

    public static var plan: Plan { get throws { try LegacyCluster.planner.plan(spec, facts, LegacyCluster.findings) } }
}
