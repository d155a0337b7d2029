import Facts
import Inventory
import PostgresModel
import Preflight
import Testing

/// One broken thing, and the finding it must produce.
struct Broken: Sendable, CustomTestStringConvertible {
    var rule: String
    var host: String?
    var verdict: Finding.Verdict
    /// Words that the summary must contain.
    var says: String
    var change: @Sendable (inout Sample) -> Void
    var testDescription: String { "\(rule) on \(host ?? "the store"): \(says)" }

    init(
        _ rule: String, _ host: String?, _ verdict: Finding.Verdict, _ says: String,
        _ change: @escaping @Sendable (inout Sample) -> Void
    ) {
        (self.rule, self.host, self.verdict, self.says, self.change) = (rule, host, verdict, says, change)
    }
}

private func unreachable(_ check: String) -> @Sendable (inout Sample) -> Void {
    { sample in
        sample.facts.hosts.removeLast()
        sample.facts.unreachable = [UnreachableHost(host: "b", reason: "refused", check: check)]
    }
}

private let other = SystemIdentifier(rawValue: 42)

let broken: [Broken] = [
    Broken("ssh.reach", "b", .fail, "refused", unreachable("ssh.reach")),
    Broken("ssh.hostkey", "b", .fail, "refused", unreachable("ssh.hostkey")),
    Broken("ssh.auth", "b", .fail, "refused", unreachable("ssh.auth")),
    Broken("ssh.shell", "b", .fail, "refused", unreachable("ssh.shell")),
    Broken("ssh.sudo", "b", .fail, "refused", unreachable("ssh.sudo")),
    Broken("ssh.sudo", "a", .fail, "cannot become root") { $0.system(1) { $0.canBecomeRoot = false } },
    Broken("ssh.sudo", "a", .fail, "cannot become the PostgreSQL user") {
        $0.system(1) { $0.canBecomePostgres = false }
    },
    Broken("survey.complete", "p", .warn, "psql is missing") { $0.facts.hosts[0].problems = ["psql is missing"] },
    Broken("host.unique", "b", .fail, "same /etc/machine-id as a") { $0.system(2) { $0.machineID = "id-of-a" } },
    Broken("os.arch", "a", .fail, "aarch64, but p is x86_64") { $0.system(1) { $0.architecture = "aarch64" } },
    Broken("os.postgres-user", "a", .fail, "no user postgres") { $0.system(1) { $0.hasPostgresUser = false } },
    Broken("libc.version", "a", .fail, "databases that sort by it: shop") { $0.system(1) { $0.libc = "glibc 2.27" } },
    Broken("libc.version", "a", .warn, "glibc 2.31") { $0.system(1) { $0.libc = "glibc 2.31" } },
    Broken("libc.version", "a", .fail, "musl") { $0.system(1) { $0.libc = "musl libc (x86_64) Version 1.2.4" } },
    Broken("locale.present", "b", .fail, "en_US.UTF-8") { $0.system(2) { $0.locales = ["C", "POSIX"] } },
    Broken("locale.present", "b", .warn, "told nothing") { $0.system(2) { $0.locales = [] } },
    Broken("clock.offset", "a", .fail, "2.99 s") { $0.system(1) { $0.clockOffsetSeconds = -3 } },
    Broken("clock.offset", "a", .warn, "0.49 s") { $0.system(1) { $0.clockOffsetSeconds = 0.5 } },
    Broken("clock.offset", "a", .warn, "nothing keeps") { $0.system(1) { $0.clockSynchronised = false } },
    Broken("clock.offset", "a", .warn, "could not be read") { $0.system(1) { $0.clockOffsetSeconds = nil } },
    Broken("hosts.same-memory", "a", .warn, "25 %") { $0.system(1) { $0.memory = ByteCount(2 << 30) } },
    Broken("pg.version.supported", "p", .fail, "11.22") { $0.sql { $0.version = ServerVersion(110_022) } },
    Broken("pg.version.supported", "p", .warn, "13.5") { $0.sql { $0.version = ServerVersion(130_005) } },
    Broken("pg.version.target", "a", .fail, "found: 16.4") {
        $0.facts.hosts[1].installations[0].version = ServerVersion(160_004)
    },
    Broken("pg.version.target", "a", .warn, "15.7") {
        $0.facts.hosts[1].installations[0].version = ServerVersion(150_007)
    },
    Broken("pg.programs", "a", .fail, "pg_rewind") {
        $0.facts.hosts[1].installations[0].missingPrograms = ["pg_rewind"]
    },
    Broken("collation.stored", "p", .warn, "database shop (2.31, library 2.36)") {
        $0.sql { $0.databases[0].collationVersion = "2.31" }
    },
    Broken("extensions.preload", "b", .fail, "timescaledb") {
        $0.set("shared_preload_libraries", "pg_stat_statements, '$libdir/timescaledb'")
    },
    Broken("extensions.installed", "b", .fail, "postgis-3") { $0.sql { $0.libraries.append("$libdir/postgis-3") } },
    Broken("wal.level", "p", .fail, "minimal") { $0.set("wal_level", "minimal") },
    Broken("wal.senders", "p", .fail, "max_wal_senders = 2") { $0.set("max_wal_senders", "2") },
    Broken("wal.senders", "p", .warn, "max_wal_senders = 3") { $0.set("max_wal_senders", "3") },
    Broken("wal.slots", "p", .fail, "max_replication_slots = 1, 0 in use, 2 needed") {
        $0.set("max_replication_slots", "1")
    },
    Broken("net.listen-addresses", "p", .fail, "does not name") {
        $0.set("listen_addresses", "192.168.0.1")
        $0.facts.hosts[1].reach[0].outcome = .refused
        $0.facts.hosts[2].reach[0].outcome = .refused
    },
    Broken("net.listen-addresses", "p", .warn, "this host only: until the next planned restart replicas come") {
        $0.set("listen_addresses", "localhost")
        $0.facts.hosts[1].reach[0].outcome = .refused
        $0.facts.hosts[2].reach[0].outcome = .refused
    },
    Broken("net.listen-addresses", "p", .warn, "not every replica") {
        $0.set("listen_addresses", "192.168.0.1")
        $0.facts.hosts[1].reach[0].outcome = .refused
    },
    Broken("settings.pending-restart", "p", .warn, "max_wal_senders") {
        $0.sql { sql in
            for index in sql.settings.indices where sql.settings[index].name == "max_wal_senders" {
                sql.settings[index].pendingRestart = true
            }
        }
    },
    Broken("settings.parse", "p", .fail, "syntax") {
        $0.sql { $0.fileErrors = ["/etc/x/postgresql.conf:7: syntax error"] }
    },
    Broken("settings.sync-standby", "p", .warn, "'*'") { $0.set("synchronous_standby_names", "*") },
    Broken("wal.rewind", "p", .warn, "rebuild (10.0 GiB") { $0.server { $0.control?.dataChecksums = false } },
    Broken("durability.fsync", "p", .fail, "fsync = off") { $0.set("fsync", "off") },
    Broken("hba.parse", "p", .fail, "pg_hba.conf:3") {
        $0.sql { $0.fileErrors = ["/etc/postgresql/15/main/pg_hba.conf:3: invalid"] }
    },
    Broken("hba.parse", "p", .fail, "no authentication method") {
        $0.server {
            $0.hbaText = "local all all nonsense\n"; $0.sql = nil
        }
    },
    Broken("hba.parse", "p", .fail, "could not be read") { $0.server { $0.hbaText = nil } },
    Broken("hba.replication", "p", .warn, "line 1 trusts") {
        $0.server { $0.hbaText = "host replication all 0.0.0.0/0 trust\n" }
    },
    Broken("space.target", "a", .fail, "5.0 GiB free") { $0.facts.hosts[1].target?.freeSpace = ByteCount(5 << 30) },
    Broken("space.target", "a", .fail, "not known") { $0.facts.hosts[1].target?.freeSpace = nil },
    Broken("target.directory", "a", .fail, "other files") { $0.facts.hosts[1].target?.content = .otherFiles },
    Broken("target.directory", "a", .fail, "cannot be read") { $0.facts.hosts[1].target?.content = .unreadable },
    Broken("target.directory", "a", .fail, "another cluster, system identifier 42") {
        $0.facts.hosts[1].target?.content = .dataDirectory
        $0.facts.hosts[1].target?.control = Sample.control(other)
    },
    Broken("target.directory", "a", .fail, "old copy") {
        $0.facts.hosts[1].target?.content = .dataDirectory
        $0.facts.hosts[1].target?.control = Sample.control()
    },
    Broken("target.directory", "a", .fail, "no standby that could be asked") {
        $0.facts.hosts[1].target?.content = .dataDirectory
        $0.facts.hosts[1].target?.control = Sample.control()
        $0.facts.hosts[1].servers = [Sample.server(recovering: true)]
        $0.facts.hosts[1].servers[0].sql = nil
    },
    Broken("tablespaces.paths", "a", .fail, "/mnt/fast is not empty") {
        $0.sql { $0.tablespaces = [TablespaceFacts(name: "fast", location: "/mnt/fast", size: ByteCount(1 << 30))] }
        for host in 1...2 {
            $0.facts.hosts[host].target?.tablespaces = [
                TargetFacts(path: "/mnt/fast", content: host == 1 ? .otherFiles : .empty)
            ]
        }
    },
    Broken("slots.foreign", "p", .warn, "barman keeps 5.0 GiB") {
        $0.sql {
            $0.slots = [SlotFacts(name: "barman", isLogical: false, isActive: false, retainedWAL: ByteCount(5 << 30))]
        }
    },
    Broken("service.owner", "p", .warn, "no systemd unit") { $0.server { $0.unit = nil } },
    Broken("service.owner", "p", .fail, "container") { $0.server { $0.unit = "docker-abc.scope" } },
    Broken("service.owner", "p", .warn, "by hand") { $0.server { $0.unit = "session-3.scope" } },
    Broken("service.owner", "p", .warn, "Restart=always") { $0.server { $0.unitProperties["Restart"] = "always" } },
    Broken("rivals.ha", "b", .fail, "patroni is running") {
        $0.facts.hosts[2].rivals = [RivalFacts(name: "patroni", isRunning: true, evidence: "process 9")]
    },
    Broken("rivals.ha", "b", .warn, "installed") {
        $0.facts.hosts[2].rivals = [
            RivalFacts(name: "repmgrd", isRunning: false, evidence: "unit repmgrd.service, disabled")
        ]
    },
    Broken("ports.free", "a", .fail, "5432") { $0.facts.hosts[1].listeningPorts = [5432] },
    Broken("ports.free", "p", .fail, "8008") { $0.facts.hosts[0].listeningPorts = [8008] },
    Broken("net.reach", "a", .fail, "10.0.0.1:5432 does not answer") {
        $0.facts.hosts[1].reach[0].outcome = .timeout
    },
    Broken("net.reach", "a", .warn, "no tool") { $0.facts.hosts[1].reach[0].outcome = .unknown },
    Broken("store.reach", nil, .fail, "connection refused") {
        $0.facts.store.keys = nil
        for index in 0..<3 { $0.facts.store.endpoints[index].error = "connection refused" }
    },
    Broken("store.reach", nil, .warn, "1 of 3") { $0.facts.store.endpoints[1].error = "timeout" },
    Broken("store.quorum", nil, .warn, "1 member,") { $0.facts.store.memberCount = 1 },
    Broken("store.quorum", nil, .warn, "4 members, 1 may be lost") { $0.facts.store.memberCount = 4 },
    Broken("store.prefix", nil, .fail, "system identifier 42") {
        $0.facts.store.keys = ["/service/shop/initialize": "42"]
    },
    Broken("store.prefix", nil, .fail, "bootstrap") { $0.facts.store.keys = ["/service/shop/initialize": ""] },
    Broken("store.prefix", nil, .fail, "live leader, z") {
        $0.facts.store.keys = [
            "/service/shop/initialize": Sample.identifier.description, "/service/shop/leader": "z",
        ]
    },
    Broken("store.prefix", nil, .warn, "earlier adoption") {
        $0.facts.store.keys = ["/service/shop/initialize": Sample.identifier.description]
    },
    Broken("store.prefix", nil, .fail, "without an owner") { $0.facts.store.keys = ["/service/shop/config": "{}"] },
    Broken("primary.single", "p", .fail, "no running") { $0.facts.hosts[0].servers = [] },
    Broken("primary.single", "p", .fail, "standby") { $0.sql { $0.isInRecovery = true } },
    Broken("primary.single", "p", .fail, "could not be asked") { $0.server { $0.sql = nil } },
    Broken("primary.single", "p", .fail, "a has a writable") { $0.facts.hosts[1].servers = [Sample.server()] },
    Broken("standby.sameness", "a", .fail, "timeline 3, the primary on 1") {
        $0.facts.hosts[1].servers = [Sample.server(recovering: true)]
        $0.facts.hosts[1].servers[0].control?.timeline = Timeline(3)
    },
    Broken("standby.sameness", "a", .warn, "does not stream") {
        $0.facts.hosts[1].servers = [Sample.server(recovering: true)]
        $0.facts.hosts[1].servers[0].sql?.walReceiver = nil
    },
]

