import Facts
import Inventory
import PostgresModel

/// A cluster in which every check is ok: p leads, a and b are to become replicas. Tests break one thing each.
struct Sample {
    var facts: ClusterFacts
    var spec: ClusterSpec

    static let identifier = SystemIdentifier(rawValue: 7_000_000_000_000_000_001)
    static let data = "/var/lib/postgresql/15/main"

    static func control(_ identifier: SystemIdentifier = identifier, timeline: UInt32 = 1) -> ControlFacts {
        ControlFacts(
            systemIdentifier: identifier, timeline: Timeline(timeline), clusterState: "in production",
            dataChecksums: true, walLogHints: false)
    }

    init() {
        spec = ClusterSpec(
            name: "shop",
            hosts: [
                HostSpec(name: "p", role: .primary, address: "10.0.0.1", ssh: SSHSpec(host: "p")),
                HostSpec(name: "a", role: .replica, address: "10.0.0.2", ssh: SSHSpec(host: "a")),
                HostSpec(name: "b", role: .replica, address: "10.0.0.3", ssh: SSHSpec(host: "b")),
            ],
            store: StoreSpec(endpoints: ["10.0.0.1:2379", "10.0.0.2:2379", "10.0.0.3:2379"]))
        let store = StoreFacts(
            endpoints: spec.store.endpoints.map { StoreFacts.Endpoint(endpoint: $0, version: "3.5.16") }, memberCount: 3,
            keys: [:], revision: 1)
        facts = ClusterFacts(
            cluster: "shop", hosts: [Self.host("p"), Self.host("a"), Self.host("b")], store: store,
            takenAt: "2026-01-01T00:00:00Z")
        facts.hosts[0].servers = [Self.server()]
        facts.hosts[0].listeningPorts.append(5432)
        facts.hosts[0].target = TargetFacts(path: Self.data, content: .dataDirectory, control: Self.control())
    }

    private static func host(_ name: String) -> HostFacts {
        let system = SystemFacts(
            hostname: name, machineID: "id-of-\(name)", architecture: "x86_64", kernel: "6.1", osID: "debian", osVersion: "12",
            libc: "glibc 2.36", locales: ["C", "C.utf8", "en_US.utf8"], cpuCount: 4, memory: ByteCount(8 << 30),
            clockOffsetSeconds: 0.01, clockUncertaintySeconds: 0.01, clockSynchronised: true, loginUser: "admin",
            canBecomeRoot: true, canBecomePostgres: true, postgresUID: 105, initSystem: "systemd")
        var facts = HostFacts(host: name, system: system)
        facts.installations = [
            InstallationFacts(
                binDirectory: "/usr/lib/postgresql/15/bin", version: ServerVersion(150_008),
                libraryDirectory: "/usr/lib/postgresql/15/lib", libraries: ["plpgsql", "pg_stat_statements", "pgcrypto"])
        ]
        facts.target = TargetFacts(path: data, content: .empty, freeSpace: ByteCount(100 << 30))
        facts.listeningPorts = [22]
        if name != "p" { facts.reach = [ReachFacts(host: "10.0.0.1", port: 5432, outcome: .open)] }
        return facts
    }

    static func server(recovering: Bool = false, _ identifier: SystemIdentifier = identifier) -> ServerFacts {
        let values = [
            "wal_level": "replica", "max_wal_senders": "10", "max_replication_slots": "10", "listen_addresses": "*",
            "synchronous_standby_names": "", "fsync": "on", "full_page_writes": "on",
            "shared_preload_libraries": "pg_stat_statements", "port": "5432",
        ]
        var sql = SQLFacts(version: ServerVersion(150_008), isInRecovery: recovering)
        sql.settings = values.map { SettingFacts(name: $0.key, value: $0.value, context: "postmaster", source: "default") }
            .sorted { $0.name < $1.name }
        sql.databases = [
            DatabaseFacts(
                name: "shop", encoding: "UTF8", collate: "en_US.UTF-8", ctype: "en_US.UTF-8", provider: "c",
                collationVersion: "2.36", actualCollationVersion: "2.36", size: ByteCount(10 << 30))
        ]
        sql.totalSize = ByteCount(10 << 30)
        sql.libraries = ["$libdir/plpgsql", "$libdir/pgcrypto"]
        if recovering { sql.walReceiver = WALReceiverFacts(status: "streaming", senderHost: "10.0.0.1") }
        return ServerFacts(
            postmasterPID: 100, postmasterStartTicks: 5000, osUser: "postgres", dataDirectory: data, port: 5432,
            binDirectory: "/usr/lib/postgresql/15/bin", unit: "postgresql@15-main.service",
            unitProperties: ["Restart": "no", "UnitFileState": "enabled-runtime"],
            hbaFile: "/etc/postgresql/15/main/pg_hba.conf",
            hbaText: "local all postgres peer\nhost all all 10.0.0.0/8 scram-sha-256\n", control: control(identifier), sql: sql)
    }

    /// The same cluster after `apply`: agents everywhere, replicas streaming, keys in the store.
    static func adopted() -> Sample {
        var sample = Sample()
        for index in sample.facts.hosts.indices {
            sample.facts.hosts[index].agents = [AgentFacts(processID: 7, unit: "pgadopt-agent@shop.service")]
            sample.facts.hosts[index].listeningPorts = [22, 5432, 8008]
            sample.facts.hosts[index].target = TargetFacts(path: data, content: .dataDirectory, control: control())
            if index > 0 { sample.facts.hosts[index].servers = [server(recovering: true)] }
        }
        sample.server { server in
            server.unit = "pgadopt-shop.scope"
            server.hbaText = HBAFile(text: server.hbaText ?? "").replacingManagedBlock(with: [
                "host replication replicator 10.0.0.2/32 scram-sha-256",
                "host replication replicator 10.0.0.3/32 scram-sha-256",
            ]).text
        }
        sample.facts.store.keys = [
            "/service/shop/initialize": identifier.description, "/service/shop/leader": "p", "/service/shop/config": "{}",
        ]
        return sample
    }

    mutating func server(_ change: (inout ServerFacts) -> Void) { change(&facts.hosts[0].servers[0]) }

    mutating func sql(_ change: (inout SQLFacts) -> Void) {
        server { server in
            guard var sql = server.sql else { return }
            change(&sql)
            server.sql = sql
        }
    }

    mutating func set(_ name: String, _ value: String) {
        sql { sql in
            for index in sql.settings.indices where sql.settings[index].name == name { sql.settings[index].value = value }
        }
    }

    mutating func system(_ host: Int, _ change: (inout SystemFacts) -> Void) { change(&facts.hosts[host].system) }
}
