import Facts
import Inventory
import Planning
import PostgresModel
import Preflight

/// A Debian server of the kind that gets adopted, with two empty hosts beside it.
public enum LegacyCluster {
    public static let hba = """
        local all postgres peer
        host all all 127.0.0.1/32 scram-sha-256
        host app app 10.0.0.0/8 scram-sha-256

        """

    public static let spec = ClusterSpec(
        name: "shop",
        hosts: [
            host("h1", .primary, "10.77.0.1"), host("h2", .replica, "10.77.0.2"), host("h3", .replica, "10.77.0.3"),
        ],
        store: StoreSpec(endpoints: ["10.77.0.1:2379", "10.77.0.2:2379", "10.77.0.3:2379"]))

    public static let bundle = BundleSource(
        path: "/opt/pgadopt/pgadopt-agent.tar.gz", digest: sha256("bundle"), size: ByteCount(24 << 20))

    public static let planner = Planner(bundle: bundle, toolVersion: "0.1.0", createdAt: "2026-11-22T16:00:00Z")

    public static let findings = [
        Finding(name: "ssh.reach", host: "h1", verdict: .ok, summary: "reached in 3 ms"),
        Finding(
            name: "wal.log-hints", host: "h1", verdict: .warn,
            summary: "wal_log_hints is off and data checksums are off",
            why: "pg_rewind needs one of them; without it the old leader is rebuilt after a failover",
            remedy: "set wal_log_hints = on", effect: .restart),
    ]

    static func host(_ name: String, _ role: HostRole, _ address: String) -> HostSpec {
        HostSpec(name: name, role: role, address: address, ssh: SSHSpec(host: address, user: "root"))
    }

    static func system(_ name: String) -> SystemFacts {
        SystemFacts(
            hostname: name, architecture: "x86_64", kernel: "6.1.0", osID: "debian", osVersion: "12",
            libc: "glibc 2.36", loginUser: "root", canBecomeRoot: true, canBecomePostgres: true, initSystem: "systemd")
    }

    public static let installation = InstallationFacts(
        binDirectory: "/usr/lib/postgresql/15/bin", version: ServerVersion(150_018))

    public static let server = ServerFacts(
        postmasterPID: 4711, postmasterStartTicks: 90210, startTime: "2026-05-01 06:25:11+00", osUser: "postgres",
        dataDirectory: "/var/lib/postgresql/15/main", port: 5432, socketDirectories: ["/var/run/postgresql"],
        binDirectory: "/usr/lib/postgresql/15/bin", unit: "postgresql@15-main.service", debianCluster: "15/main",
        configFile: "/etc/postgresql/15/main/postgresql.conf", hbaFile: "/etc/postgresql/15/main/pg_hba.conf",
        identFile: "/etc/postgresql/15/main/pg_ident.conf",
        configFiles: [
            file("/etc/postgresql/15/main/postgresql.conf", "conf"),
            file("/etc/postgresql/15/main/pg_hba.conf", hba), file("/etc/postgresql/15/main/pg_ident.conf", "ident"),
        ],
        hbaText: hba, configText: "max_connections = 250\ninclude_dir = 'conf.d'\t\t# other files\n",
        control: ControlFacts(
            systemIdentifier: SystemIdentifier(rawValue: 7_301_234_567_890_123_456), timeline: Timeline(1),
            clusterState: "in production", dataChecksums: false, walLogHints: false),
        sql: sql)

    static func file(_ path: String, _ text: String) -> FileFacts {
        FileFacts(
            path: path, digest: sha256(text), owner: "postgres", mode: "640", size: ByteCount(Int64(text.utf8.count)))
    }

    static let sql: SQLFacts = {
        var sql = idleSQL
        sql.activity = ActivityFacts()
        sql.activity?.walBytesPerSecond = 2.5 * 1024 * 1024
        return sql
    }()

    private static let idleSQL = SQLFacts(
        version: ServerVersion(150_018), isInRecovery: false, currentLSN: LSN("16/B374D848"),
        settings: [
            setting("max_connections", "250"), setting("max_worker_processes", "8"), setting("max_wal_senders", "10"),
            setting("max_prepared_transactions", "0"), setting("max_locks_per_transaction", "64"),
            setting("max_replication_slots", "10"), setting("wal_level", "logical"),
            setting("track_commit_timestamp", "off"), setting("hot_standby", "on"), setting("wal_log_hints", "off"),
            setting("full_page_writes", "on"), setting("cluster_name", "15/main"),
            setting("listen_addresses", "*"), setting("max_slot_wal_keep_size", "-1"),
            setting("wal_keep_size", "256"), setting("max_wal_size", "1024"), setting("external_pid_file", "/var/run/postgresql/15-main.pid"),
        ],
        roles: [RoleFacts(name: "postgres", isSuperuser: true, canReplicate: true, canLogin: true)],
        totalSize: ByteCount(40 << 30))

    static func setting(_ name: String, _ value: String) -> SettingFacts {
        SettingFacts(name: name, value: value, context: "postmaster", source: "configuration file")
    }

    public static let facts = ClusterFacts(
        cluster: "shop",
        hosts: [
            HostFacts(
                host: "h1", system: system("h1"), installations: [installation], servers: [server],
                target: TargetFacts(
                    path: "/var/lib/postgresql/15/main", content: .dataDirectory, freeSpace: ByteCount(100 << 30))),
            empty("h2"), empty("h3"),
        ],
        store: StoreFacts(endpoints: [.init(endpoint: "10.77.0.1:2379", version: "3.4.23")], keys: [:], revision: 12),
        takenAt: "2026-11-22T16:00:00Z")

