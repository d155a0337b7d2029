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
            dataChecksums: true, walLogHints: false, walBlockSize: 8192, walSegmentSize: 16 << 20, blockSize: 8192)
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
            keys: [:], revision: 1, readMilliseconds: 2)
        var healthy = store
        healthy.alarms = []
        for index in healthy.endpoints.indices { healthy.endpoints[index].databaseSize = ByteCount(1 << 20) }
        facts = ClusterFacts(
            cluster: "shop", hosts: [Self.host("p"), Self.host("a"), Self.host("b")], store: healthy,
            takenAt: "2026-01-01T00:00:00Z")
        facts.hosts[0].servers = [Self.server()]
        facts.hosts[0].listeningPorts.append(5432)
        facts.hosts[0].target = TargetFacts(
            path: Self.data, content: .dataDirectory, control: Self.control(), freeSpace: ByteCount(100 << 30), filesystem: "ext4")
        facts.hosts[0].target?.writeMilliseconds = 1.5
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
        facts.reach = [ReachFacts(host: name == "p" ? "10.0.0.2" : "10.0.0.1", port: name == "p" ? 8008 : 5432, outcome: name == "p" ? .refused : .open)]
        Self.addMachine(name, to: &facts)
        return facts
    }

    static let addresses = ["p": "10.0.0.1", "a": "10.0.0.2", "b": "10.0.0.3"]

    private static func addMachine(_ name: String, to facts: inout HostFacts) {
        facts.kernel.wordBits = 64
        facts.kernel.hugePagesTotal = 1000
        facts.kernel.hugePagesFree = 1000
        facts.kernel.hugePageSize = ByteCount(2 << 20)
        facts.kernel.transparentHugePages = "madvise"
        facts.kernel.overcommitMode = 2
        facts.kernel.sharedMemoryMaximum = ByteCount(.max)
        facts.kernel.semaphoreSets = 32_000
        facts.kernel.devShmSize = ByteCount(4 << 30)
        facts.kernel.dirtyLimit = ByteCount(1 << 30)
        facts.kernel.stealPercent = 0.1
        facts.kernel.connectionTrackingIdle = 432_000
        facts.kernel.ioErrors = 0
        facts.kernel.removesIPC = false
        facts.kernel.timeZoneData = "2025b"
        facts.network.interfaces = [.init(name: "eth0", mtu: 1500, megabits: 10_000)]
        facts.network.addresses = [(addresses[name] ?? "") + "/24"]
        for (other, address) in addresses.sorted(by: { $0.key < $1.key }) where other != name {
            facts.network.sourceAddresses[address] = addresses[name]
            facts.network.echoes.append(
                .init(host: address, sent: 10, received: 10, average: 0.2, maximum: 0.4, carriesFullPackets: true))
        }
        facts.services.software = [SoftwareFacts(name: "pgbackrest", kind: .backup, isRunning: false)]
        facts.collationDigests = ["C": "c", "en_US.UTF-8": "e"]
        facts.target?.freeInodes = 1_000_000
        facts.target?.filesystem = "ext4"
        facts.target?.writeMilliseconds = 1.5
        facts.namedFiles = [NamedFileFacts(path: "/usr/bin/pgbackrest", exists: true)]
        facts.installations[0].icuVersion = "72"
        facts.installations[0].configureOptions = ["--with-icu", "--with-lz4"]
        facts.installations[0].extensions = ["plpgsql", "pgcrypto"]
        facts.installations[0].extensionVersions = ["plpgsql": "1.0", "pgcrypto": "1.3"]
        facts.installations[0].dictionaries = ["english.stop"]
    }

    static var details: ServerDetails {
        var details = ServerDetails()
        details.topFiles = ["PG_VERSION", "base"]
        details.walFilesToArchive = 0
        details.oomScoreAdjust = -900
        details.openFiles = 524_288
        details.directoryMode = "700"
        details.directoryOwner = "postgres"
        details.logFile = "/var/log/postgresql/postgresql-15-main.log"
        details.crashes = 0
        details.walSample = WALSample(bytes: ByteCount(3 << 20), seconds: 3)
        details.certificate = CertificateFacts(
            path: "/etc/ssl/server.crt", remainingSeconds: 300 * 86_400, names: ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        return details
    }

    static var activity: ActivityFacts {
        var activity = ActivityFacts()
        activity.connectedUser = "postgres"
        activity.isSuperuser = true
        activity.connections = 12
        activity.clients = [ClientFacts(user: "app", database: "shop", address: "10.0.0.77", application: "web", count: 12)]
        activity.longestTransaction = 4
        activity.longestTransactionOwner = "app from 10.0.0.77"
        activity.idleInTransaction = 1
        activity.advisoryLocks = 0
        activity.runningBackups = 0
        activity.walBytesPerSecond = 500_000
        activity.timedCheckpoints = 100
        activity.requestedCheckpoints = 3
        activity.checkpointSyncMilliseconds = 900
        return activity
    }

    static func server(recovering: Bool = false, _ identifier: SystemIdentifier = identifier) -> ServerFacts {
        let values = [
            "wal_level": "replica", "max_wal_senders": "10", "max_replication_slots": "10", "listen_addresses": "*",
            "synchronous_standby_names": "", "fsync": "on", "full_page_writes": "on",
            "shared_preload_libraries": "pg_stat_statements", "port": "5432", "hot_standby": "on",
            "unix_socket_directories": "/var/run/postgresql", "wal_keep_size": "256", "max_slot_wal_keep_size": "10240",
            "archive_mode": "on", "archive_command": "/usr/bin/pgbackrest --stanza=shop archive-push %p", "ssl": "on",
            "password_encryption": "scram-sha-256", "synchronous_commit": "on", "max_connections": "100", "huge_pages": "try",
            "shared_buffers": "65536", "wal_sender_timeout": "60000", "wal_receiver_timeout": "60000",
            "tcp_keepalives_idle": "7200", "max_worker_processes": "8", "max_prepared_transactions": "0",
            "max_locks_per_transaction": "64", "work_mem": "4096", "recovery_min_apply_delay": "0", "promote_trigger_file": "",
            "shared_memory_type": "mmap",
        ]
        var sql = SQLFacts(version: ServerVersion(150_008), isInRecovery: recovering)
        let units = [
            "shared_buffers": "8kB", "wal_sender_timeout": "ms", "wal_receiver_timeout": "ms", "tcp_keepalives_idle": "s",
            "max_slot_wal_keep_size": "MB", "wal_keep_size": "MB", "work_mem": "kB",
        ]
        sql.settings = values.map {
            var row = SettingFacts(
                name: $0.key, value: $0.value, unit: units[$0.key], context: "postmaster", source: "configuration file")
            row.type = Int($0.value) == nil ? "string" : "integer"
            return row
        }.sorted { $0.name < $1.name }
        sql.fileSettings = [FileSettingFacts(name: "port", value: "5432", file: "/etc/postgresql/15/main/postgresql.conf", line: 64)]
        sql.activity = activity
        sql.objects.databasesRead = 1
        sql.objects.databasesTotal = 1
        sql.currentLSN = LSN(rawValue: 0x1000_0000)
        sql.extensions = ["shop/plpgsql 1.0", "shop/pgcrypto 1.3"]
        sql.databases = [
            DatabaseFacts(
                name: "shop", encoding: "UTF8", collate: "en_US.UTF-8", ctype: "en_US.UTF-8", provider: "c",
                collationVersion: "2.36", actualCollationVersion: "2.36", size: ByteCount(10 << 30))
        ]
        sql.databases[0].files = 2000
        sql.databases[0].transactionAge = 50_000_000
        sql.databases[0].checksumFailures = 0
        sql.totalSize = ByteCount(10 << 30)
        sql.libraries = ["$libdir/plpgsql", "$libdir/pgcrypto"]
        if recovering { sql.walReceiver = WALReceiverFacts(status: "streaming", senderHost: "10.0.0.1", slot: "a") }
        var server = ServerFacts(
            postmasterPID: 100, postmasterStartTicks: 5000, osUser: "postgres", dataDirectory: data, port: 5432,
            binDirectory: "/usr/lib/postgresql/15/bin", unit: "postgresql@15-main.service",
            unitProperties: ["Restart": "no", "UnitFileState": "enabled-runtime"],
            hbaFile: "/etc/postgresql/15/main/pg_hba.conf",
            hbaText: "local all postgres peer\nhost all all 10.0.0.0/8 scram-sha-256\n", control: control(identifier), sql: sql)
        server.details = details
        return server
    }

    /// The same cluster after `apply`: agents everywhere, replicas streaming, keys in the store.
    static func adopted() -> Sample {
        var sample = Sample()
        for index in sample.facts.hosts.indices {
            sample.facts.hosts[index].agents = [AgentFacts(processID: 7, unit: "pgadopt-agent@shop.service")]
            sample.facts.hosts[index].listeningPorts = [22, 5432, 8008]
            sample.facts.hosts[index].target = TargetFacts(
                path: data, content: .dataDirectory, control: control(), freeSpace: ByteCount(100 << 30), filesystem: "ext4")
            sample.facts.hosts[index].target?.writeMilliseconds = 1.5
            if index > 0 { sample.facts.hosts[index].servers = [server(recovering: true)] }
            sample.facts.hosts[index].reach = []
            for peer in addresses.values where peer != sample.spec.hosts[index].address {
                sample.facts.hosts[index].reach.append(ReachFacts(host: peer, port: 8008, outcome: .open))
            }
        }
        sample.server { server in
            server.unit = "pgadopt-shop.scope"
        }
        let block = addresses.values.sorted().flatMap { address in
            ["host replication pgadopt_replication \(address)/32 scram-sha-256", "host postgres pgadopt_rewind \(address)/32 scram-sha-256"]
        }
        for index in sample.facts.hosts.indices {
            let text = sample.facts.hosts[index].servers[0].hbaText ?? ""
            sample.facts.hosts[index].servers[0].hbaText = HBAFile(text: text).replacingManagedBlock(with: block).text
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