/// Nothing to say where the store is the owner's.
private let ofManagedStores = Set(ruleGroups.filter { $0.title == "A managed store" }.flatMap(\.rules).map(\.name))

private let allBroken = broken + brokenMachines + brokenServers + brokenManagedStores + brokenBackrest

struct RuleTests {
    @Test func `a server that is ready has only ok findings, and every rule speaks`() {
        let sample = Sample()
        let findings = evaluate(sample.facts, sample.spec)
        #expect(findings.filter { $0.verdict != .ok } == [])
        let silent = Set(allRules.map(\.name)).subtracting(findings.map(\.name))
        // Without a running standby, or a copy on a replica, there is nothing to compare.
        #expect(silent.subtracting(ofManagedStores).subtracting(ofBackrest).filter { !$0.hasPrefix("standby.") } == ["pg.control"])
    }

    @Test func `an adopted cluster is all ok, and every rule speaks`() {
        let sample = Sample.adopted()
        let findings = evaluate(sample.facts, sample.spec)
        #expect(findings.filter { $0.verdict != .ok } == [])
        // Nothing is left to copy.
        let silent = Set(allRules.map(\.name)).subtracting(findings.map(\.name))
        #expect(silent.subtracting(ofManagedStores).subtracting(ofBackrest) == ["build.estimate"])
    }

