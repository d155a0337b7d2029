/// One entry of the catalogue of things that go wrong when high availability is added to an old server, and what
/// became of it.
public struct CatalogueEntry: Equatable, Sendable {
    public enum Coverage: Equatable, Sendable {
        /// By these rules.
        case rules([String])
        /// Not at all, and why.
        case left(because: String)
    }

    /// From 1.
    public var number: Int
    public var topic: String
    public var coverage: Coverage

    static func by(_ number: Int, _ topic: String, _ rules: String) -> CatalogueEntry {
        CatalogueEntry(number: number, topic: topic, coverage: .rules(rules.split(separator: " ").map(String.init)))
    }

    static func left(_ number: Int, _ topic: String, because reason: String) -> CatalogueEntry {
        CatalogueEntry(number: number, topic: topic, coverage: .left(because: reason))
    }
}

/// The whole catalogue, in its order.
public let catalogue: [CatalogueEntry] = [
    .by(1, "ssh.reach", "ssh.reach ssh.hostkey"),
    .by(2, "ssh.auth", "ssh.auth"),
    .by(3, "ssh.sudo", "ssh.sudo"),
    .by(4, "ssh.requiretty/shell", "ssh.shell ssh.banner"),
    .by(5, "ssh.throughput", "net.link-speed"),
    .by(6, "host.unique", "host.unique host.names"),
    .by(7, "host.target_is_not_primary", "target.directory"),
    .by(8, "os.user", "os.postgres-user os.postgres-uid"),
    .by(9, "os.dist", "os.arch os.release"),
    .by(10, "os.byteorder/blocks", "os.word-size pg.control"),
    .by(11, "pg.version.server", "pg.version.supported pg.version.running"),
    .by(12, "pg.version.target", "pg.version.target"),
    .by(13, "pg.build", "pg.build"),
    .by(14, "pg.cli_tools", "pg.programs"),
    .by(15, "libc.version", "libc.version"),
    .by(16, "collation.stored", "collation.stored"),
    .by(17, "collation.probe", "collation.probe"),
    .by(18, "icu.version", "icu.version"),
    .by(19, "locale.present", "locale.present"),
    .by(20, "tz.data", "os.time-zones"),
    .by(21, "ext.preload", "extensions.preload"),
    .by(22, "ext.installed", "extensions.installed extensions.versions extensions.files"),
    .by(23, "ext.special", "extensions.special"),
    .by(24, "lang.untrusted", "extensions.languages"),
    .by(25, "fdw.files", "objects.foreign-files"),
    .by(26, "server.files", "files.named"),
    .by(27, "tsearch.dicts", "text-search.files"),
    .by(28, "wal_level", "wal.level"),
    .by(29, "max_wal_senders", "wal.senders"),
    .by(30, "max_replication_slots", "wal.slots"),
    .by(31, "max_connections vs standby", "standby.limits"),
    .by(32, "listen_addresses", "net.listen-addresses"),
    .by(33, "port/socket", "settings.socket"),
    .by(34, "hot_standby", "settings.hot-standby"),
    .by(35, "wal_log_hints / checksums", "wal.rewind"),
    .by(36, "full_page_writes", "durability.full-page-writes"),
    .by(37, "fsync", "durability.fsync"),
    .by(38, "synchronous_commit", "durability.synchronous-commit"),
    .by(39, "synchronous_standby_names", "settings.sync-standby"),
    .by(40, "wal_keep_size/segments", "wal.keep"),
    .by(41, "max_slot_wal_keep_size", "wal.slot-cap"),
    .by(42, "idle_replication_slot_timeout / wal_sender_timeout / wal_receiver_timeout", "settings.timeouts"),
    .by(43, "recovery GUCs in use", "recovery.leftovers"),
    .by(44, "max_prepared_transactions", "objects.prepared"),
    .left(
        45, "track_commit_timestamp, cluster_name",
        because:
            "Neither changes anything about an adoption: cluster_name is a deferred setting of the plan, and "
                + "track_commit_timestamp is kept as it runs."
    ),
    .by(46, "archive_mode/command/library", "archive.mode archive.command archive.target"),
    .by(47, "archive latency", "archive.backlog"),
    .by(48, "checkpoint load", "checkpoint.load"),
    .by(49, "restart_after_crash, crash loops", "crash.recent"),
    .by(50, "pending_restart now", "settings.pending-restart"),
    .by(51, "conf parse errors", "settings.parse settings.duplicates"),
    .by(52, "conf drift", "settings.drift"),
    .by(53, "command-line GUCs", "settings.command-line"),
    .by(54, "include dirs / conf manager", "settings.managed"),
    .by(55, "superuser path", "roles.superuser hba.local"),
    .by(56, "repl role", "roles.ours"),
    .by(57, "agent/rewind role", "roles.ours hba.rewind"),
    .by(58, "password_encryption & stored type", "roles.password-encryption"),
    .by(59, "hba.parse", "hba.parse hba.includes"),
    .by(60, "hba.replication", "hba.replication hba.members"),
    .by(61, "hba.rewind/all-db", "hba.rewind"),
    .by(62, "hba.symmetry", "hba.clients"),
    .by(63, "hba.relay_danger", "hba.relay-danger"),
    .by(64, "pg_ident, LDAP, GSS, cert auth, RADIUS", "hba.external"),
    .by(65, "ssl", "tls.certificate"),
    .left(
        66, ".pgpass / service files",
        because:
            "Password files hold secrets; nothing of them is read. The roles of pgadopt have a passfile of "
                + "their own, made with mode 0600."
    ),
    .by(67, "client inventory", "clients.local"),
    .by(68, "tablespaces", "tablespaces.paths tablespaces.inside"),
    .by(69, "pg_wal link / other links", "directory.links wal.place"),
    .by(70, "unlogged tables", "objects.unlogged"),
    .left(
        71, "hash indexes <10, temp-heavy dbs",
        because: "Hash indexes are crash safe from version 10 on, and nothing before 12 is supported."),
    .by(72, "logical slots", "slots.logical"),
    .by(73, "foreign slots", "slots.foreign slots.retained"),
    .by(74, "subscriptions/publications", "objects.subscriptions"),
    .by(75, "sequences/2PC coordinators/advisory locks", "clients.advisory-locks"),
    .by(76, "long transactions, old xmin", "activity.long-transactions"),
    .by(77, "wraparound distance", "vacuum.wraparound"),
    .by(78, "corruption signs", "corruption.checksums objects.invalid-indexes"),
    .by(79, "exclusive backup running", "backup.running recovery.leftovers"),
    .by(80, "large objects/size per db", "data.files"),
    .by(81, "db/role level GUC traps", "roles.setting-traps"),
    .by(82, "event triggers, login triggers (17)", "objects.login-triggers"),
    .by(83, "space.primary.wal", "space.wal"),
    .by(84, "space.target", "space.target space.inodes"),
    .by(85, "wal.rate", "wal.rate"),
    .by(86, "fs.type/options", "files.system"),
    .by(87, "disk.latency", "disk.latency"),
    .by(88, "build.estimate", "build.estimate"),
    .by(89, "disk.health", "disk.health"),
    .by(90, "snapshot tools / other writers in PGDATA", "jobs.wal-cleanup"),
    .by(91, "perms", "directory.permissions os.selinux"),
    .by(92, "ram/cpu parity", "hosts.same-memory hosts.same-cpus"),
    .by(93, "huge pages", "memory.huge-pages"),
    .by(94, "shm/sem limits", "memory.shared memory.dev-shm kernel.semaphores"),
    .by(95, "overcommit/oom", "memory.overcommit"),
    .by(96, "limits", "limits.open-files"),
    .by(97, "thp, dirty ratios, scheduler, governor", "kernel.transparent-huge-pages kernel.dirty-memory"),
    .by(98, "RemoveIPC", "logind.remove-ipc"),
    .by(99, "clock", "clock.offset"),
    .by(100, "virtual/live migration", "host.steal"),
    .by(101, "watchdog", "watchdog.device"),
    .by(102, "cgroup v2/pidfd support", "kernel.pidfd"),
    .by(103, "service.owner", "service.owner"),
    .by(104, "service.stop_semantics", "service.stop-semantics"),
    .by(105, "rivals.ha", "rivals.ha"),
    .by(106, "rivals.events", "pooler.local"),
    .by(107, "updates", "updates.automatic"),
    .by(108, "cron/timers", "jobs.host-bound"),
    .by(
        109, "backup.tool",
        "backup.tool pgbackrest.installed pgbackrest.version pgbackrest.stanza pgbackrest.backup pgbackrest.reach "
            + "pgbackrest.archive"),
    .by(110, "backup.after_failover", "backup.after-failover"),
    .by(111, "monitoring", "monitoring.local"),
    .by(112, "other clusters on host", "servers.others"),
    .by(113, "net.matrix", "net.reach"),
    .by(114, "net.quality", "net.quality net.mtu"),
    .by(115, "net.names", "net.names net.source-address"),
    .by(116, "net.firewall_state", "net.idle-drop"),
    .by(117, "ports.free", "ports.free"),
    .left(
        118, "proxy/VIP",
        because: "pgadopt configures no virtual address; the tool that does (vip-manager, keepalived) checks its own."
    ),
    .by(119, "etcd.health", "store.reach store.quorum store.version store.alarms"),
    .by(120, "etcd.latency", "store.latency"),
    .by(121, "etcd.space/auth/tls", "store.space"),
    .by(122, "dcs.prefix", "store.prefix"),
    .by(123, "quorum.topology", "store.places"),
    .by(124, "standby.sameness", "standby.sameness standby.in-place standby.lag standby.upstream"),
    .by(125, "standby.delayed", "standby.delayed"),
    .by(126, "standby.conf", "standby.trigger standby.settings"),
    .by(127, "standby.hba/ports", "hba.members"),
    .by(128, "app tolerance", "clients.idle-in-transaction clients.connections"),
    .left(
        129, "plan.readonly",
        because:
            "A promise to prove, not a finding to report: the tests hash every file and key, and read the "
                + "server's statistics, before and after."
    ),
    .left(
        130, "plan.freshness",
        because:
            "`apply` compares the plan's fingerprints with the world each time it runs; a check before that "
                + "would prove nothing."
    ),
]
