import Facts
import Inventory
import PostgresModel
import Preflight

/// Broken machines, networks and stores, and the finding each must produce.
let brokenMachines: [Broken] = [
    Broken("ssh.banner", "a", .warn, "212 bytes") { $0.facts.hosts[1].bannerBytes = 212 },
    Broken("host.names", "b", .warn, "a, as a") { $0.system(2) { $0.hostname = "a" } },
    Broken("os.release", "a", .warn, "rocky 9, but p has debian 12") { $0.system(1) { ($0.osID, $0.osVersion) = ("rocky", "9") } },
    Broken("os.word-size", "a", .fail, "32 bits, but p has 64") { $0.facts.hosts[1].kernel.wordBits = 32 },
    Broken("os.postgres-uid", "a", .warn, "uid 26, on p 105") { $0.system(1) { $0.postgresUID = 26 } },
    Broken("hosts.same-cpus", "a", .warn, "2 processors, p has 4") { $0.system(1) { $0.cpuCount = 2 } },
    Broken("os.time-zones", "a", .warn, "2024a, but p has 2025b") { $0.facts.hosts[1].kernel.timeZoneData = "2024a" },
    Broken("collation.probe", "a", .fail, "en_US.UTF-8") { $0.facts.hosts[1].collationDigests["en_US.UTF-8"] = "f" },
    Broken("icu.version", "a", .warn, "ICU 67, but p has 72") { $0.facts.hosts[1].installations[0].icuVersion = "67" },
    Broken("icu.version", "a", .fail, "used by shop") {
        $0.facts.hosts[1].installations[0].icuVersion = "67"
        $0.sql { $0.databases[0].provider = "i" }
    },
    Broken("pg.build", "a", .warn, "without --with-lz4") { $0.facts.hosts[1].installations[0].configureOptions = ["--with-icu"] },
    Broken("pg.build", "a", .fail, "--with-blocksize=16") {
        $0.facts.hosts[1].installations[0].configureOptions.append("--with-blocksize=16")
    },
    Broken("memory.huge-pages", "a", .fail, "10 free, huge_pages = on") {
        $0.set("huge_pages", "on")
        $0.facts.hosts[1].kernel.hugePagesFree = 10
    },
    Broken("memory.huge-pages", "a", .warn, "290 huge pages needed, 10 free") { $0.facts.hosts[1].kernel.hugePagesFree = 10 },
    Broken("memory.shared", "a", .fail, "115 %") { $0.system(1) { $0.memory = ByteCount(500 << 20) } },
    Broken("memory.shared", "a", .warn, "72 %") { $0.system(1) { $0.memory = ByteCount(800 << 20) } },
    Broken("memory.shared", "a", .fail, "kernel.shmmax is 32.0 MiB") {
        $0.set("shared_memory_type", "sysv")
        $0.facts.hosts[1].kernel.sharedMemoryMaximum = ByteCount(32 << 20)
    },
    Broken("memory.dev-shm", "b", .warn, "/dev/shm has 1.0 MiB") { $0.facts.hosts[2].kernel.devShmSize = ByteCount(1 << 20) },
    Broken("kernel.semaphores", "a", .fail, "4 sets allowed, 8 needed") { $0.facts.hosts[1].kernel.semaphoreSets = 4 },
    Broken("memory.overcommit", "p", .warn, "oom_score_adj = 0") {
        $0.facts.hosts[0].kernel.overcommitMode = 0
        $0.server { $0.details?.oomScoreAdjust = 0 }
    },
    Broken("kernel.transparent-huge-pages", "a", .warn, "always") { $0.facts.hosts[1].kernel.transparentHugePages = "always" },
    Broken("kernel.dirty-memory", "a", .warn, "20.0 GiB") { $0.facts.hosts[1].kernel.dirtyLimit = ByteCount(20 << 30) },
    Broken("limits.open-files", "p", .warn, "1024 open files") { $0.server { $0.details?.openFiles = 1024 } },
    Broken("logind.remove-ipc", "a", .fail, "uid 1001") {
        $0.facts.hosts[1].kernel.removesIPC = true
        $0.system(1) { $0.postgresUID = 1001 }
    },
    Broken("host.steal", "a", .warn, "12.5 % stolen") { $0.facts.hosts[1].kernel.stealPercent = 12.5 },
    Broken("watchdog.device", "a", .warn, "root root 600") { $0.facts.hosts[1].kernel.watchdog = "root root 600" },
    Broken("watchdog.device", "a", .warn, "used by watchdog") {
        $0.facts.hosts[1].kernel.watchdog = "postgres postgres 600"
        $0.facts.hosts[1].kernel.watchdogUser = "watchdog"
    },
    Broken("kernel.pidfd", "a", .fail, "Linux 4.18.0") { $0.system(1) { $0.kernel = "4.18.0-553.el8.x86_64" } },
    Broken("os.selinux", "a", .warn, "enforcing") { $0.facts.hosts[1].kernel.selinux = "Enforcing" },
    Broken("space.inodes", "a", .fail, "3000 free inodes, about 3400") { $0.facts.hosts[1].target?.freeInodes = 3000 },
    Broken("files.system", "a", .fail, "tmpfs") { $0.facts.hosts[1].target?.filesystem = "tmpfs" },
    Broken("files.system", "a", .warn, "nfs4") { $0.facts.hosts[1].target?.filesystem = "nfs4" },
    Broken("files.system", "a", .warn, "nobarrier") { $0.facts.hosts[1].target?.mountOptions = ["rw", "nobarrier"] },
    Broken("disk.latency", "a", .warn, "55.5 ms") { $0.facts.hosts[1].target?.writeMilliseconds = 55.5 },
    Broken("disk.health", "a", .warn, "7 lines") { $0.facts.hosts[1].kernel.ioErrors = 7 },
    Broken("disk.health", "a", .fail, "md0") { $0.facts.hosts[1].kernel.degradedArrays = ["md0"] },
    Broken("service.stop-semantics", "p", .warn, "/etc/init.d/postgresql-15") {
        $0.facts.hosts[0].services.initScripts = ["/etc/init.d/postgresql-15"]
    },
    Broken("service.stop-semantics", "p", .warn, "also enabled: postgresql-15.service") {
        $0.facts.hosts[0].services.postgresUnits = [
            .init(name: "postgresql-15.service", state: "enabled"), .init(name: "postgresql@.service", state: "enabled"),
        ]
    },
    Broken("servers.others", "a", .warn, "/srv/pg (port 6000)") {
        var other = Sample.server(SystemIdentifier(rawValue: 9))
        (other.dataDirectory, other.port) = ("/srv/pg", 6000)
        $0.facts.hosts[1].servers = [other]
        $0.spec.hosts[1].postgres.port = 5432
    },
    Broken("jobs.wal-cleanup", "p", .fail, "find /var/lib/postgresql/15/main/pg_wal") {
        $0.facts.hosts[0].services.jobs = [
            JobFacts(source: "/etc/cron.d/clean", text: "0 3 * * * root find /var/lib/postgresql/15/main/pg_wal -mtime +2 -delete")
        ]
    },
    Broken("jobs.host-bound", "p", .warn, "pg_dump shop") {
        $0.facts.hosts[0].services.jobs = [JobFacts(source: "/var/spool/cron/crontabs/postgres", text: "0 3 * * * pg_dump shop")]
    },
    Broken("updates.automatic", "b", .warn, "unattended-upgrades") {
        $0.facts.hosts[2].services.software.append(SoftwareFacts(name: "unattended-upgrades", kind: .updates, isRunning: true))
    },
    Broken("pooler.local", "p", .warn, "pgbouncer") {
        $0.facts.hosts[0].services.software.append(SoftwareFacts(name: "pgbouncer", kind: .pooler, isRunning: true))
    },
    Broken("monitoring.local", "p", .warn, "postgres_exporter here, not on a and b") {
        $0.facts.hosts[0].services.software.append(SoftwareFacts(name: "postgres_exporter", kind: .monitoring, isRunning: true))
    },
    Broken("backup.tool", "p", .warn, "none found") { $0.facts.hosts[0].services.software = [] },
    Broken("backup.after-failover", "p", .warn, "no configuration on a and b") {
        $0.facts.hosts[0].services.backupConfigurations = [
            BackupConfigurationFacts(tool: "pgbackrest", path: "/etc/pgbackrest.conf", settings: ["pg1-path", "repo1-host"])
        ]
    },
    Broken("net.reach", "a", .fail, "10.0.0.3:5432 does not answer") {
        $0.facts.hosts[1].reach.append(ReachFacts(host: "10.0.0.3", port: 5432, outcome: .timeout))
    },
    Broken("net.reach", "p", .fail, "10.0.0.2:2379 refuses") {
        $0.facts.hosts[0].reach.append(ReachFacts(host: "10.0.0.2", port: 2379, outcome: .refused))
    },
    Broken("net.reach", "b", .warn, "no connection was tried") { $0.facts.hosts[2].reach = [] },
    Broken("net.quality", "a", .warn, "9 of 10 came back") { $0.facts.hosts[1].network.echoes[0].received = 9 },
    Broken("net.quality", "a", .warn, "48.0 ms") { $0.facts.hosts[1].network.echoes[0].average = 48 },
    Broken("net.mtu", "a", .fail, "do not reach 10.0.0.3") { $0.facts.hosts[1].network.echoes[0].carriesFullPackets = false },
    Broken("net.link-speed", "a", .warn, "100 Mbit/s") { $0.facts.hosts[1].network.interfaces[0].megabits = 100 },
    Broken("net.names", "b", .fail, "db1.example is 10.9.9.9, for p it is 10.0.0.1") {
        $0.spec.hosts[0].address = "db1.example"
        for index in 0..<3 { $0.facts.hosts[index].network.names["db1.example"] = [index < 2 ? "10.0.0.1" : "10.9.9.9"] }
    },
    Broken("net.names", "b", .fail, "cannot resolve db1.example") {
        $0.spec.hosts[0].address = "db1.example"
        for index in 0..<3 { $0.facts.hosts[index].network.names["db1.example"] = index < 2 ? ["10.0.0.1"] : [] }
    },
    Broken("net.names", "p", .warn, "127.0.1.1 here") {
        $0.spec.hosts[0].address = "db1.example"
        for index in 0..<3 { $0.facts.hosts[index].network.names["db1.example"] = [index == 0 ? "127.0.1.1" : "10.0.0.1"] }
    },
    Broken("net.source-address", "a", .warn, "192.168.7.2 to 10.0.0.1") {
        $0.facts.hosts[1].network.sourceAddresses["10.0.0.1"] = "192.168.7.2"
    },
    Broken("net.idle-drop", "a", .warn, "forgotten after 60 min") { $0.facts.hosts[1].kernel.connectionTrackingIdle = 3600 },
    Broken("store.version", nil, .fail, "3.3.27") { $0.facts.store.endpoints[0].version = "3.3.27" },
    Broken("store.version", nil, .warn, "3.4.23 and 3.5.16") { $0.facts.store.endpoints[0].version = "3.4.23" },
    Broken("store.latency", nil, .fail, "600.0 ms for a linearizable read; class fast bears 500 ms") {
        $0.spec.rto = .fast
        $0.facts.store.slowestReadMilliseconds = 600
    },
    Broken("store.latency", nil, .warn, "600.0 ms") { $0.facts.store.slowestReadMilliseconds = 600 },
    Broken("store.alarms", nil, .fail, "NOSPACE") { $0.facts.store.alarms = ["NOSPACE on member 8e9e05c52164694d"] },
    Broken("store.space", nil, .warn, "1.6 GiB") { $0.facts.store.endpoints[2].databaseSize = ByteCount(1_700_000_000) },
    Broken("store.places", nil, .warn, "2 of 3 endpoints are on 10.0.0.1") {
        $0.spec.store.endpoints = ["10.0.0.1:2379", "10.0.0.1:3379", "10.0.0.3:2379"]
    },
]