    @Test func `a standby that runs, with its own port, is no obstacle`() {
        var sample = Sample()
        sample.facts.hosts[1].servers = [Sample.server(recovering: true)]
        sample.facts.hosts[1].servers[0].sql?.walReceiver?.timeline = Timeline(1)
        sample.facts.hosts[1].servers[0].port = 5433
        sample.facts.hosts[1].listeningPorts = [22, 5433]
        sample.facts.hosts[1].target = TargetFacts(
            path: Sample.data, content: .dataDirectory, control: Sample.control(), freeSpace: ByteCount(1 << 20),
            filesystem: "ext4")
        sample.facts.hosts[1].target?.freeInodes = 10
        sample.set("synchronous_standby_names", "ANY 1 (\"a\", c)")
        let findings = evaluate(sample.facts, sample.spec)
        #expect(findings.filter { $0.verdict == .fail } == [])
        #expect(findings.first { $0.name == "standby.in-place" }?.summary == "process 100 streams from 10.0.0.1 on timeline 1: by a reload")
        #expect(findings.first { $0.name == "wal.senders" }?.summary.contains("1 replicas to build") == true)
    }

    @Test func `an adopted cluster is all ok after a failover`() {
        var sample = Sample.adopted()
        sample.facts.hosts[1].servers = [Sample.server()]
        sample.facts.hosts[1].servers[0].unit = "pgadopt-shop.scope"
        sample.facts.hosts[0].servers = [Sample.server(recovering: true)]
        sample.facts.store.keys?["/service/shop/leader"] = "a"
        for index in 0..<3 {
            sample.facts.hosts[index].servers[0].hbaText = Sample.adopted().facts.hosts[index].servers[0].hbaText
            sample.facts.hosts[index].servers[0].sql?.walReceiver?.senderHost = "10.0.0.2"
        }
        #expect(evaluate(sample.facts, sample.spec).filter { $0.verdict != .ok } == [])
    }