    /// The same cluster some days after its adoption.
    public static let adopted: ClusterFacts = {
        var facts = Self.facts
        let block = ["10.77.0.1", "10.77.0.2", "10.77.0.3"].flatMap { address in
            [
                "host replication \(Layout.replicationRole) \(address)/32 scram-sha-256",
                "host postgres    \(Layout.rewindRole) \(address)/32 scram-sha-256",
            ]
        }
        facts.hosts[0].servers[0].hbaText = HBAFile(text: hba).replacingManagedBlock(with: block).text
        for index in 1...2 {
            var standby = server
            standby.hbaText = facts.hosts[0].servers[0].hbaText
            standby.sql?.isInRecovery = true
            facts.hosts[index].servers = [standby]
        }
        facts.store.keys = ["initialize": "7301234567890123456", "config": "{}", "leader": "h1"]
        for name in ["h1", "h2", "h3"] { facts.store.keys?["members/\(name)"] = #"{"state":"running"}"# }
        return facts
    }()

    /// The same, but the server listens on its own host only.
    public static func local(_ addresses: String = "localhost") -> ClusterFacts {
        var facts = Self.facts
        for index in facts.hosts[0].servers[0].sql?.settings.indices ?? 0..<0
        where facts.hosts[0].servers[0].sql?.settings[index].name == "listen_addresses" {
            facts.hosts[0].servers[0].sql?.settings[index].value = addresses
        }
        for (index, address) in ["10.77.0.1", "10.77.0.2", "10.77.0.3"].enumerated() {
            facts.hosts[index].network.addresses = ["\(address)/24"]
        }
        return facts
    }

    public static var localPlan: Plan {
        get throws { try planner.plan(spec, local(), findings) }
    }

    /// The same, but h2 streams from h1 already, with a directory, a port and a slot of its own, as pg_basebackup -R
    /// sets one up.
    public static let withStandby: ClusterFacts = {
        var facts = Self.facts
        facts.hosts[0].servers[0].sql?.slots = [
            SlotFacts(name: "h2_old", isLogical: false, isActive: true, walStatus: "reserved")
        ]
        var standby = server
        standby.postmasterPID = 815
        standby.postmasterStartTicks = 77_001
        standby.dataDirectory = "/srv/pg/shop"
        standby.port = 5433
        standby.unit = "postgresql@15-copy.service"
        standby.debianCluster = "15/copy"
        standby.configFile = "/etc/postgresql/15/copy/postgresql.conf"
        standby.hbaFile = "/etc/postgresql/15/copy/pg_hba.conf"
        standby.identFile = "/etc/postgresql/15/copy/pg_ident.conf"
        standby.configFiles = [
            file("/etc/postgresql/15/copy/postgresql.conf", "conf"), file("/etc/postgresql/15/copy/pg_hba.conf", hba),
            file("/srv/pg/shop/postgresql.auto.conf", "auto"),
        ]
        standby.sql?.isInRecovery = true
        standby.sql?.walReceiver = WALReceiverFacts(
            status: "streaming", senderHost: "10.77.0.1", senderPort: 5432, slot: "h2_old")
        standby.sql?.walReceiver?.timeline = Timeline(1)
        for (name, value) in [("max_connections", "300"), ("wal_keep_size", "4096")] {
            standby.sql?.settings.removeAll { $0.name == name }
            standby.sql?.settings.append(setting(name, value))
        }
        for name in ["primary_conninfo", "primary_slot_name"] {
            standby.sql?.settings.append(SettingFacts(
                name: name, value: "***", context: "sighup", source: "configuration file",
                sourceFile: "/srv/pg/shop/postgresql.auto.conf"))
        }
        facts.hosts[1].servers = [standby]
        facts.hosts[1].target = TargetFacts(path: "/var/lib/postgresql/15/main", content: .absent)
        return facts
    }()

    /// Its plan: h2 is taken over in place, h3 is built.
    public static var standbyPlan: Plan { get throws { try planner.plan(spec, withStandby, findings) } }

    /// Adopted, and h3 is not in the inventory any more.
    public static let withoutThird: (spec: ClusterSpec, facts: ClusterFacts) = {
        var pair = (spec: LegacyCluster.spec, facts: adopted)
        pair.spec.hosts.removeLast()
        pair.facts.hosts.removeLast()
        return pair
    }()

    /// Its plan: h3 leaves.
    public static var leavePlan: Plan {
        get throws {
            var planner = planner
            planner.departures = [Departure(of: "h3", adoptedBy: try plan)].compactMap { $0 }
            return try planner.plan(withoutThird.spec, withoutThird.facts, [])
        }
    }

    static func empty(_ name: String) -> HostFacts {
        HostFacts(
            host: name, system: system(name), installations: [installation],
            target: TargetFacts(
                path: "/var/lib/postgresql/15/main", content: .absent, freeSpace: ByteCount(200 << 30)))
    }

    /// The server as it must be restarted before anything can stream from it.
    public static let minimal: ClusterFacts = {
        var facts = Self.facts
        for (name, value) in [("wal_level", "minimal"), ("max_wal_senders", "0")] {
            let index = facts.hosts[0].servers[0].sql?.settings.firstIndex { $0.name == name }
            if let index { facts.hosts[0].servers[0].sql?.settings[index].value = value }
        }
        return facts
    }()

    /// A plan that restarts it in a window.
    public static func restartPlan() throws -> Plan {
        var planner = planner
        planner.restartWindow = try RestartWindow("2026-11-28T02:00Z/1h")
        let failure = Finding(
            name: "wal.level", host: "h1", verdict: .fail, summary: "wal_level = minimal",
            why: "With wal_level=minimal nothing can stream.", remedy: "Set it to replica in an approved window.",
            effect: .restart)
        return try planner.plan(spec, minimal, [failure])
    }

    public static var plan: Plan { get throws { try planner.plan(spec, facts, findings) } }
}
