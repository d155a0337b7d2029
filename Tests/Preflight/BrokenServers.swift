import Facts
import Inventory
import PostgresModel
import Preflight

private func slot(_ name: String, _ change: (inout SlotFacts) -> Void = { _ in }) -> SlotFacts {
    var slot = SlotFacts(name: name, isLogical: true, isActive: true, plugin: "pgoutput")
    change(&slot)
    return slot
}

/// A standby of the cluster already runs on a.
private func standby(_ change: @escaping @Sendable (inout SQLFacts) -> Void) -> @Sendable (inout Sample) -> Void {
    { sample in
        var server = Sample.server(recovering: true)
        if var sql = server.sql {
            change(&sql)
            server.sql = sql
        }
        sample.facts.hosts[1].servers = [server]
    }
}

private func activity(_ change: @escaping @Sendable (inout ActivityFacts) -> Void) -> @Sendable (inout Sample) -> Void
{
    { sample in
        sample.sql { sql in
            var activity = Sample.activity
            change(&activity)
            sql.activity = activity
        }
    }
}

private func set(_ name: String, _ value: String, in sql: inout SQLFacts) {
    for index in sql.settings.indices where sql.settings[index].name == name { sql.settings[index].value = value }
}

/// Broken servers, and the finding each must produce.
let brokenServers: [Broken] = [
    Broken("pg.version.running", "p", .warn, "running 15.8, installed 15.12") {
        $0.facts.hosts[0].installations[0].version = ServerVersion(150_012)
    },
    Broken("pg.control", "a", .fail, "WAL segment size 67108864, not 16777216") {
        $0.facts.hosts[1].target?.control = Sample.control()
        $0.facts.hosts[1].target?.control?.walSegmentSize = 64 << 20
    },
    Broken("durability.full-page-writes", "p", .warn, "full_page_writes = off") { $0.set("full_page_writes", "off") },
    Broken("durability.synchronous-commit", "p", .warn, "off for batch") {
        $0.sql { $0.roleSettings = [RoleSettingFacts(role: "batch", name: "synchronous_commit", value: "off")] }
    },
    Broken("settings.drift", "p", .warn, "shared_buffers: '1GB' in postgresql.conf:7, running 65536 8kB") {
        $0.sql {
            $0.fileSettings.append(.init(name: "shared_buffers", value: "1GB", file: "/etc/postgresql.conf", line: 7))
        }
    },
    Broken("settings.duplicates", "p", .warn, "port (postgresql.conf:64, postgresql.auto.conf:3)") {
        $0.sql {
            $0.fileSettings.append(.init(name: "port", value: "5433", file: "/data/postgresql.auto.conf", line: 3))
        }
    },
    Broken("settings.command-line", "p", .warn, "work_mem = 4096") {
        $0.sql { sql in
            for index in sql.settings.indices where sql.settings[index].name == "work_mem" {
                sql.settings[index].source = "command line"
            }
        }
    },
    Broken("settings.managed", "p", .warn, "/etc/postgresql.conf (ansible)") {
        $0.server { $0.details?.managedFiles = ["/etc/postgresql.conf": "ansible"] }
    },
    Broken("settings.timeouts", "p", .warn, "wal_sender_timeout = off") { $0.set("wal_sender_timeout", "0") },
    Broken("settings.hot-standby", "p", .warn, "hot_standby = off") { $0.set("hot_standby", "off") },
    Broken("settings.socket", "p", .fail, "is empty") { $0.set("unix_socket_directories", "") },
    Broken("recovery.leftovers", "p", .fail, "standby.signal") {
        $0.server { $0.details?.topFiles.append("standby.signal") }
    },
    Broken("recovery.leftovers", "p", .fail, "backup_label") {
        $0.server { $0.details?.topFiles.append("backup_label") }
    },
    Broken("recovery.leftovers", "p", .warn, "recovery_target_time = 2026-01-01") {
        $0.sql {
            $0.settings.append(
                SettingFacts(
                    name: "recovery_target_time", value: "2026-01-01", context: "postmaster",
                    source: "configuration file"))
        }
    },
    Broken("crash.recent", "p", .warn, "2 crashes") { $0.server { $0.details?.crashes = 2 } },
    Broken("checkpoint.load", "p", .warn, "300 by request", activity { $0.requestedCheckpoints = 300 }),
    Broken(
        "checkpoint.load", "p", .warn, "15.5 s syncing", activity { $0.checkpointSyncMilliseconds = 103 * 15_500 }),
    Broken("wal.keep", "p", .warn, "nothing keeps WAL") {
        $0.set("wal_keep_size", "0")
        $0.set("archive_mode", "off")
        $0.set("max_replication_slots", "0")
    },
    Broken("wal.slot-cap", "p", .warn, "the slots of others (barman)") {
        $0.set("max_slot_wal_keep_size", "-1")
        $0.sql { $0.slots = [slot("barman")] }
    },
    Broken("wal.slot-cap", "p", .warn, "the cap is 977 GiB") { $0.set("max_slot_wal_keep_size", "999999") },
    Broken("wal.slot-cap", "p", .warn, "version 12 knows no cap") { $0.sql { $0.version = ServerVersion(120_022) } },
    Broken("wal.rate", "p", .warn, "80 % of the 10000 Mbit/s", activity { $0.walBytesPerSecond = 1_000_000_000 }),
    Broken("space.wal", "p", .fail, "at 47.7 MiB/s, 100 MiB free") {
        activity { $0.walBytesPerSecond = 50_000_000 }(&$0)
        $0.facts.hosts[0].target?.freeSpace = ByteCount(100 << 20)
    },
    Broken("build.estimate", "a", .warn, "10.0 GiB in 29.8 h at 97.7 KiB/s, limited by max_rate") {
        $0.spec.replicas.maxRate = 100_000
    },
    Broken("backup.running", "p", .warn, "1 running", activity { $0.runningBackups = 1 }),
    Broken("archive.mode", "p", .warn, "archive_mode = off") { $0.set("archive_mode", "off") },
    Broken("archive.command", "p", .warn, "copies to a local path: cp %p /mnt/archive/%f") {
        $0.set("archive_command", "cp %p /mnt/archive/%f")
    },
    Broken("archive.command", "p", .warn, "there is no command") { $0.set("archive_command", "") },
    Broken("archive.target", "a", .fail, "/usr/bin/pgbackrest") { $0.facts.hosts[1].namedFiles[0].exists = false },
    Broken("archive.backlog", "p", .fail, "900 files wait, the newest attempt failed") {
        $0.server { $0.details?.walFilesToArchive = 900 }
        $0.sql { $0.archivingFails = true }
    },
    Broken("archive.backlog", "p", .warn, "100 files wait") { $0.server { $0.details?.walFilesToArchive = 100 } },
    Broken("hba.members", "p", .fail, "would refuse a (192.168.7.2) as pgadopt_replication: no line matches") {
        $0.facts.hosts[1].network.sourceAddresses["10.0.0.1"] = "192.168.7.2"
    },
    Broken("hba.rewind", "a", .fail, "would refuse p (192.168.7.2) as pgadopt_rewind: no line matches") {
        $0.facts.hosts[0].network.sourceAddresses["10.0.0.2"] = "192.168.7.2"
    },
    Broken("hba.rewind", "p", .warn, "line 1: host all all all reject") {
        $0 = .adopted()
        $0.server { $0.hbaText = "host all all all reject\n" + ($0.hbaText ?? "") }
    },
    Broken("hba.local", "p", .fail, "line 1 asks postgres for scram-sha-256") {
        $0.server { $0.hbaText = "local all all scram-sha-256\nhost all all 10.0.0.0/8 scram-sha-256\n" }
    },
    Broken("hba.clients", "a", .warn, "would refuse app@shop from 127.0.0.1") {
        $0.server { $0.hbaText = "local all postgres peer\nhost all all 127.0.0.1/32 scram-sha-256\n" }
        activity { $0.clients = [ClientFacts(user: "app", database: "shop", address: "127.0.0.1")] }(&$0)
    },
    Broken("hba.relay-danger", "p", .warn, "line 2") {
        $0.set("listen_addresses", "localhost")
        $0.server { $0.hbaText = "local all postgres peer\nhost replication all 127.0.0.1/32 trust\n" }
    },
    Broken("hba.relay-danger", "p", .fail, "line 2: host all all samenet trust would let the network in") {
        $0.set("listen_addresses", "localhost")
        $0.server { $0.hbaText = "local all postgres peer\nhost all all samenet trust\n" }
    },
    Broken("hba.relay-danger", "p", .fail, "line 1: host all all 0.0.0.0/0 trust") {
        $0.set("listen_addresses", "")
        $0.server { $0.hbaText = "host all all 0.0.0.0/0 trust\nlocal all postgres peer\n" }
    },
    Broken("hba.relay-danger", "p", .fail, "pgadopt_replication is a superuser") {
        $0.set("listen_addresses", "127.0.0.1,::1")
        $0.sql {
            $0.roles.append(
                RoleFacts(name: "pgadopt_replication", isSuperuser: true, canReplicate: true, canLogin: true))
        }
    },
    Broken("hba.relay-danger", "p", .warn, "not by way of the relay, whose login is asked for its password") {
        $0.set("listen_addresses", "localhost")
        $0.server { $0.hbaText = "local all postgres peer\nlocal replication all trust\n" }
    },
    Broken("ports.free", "p", .fail, "8108 (the replication relay)") {
        $0.set("listen_addresses", "localhost")
        $0.facts.hosts[0].listeningPorts.append(8108)
    },
    Broken("hba.external", "p", .warn, "ldap (line 2)") {
        $0.server { $0.hbaText = "local all postgres peer\nhost all all 10.0.0.0/8 ldap ldapserver=x\n" }
    },
    Broken("hba.includes", "p", .warn, "includes other files") {
        $0.server { $0.hbaText = "include other.conf\n" + ($0.hbaText ?? "") }
    },
    Broken("hba.includes", "p", .warn, "@admins") {
        $0.server { $0.hbaText = "local all @admins peer\n" + ($0.hbaText ?? "") }
    },
    Broken("tls.certificate", "p", .fail, "expired 2 days ago") {
        $0.server { $0.details?.certificate?.remainingSeconds = -2.5 * 86_400 }
    },
    Broken("tls.certificate", "p", .warn, "expires in 9 days") {
        $0.server { $0.details?.certificate?.remainingSeconds = 9.5 * 86_400 }
    },
    Broken("tls.certificate", "p", .warn, "does not name a and b") {
        $0.server { $0.details?.certificate?.names = ["10.0.0.1"] }
    },
    Broken("files.named", "a", .warn, "lacks /etc/krb5.keytab") {
        $0.server { $0.details?.namedFiles = [NamedFileFacts(path: "/etc/krb5.keytab", exists: true)] }
        $0.sql { $0.settings.append(setting("krb_server_keyfile", "/etc/krb5.keytab")) }
        $0.facts.hosts[1].namedFiles.append(NamedFileFacts(path: "/etc/krb5.keytab", exists: false))
    },
    Broken("files.named", "a", .fail, "lacks /etc/ssl/server.key") {
        standby { _ in }(&$0)
        $0.server { $0.details?.namedFiles = [NamedFileFacts(path: "/etc/ssl/server.key", exists: true)] }
        $0.sql {
            $0.settings.append(
                SettingFacts(
                    name: "ssl_key_file", value: "/etc/ssl/server.key", context: "sighup",
                    source: "configuration file"))
        }
        for index in 1...2 {
            $0.facts.hosts[index].namedFiles.append(NamedFileFacts(path: "/etc/ssl/server.key", exists: index == 2))
        }
    },
    Broken(
        "roles.superuser", "p", .fail, "admin is not a superuser",
        activity { ($0.connectedUser, $0.isSuperuser) = ("admin", false) }),
    Broken("roles.superuser", "p", .fail, "no connection") { $0.server { $0.sql = nil } },
    Broken("roles.ours", "p", .fail, "has expired") {
        $0.sql {
            var role = RoleFacts(name: "pgadopt_replication", isSuperuser: false, canReplicate: true, canLogin: true)
            role.isExpired = true
            $0.roles.append(role)
        }
    },
    Broken("roles.password-encryption", "p", .warn, "password_encryption = md5") {
        $0.set("password_encryption", "md5")
    },
    Broken("roles.password-encryption", "p", .warn, "1 roles have md5 passwords: old") {
        $0.sql {
            var role = RoleFacts(name: "old", isSuperuser: false, canReplicate: false, canLogin: true)
            role.passwordKind = "md5"
            $0.roles.append(role)
        }
    },
    Broken("roles.setting-traps", "p", .warn, "statement_timeout = 1s for all in postgres") {
        $0.sql { $0.roleSettings = [RoleSettingFacts(database: "postgres", name: "statement_timeout", value: "1s")] }
    },
    Broken(
        "clients.local", "p", .warn, "3 of app@shop (cron)",
        activity {
            $0.clients = [ClientFacts(user: "app", database: "shop", application: "cron", count: 3)]
        }),
    Broken("clients.connections", "p", .fail, "100 of 100", activity { $0.connections = 100 }),
    Broken("clients.connections", "p", .warn, "95 of 100", activity { $0.connections = 95 }),
    Broken("clients.idle-in-transaction", "p", .warn, "30 idle", activity { $0.idleInTransaction = 30 }),
    Broken("clients.advisory-locks", "p", .warn, "400 held", activity { $0.advisoryLocks = 400 }),
    Broken("objects.unlogged", "p", .warn, "2 unlogged tables: shop/cart") {
        $0.sql { ($0.unloggedTables, $0.objects.unloggedTables) = (2, ["shop/cart", "shop/cache"]) }
    },
    Broken("objects.prepared", "p", .warn, "1 prepared, the oldest for 10 min") {
        activity { $0.oldestPrepared = 600 }(&$0)
        $0.sql { $0.openPreparedTransactions = 1 }
    },
    Broken("slots.logical", "p", .warn, "cdc (pgoutput)") {
        $0.sql { $0.slots = [slot("cdc"), slot("kept") { $0.isFailover = true }] }
    },
    Broken("objects.subscriptions", "p", .warn, "shop/orders") {
        $0.sql { $0.objects.subscriptions = ["shop/orders"] }
    },
    Broken("objects.foreign-files", "p", .warn, "shop/csv") { $0.sql { $0.objects.foreignFiles = ["shop/csv"] } },
    Broken("objects.login-triggers", "p", .warn, "shop/gate") { $0.sql { $0.objects.loginTriggers = ["shop/gate"] } },
    Broken("objects.invalid-indexes", "p", .warn, "shop/i") { $0.sql { $0.objects.invalidIndexes = ["shop/i"] } },
    Broken("corruption.checksums", "p", .fail, "shop: 3") { $0.sql { $0.databases[0].checksumFailures = 3 } },
    Broken("vacuum.wraparound", "p", .fail, "1700 million transactions, in shop") {
        $0.sql { $0.databases[0].transactionAge = 1_700_000_000 }
    },
    Broken("vacuum.wraparound", "p", .warn, "1200 million") {
        $0.sql { $0.databases[0].multixactAge = 1_200_000_000 }
    },
    Broken(
        "activity.long-transactions", "p", .warn, "open for 2.0 h, by app", activity { $0.longestTransaction = 7300 }),
    Broken("data.files", "p", .warn, "3000000 files") {
        $0.sql { $0.databases[0].files = 3_000_000 }
        for index in 1...2 { $0.facts.hosts[index].target?.freeInodes = 10_000_000 }
    },
    Broken("extensions.special", "p", .warn, "timescaledb") {
        $0.sql { $0.extensions.append("shop/timescaledb 2.15.0") }
    },
    Broken("extensions.versions", "a", .warn, "pgcrypto 1.4, p has 1.3") {
        $0.facts.hosts[1].installations[0].extensionVersions["pgcrypto"] = "1.4"
    },
    Broken("extensions.files", "a", .warn, "lacks pgcrypto") {
        $0.facts.hosts[1].installations[0].extensions = ["plpgsql"]
    },
    Broken("extensions.languages", "a", .fail, "libpython3.11.so.1.0") {
        $0.sql { $0.objects.languages = ["shop/plpython3u"] }
        $0.facts.hosts[1].installations[0].brokenLibraries = ["plpython3: libpython3.11.so.1.0 => not found"]
    },
    Broken("extensions.languages", "a", .warn, "untrusted: plperlu") {
        $0.sql { $0.objects.languages = ["shop/plperlu"] }
    },
    Broken("text-search.files", "a", .warn, "lacks house.dict") {
        $0.facts.hosts[0].installations[0].dictionaries.append("house.dict")
    },
    Broken("space.target", "a", .fail, "size is not known") { $0.sql { $0.isSizeKnown = false } },
    Broken("directory.permissions", "p", .fail, "is 755, of postgres") {
        $0.server { $0.details?.directoryMode = "755" }
    },
    Broken("directory.links", "p", .warn, "pg_wal -> /wal/15") {
        $0.server { $0.details?.links = ["pg_wal": "/wal/15", "pg_tblspc/1": "/x"] }
    },
    Broken("tablespaces.inside", "p", .warn, "inside: t") {
        $0.sql { $0.tablespaces = [TablespaceFacts(name: "t", location: Sample.data + "/t", size: ByteCount(1))] }
    },
    Broken("slots.retained", "p", .fail, "old keeps 80.0 GiB, 100 GiB are free") {
        $0.sql { $0.slots = [slot("old") { ($0.isActive, $0.retainedWAL) = (false, ByteCount(80 << 30)) }] }
    },
    Broken("slots.retained", "p", .warn, "old (lost)") {
        $0.sql { $0.slots = [slot("old") { $0.walStatus = "lost" }] }
    },
    Broken(
        "standby.limits", "a", .fail, "max_connections = 50, the primary has 100",
        standby { set("max_connections", "50", in: &$0) }),
    Broken(
        "standby.delayed", "a", .warn, "3600000 ms", standby { set("recovery_min_apply_delay", "3600000", in: &$0) }),
    Broken("standby.trigger", "a", .warn, "/tmp/go", standby { set("promote_trigger_file", "/tmp/go", in: &$0) }),
    Broken("standby.lag", "a", .warn, "8.0 GiB behind") {
        standby { _ in }(&$0)
        $0.sql { $0.currentLSN = LSN(rawValue: 0x1000_0000 + 8 << 30) }
    },
    Broken("standby.lag", "a", .warn, "archive only", standby { $0.walReceiver = nil }),
    Broken("standby.upstream", "a", .warn, "follows 10.0.0.3", standby { $0.walReceiver?.senderHost = "10.0.0.3" }),
    Broken("standby.upstream", "a", .warn, "without a slot", standby { $0.walReceiver?.slot = nil }),
    Broken(
        "standby.settings", "a", .warn, "work_mem = 8192, the primary has 4096",
        standby { set("work_mem", "8192", in: &$0) }),
    Broken("standby.in-place", "a", .fail, "PostgreSQL 12 reads primary_conninfo at its start only",
        standby { $0.version = ServerVersion(120_022) }),
    Broken("standby.in-place", "a", .fail, "it does not stream", standby { $0.walReceiver = nil }),
    Broken("standby.in-place", "a", .fail, "its walreceiver is stopping", standby { $0.walReceiver?.status = "stopping" }),
    Broken("standby.in-place", "a", .fail, "it streams from 10.9.9.9, which is no member",
        standby { $0.walReceiver?.senderHost = "10.9.9.9" }),
    Broken("standby.in-place", "a", .fail, "it receives timeline 3, the primary is on 1",
        standby { $0.walReceiver?.timeline = Timeline(3) }),
    Broken("standby.in-place", "a", .fail, "it replays 3600000 ms late",
        standby { set("recovery_min_apply_delay", "3600000", in: &$0) }),
    Broken("standby.in-place", "a", .fail, "its replay is paused", standby { $0.isReplayPaused = true }),
    Broken("standby.in-place", "a", .fail, "recovery_target_timeline = 'current'",
        standby { $0.settings.append(setting("recovery_target_timeline", "current")) }),
    Broken("standby.in-place", "a", .fail, "primary_conninfo comes from its command line",
        standby {
            var row = setting("primary_conninfo", "host=10.0.0.1")
            row.source = "command line"
            $0.settings.append(row)
        }),
    Broken("standby.in-place", "a", .fail, "listen_addresses = 'localhost' keeps the other members out",
        standby { set("listen_addresses", "localhost", in: &$0) }),
    Broken("standby.in-place", "a", .fail, "cannot be asked: hot_standby is off") {
        standby { _ in }(&$0)
        $0.facts.hosts[1].servers[0].sql = nil
    },
    Broken("standby.in-place", "a", .fail, "2 standbys of this cluster run here") {
        standby { _ in }(&$0)
        $0.facts.hosts[1].servers.append($0.facts.hosts[1].servers[0])
    },
    Broken("standby.in-place", "a", .fail, "the inventory means another server") {
        standby { _ in }(&$0)
        $0.spec.hosts[1].postgres.port = 6000
    },
    Broken("standby.old-slot", "a", .warn, "its slot a_old on p stays and keeps WAL, at most 10240 MB, 1.0 MiB/s now",
        standby { $0.walReceiver?.slot = "a_old" }),
    Broken("standby.old-slot", "a", .warn, "stays and keeps WAL, without a limit") {
        standby { $0.walReceiver?.slot = "a_old" }(&$0)
        $0.set("max_slot_wal_keep_size", "-1")
    },
    Broken("standby.sync-name", "a", .fail, "'FIRST 1 (old_a, b)' does not name a") {
        standby { _ in }(&$0)
        $0.set("synchronous_standby_names", "FIRST 1 (old_a, b)")
    },
]

private func setting(_ name: String, _ value: String) -> SettingFacts {
    SettingFacts(name: name, value: value, context: "sighup", source: "configuration file")
}