    @Test func `the rules that let in a member that comes later are the plan's to write`() {
        var sample = Sample.adopted()
        for index in 0..<2 {
            let lines = sample.facts.hosts[index].servers[0].hbaText?.split(separator: "\n") ?? []
            let left = lines.filter { !$0.contains("10.0.0.3/") }
            #expect(left.count < lines.count)
            sample.facts.hosts[index].servers[0].hbaText = left.joined(separator: "\n") + "\n"
        }
        #expect(evaluate(sample.facts, sample.spec).filter { $0.name.hasPrefix("hba.") && $0.verdict == .fail } == [])
    }

    @Test(arguments: allBroken) func `a broken thing is found`(_ broken: Broken) throws
    {
        var sample = Sample()
        broken.change(&sample)
        let only = try RuleSelection(parsing: [broken.rule])
        let findings = evaluate(sample.facts, sample.spec, selection: only).filter {
            $0.name == broken.rule && $0.verdict != .ok
        }
        let finding = try #require(findings.first { $0.host == broken.host })
        #expect(finding.verdict == broken.verdict)
        #expect(finding.summary.contains(broken.says), "\(finding.summary)")
        #expect(!finding.why.isEmpty)
        #expect(!finding.remedy.isEmpty)
        #expect(!finding.summary.contains("\n"))
    }

    @Test func `every rule has a test that breaks it, and names are unique`() {
        let names = allRules.map(\.name)
        #expect(Set(names).subtracting(allBroken.map(\.rule)) == [])
        #expect(Set(names).count == names.count)
    }

    @Test func `a waiver turns one failure of one host into a warning, which records it`() throws {
        var sample = Sample()
        sample.system(1) { $0.architecture = "aarch64" }
        sample.system(2) { $0.architecture = "aarch64" }
        let findings = evaluate(sample.facts, sample.spec, waivers: [try Waiver(parsing: "os.arch@a")]).filter {
            $0.name == "os.arch"
        }
        #expect(findings.map(\.host) == ["b", "a"])
        #expect(findings.map(\.verdict) == [.fail, .warn])
        #expect(findings.map(\.waiver) == [nil, Waiver(rule: "os.arch", host: "a")])
        #expect(exitCode(of: findings) == 1)
        #expect(exitCode(of: Array(findings.dropFirst())) == 2)
    }

    @Test func `a waiver, a selection and a question with a wrong name are refused with the right one`() {
        #expect(
            throws: PreflightError(
                code: .unknownRule,
                message: "there is no check named 'wal.leve'; did you mean wal.level? docs/checks.md lists all")
        ) {
            try Waiver(parsing: "wal.leve@a")
        }
        #expect(
            throws: PreflightError(code: .unknownHost, message: "'z' is no host of this cluster; its hosts are a, b")
        ) {
            try Waiver(parsing: "wal.level@z", hosts: ["a", "b"])
        }
        #expect(throws: PreflightError.self) { try RuleSelection(parsing: ["wal.level", "wa"]) }
        #expect(throws: PreflightError.self) { try explain("") }
    }

    @Test func `a selection runs what it names, by name or by the begin of names`() throws {
        let sample = Sample()
        func run(_ patterns: [String]) throws -> Set<String> {
            Set(evaluate(sample.facts, sample.spec, selection: try RuleSelection(parsing: patterns)).map(\.name))
        }
        #expect(try run(["wal.level"]) == ["wal.level"])
        #expect(
            try run(["ssh", "wal.level"]) == [
                "ssh.reach", "ssh.hostkey", "ssh.auth", "ssh.shell", "ssh.sudo", "ssh.banner", "wal.level",
            ])
        #expect(try run(["ssh.*"]).count == 6)
        #expect(try run([]) == Set(evaluate(sample.facts, sample.spec).map(\.name)))
    }

    @Test func `every check can be explained`() throws {
        for rule in allRules {
            let told = try explain(rule.name)
            #expect(!told.fails.isEmpty || !told.warns.isEmpty, "\(rule.name)")
            #expect(!told.title.isEmpty && !told.why.isEmpty && !told.remedy.isEmpty)
        }
        #expect(try explain("wal.level").text.contains("(at a restart of PostgreSQL)"))
    }

    @Test func `the worst come first, then hosts in the order of the inventory`() {
        var sample = Sample()
        sample.system(2) { $0.canBecomeRoot = false }
        sample.set("wal_level", "minimal")
        sample.facts.store.memberCount = 1
        let shown = evaluate(sample.facts, sample.spec).prefix(3).map { "\($0.name) \($0.host ?? "-")" }
        #expect(shown == ["wal.level p", "ssh.sudo b", "store.quorum -"])
    }

    @Test func `empty facts neither crash nor look fine`() {
        let spec = Sample().spec
        let facts = ClusterFacts(cluster: "shop", hosts: [], store: StoreFacts(), takenAt: "")
        #expect(evaluate(facts, spec).contains { $0.verdict == .fail })
    }
}
