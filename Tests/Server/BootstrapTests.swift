import Glibc
import HACore
import Kernel
import PostgresClient
import PostgresModel
import Testing
import Timekeeping

@testable import Server

/// New clusters and replicas of them, with nothing there before.
@Suite(.timeLimit(.minutes(5)), .serialized) struct BootstrapTests {
    @Test func aNewClusterIsMadeAndGrowsAReplicaByTheFirstMethodThatWorks() async throws {
        try await withBench { bench in
            let a = bench.newServer("a")
            try await aFailedBootstrapLeavesThePlaceFree(a, bench)
            try await aClusterIsMadeByInitdb(a, bench)
            let b = bench.newServer("b")
            try await methodsAreTriedInOrder(b, of: a, bench)
            try await logicalSlotsTravelToTheStandby(a, b, bench)
            try await restartsKeepTheRole(a, b, bench)
            try await b.stop(.immediate, by: Bench.soon)
            try await a.stop(.immediate, by: Bench.soon)
        }
    }

    @Test func aClusterIsRestoredByAProgramOfTheOperatorsAndRecoversToAPrimaryOfItsOwn() async throws {
        try await withBench { bench in
            try await bench.startLegacyPrimary()
            try await bench.sql("a", "insert into t values (42)")
            try await bench.sql("a", "alter role postgres password 'of the backup'")
            let script = try bench.script(
                "restore",
                """
                echo "$@" > \(bench.root)/restore
                for o in "$@"; do case $o in --datadir=*) d=${o#*=};; esac; done
                PGPASSWORD='r:e\\p' \(Bench.bin)/pg_basebackup -h 127.0.0.1 -p \(bench.ports["a"]!) -U replicator -D "$d" -X stream -c fast
                printf 'local all all scram-sha-256\\n' > "$d/pg_hba.conf"
                """)
            let b = bench.newServer("b")
            try await b.configure(bench.newConfiguration("b"), by: Bench.soon)
            try await b.bootstrap(
                .init(
                    scope: "demo", method: .custom(.init(command: [script, "--stanza=x"], recovery: ["restore_command": "false"]))),
                by: Bench.soon)
            #expect(try readSmallText("\(bench.root)/restore") == "--stanza=x --scope=demo --datadir=\(bench.root)/b\n")
            guard case .running(let running) = await b.observe().process else {
                Issue.record("b does not run")
                return
            }
            #expect(!running.isInRecovery && running.timeline == Timeline(2))
            #expect(try await bench.ask(b, "select n from t") == "42")
            #expect(try await bench.ask(b, "show restore_command") == "")
            // Our password counts, the backup's rules are back.
            let error = await #expect(throws: PostgresError.self) { try await bench.sql("b", "select 1") }
            #expect(error?.message.contains("password") == true, "\(error?.message ?? "")")
            try await b.stop(.immediate, by: Bench.soon)
        }
    }

    private func plan(_ bench: Bench, postBootstrap: [String]) -> BootstrapPlan {
        BootstrapPlan(
            scope: "demo", method: .initdb(options: ["--data-checksums", "--encoding=UTF8", "--locale=C", "--no-sync"]),
            hba: ["host replication replicator 127.0.0.1/32 scram-sha-256"], postBootstrap: postBootstrap)
    }

    private func aFailedBootstrapLeavesThePlaceFree(_ a: LocalServer, _ bench: Bench) async throws {
        try await a.configure(bench.newConfiguration("a"), by: Bench.soon)
        let error = await #expect(throws: ServerError.self) {
            try await a.bootstrap(plan(bench, postBootstrap: ["/bin/sh", "-c", "exit 7"]), by: Bench.soon)
        }
        #expect(error?.message.contains("post_bootstrap ended with exit code 7") == true, "\(error?.message ?? "")")
        #expect(await a.observe().storage == .empty)
        let names = try Files(user: nil).names(in: bench.root)
        #expect(names.contains { $0.hasPrefix("a.pgadopt-failed-") })
    }

    private func aClusterIsMadeByInitdb(_ a: LocalServer, _ bench: Bench) async throws {
        let script = try bench.script(
            "post", #"echo "$1" > \#(bench.root)/post; \#(Bench.bin)/psql "$1" -qAtc 'create table made_by_hook (n int)'"#)
        try await a.bootstrap(plan(bench, postBootstrap: [script]), by: Bench.soon)
        let target = try readSmallText("\(bench.root)/post")
        #expect(target.contains("user=postgres") && !target.contains("s'ecret"), "\(target)")
        #expect(try await bench.ask(a, "select count(*) from made_by_hook") == "0")
        #expect(try await bench.ask(a, "show data_checksums") == "on")
        #expect(try await bench.ask(a, "show max_connections") == "100")
        #expect(try await bench.ask(a, "show wal_log_hints") == "on")
        #expect(try await bench.ask(a, "select has_function_privilege('rewinder', 'pg_read_binary_file(text)', 'execute')") == "t")
        #expect(try await bench.ask(a, "select rolreplication from pg_roles where rolname = 'replicator'") == "t")
        // Nobody without a password, no password in a file that stays, none in the log.
        await #expect(throws: PostgresError.self) { try await bench.sql("a", "select 1") }
        #expect(!Files(user: nil).exists("\(bench.root)/a.state/a.initdb"))
        #expect(!((try? readSmallText("\(bench.root)/a.log")) ?? "").contains("ecret"))
        let error = await #expect(throws: ServerError.self) {
            try await a.bootstrap(plan(bench, postBootstrap: []), by: Bench.soon)
        }
        #expect(error?.code == .wrongState)
    }

    private func methodsAreTriedInOrder(_ b: LocalServer, of a: LocalServer, _ bench: Bench) async throws {
        _ = await a.observe()
        try await a.syncSlots(.init(physical: ["b"]), by: Bench.soon)
        let failing = try bench.script("restore", #"echo "$@" > \#(bench.root)/restore; mkdir -p \#(bench.root)/b; echo x > \#(bench.root)/b/half; exit 1"#)
        try await b.configure(bench.newConfiguration("b"), by: Bench.soon)
        _ = try await b.clone(
            from: bench.upstream("a"),
            methods: [
                .custom(.init(name: "restore", command: [failing, "--stanza=x"])),
                .basebackup(options: ["--checkpoint=fast", "--no-sync"]),
            ], by: Bench.soon)
        let call = try readSmallText("\(bench.root)/restore")
        #expect(call.hasPrefix("--stanza=x --scope=demo --role=replica --datadir=\(bench.root)/b --connstring=user=replicator"))
        #expect(!call.contains("r:e"))
        #expect(!Files(user: nil).exists("\(bench.root)/b/half"))
        try await b.start(.standby(bench.upstream("a")), by: Bench.soon)
        try await eventually("b streams") {
            guard case .running(let running) = await b.observe().process else { return false }
            return running.isStreaming
        }
        await #expect(throws: ServerError.self) {
            try await b.clone(from: nil, methods: [.basebackup(options: [])], by: Bench.soon)
        }
    }

    private func logicalSlotsTravelToTheStandby(_ a: LocalServer, _ b: LocalServer, _ bench: Bench) async throws {
        let slot = WantedSlots.Logical(name: "cdc", database: "postgres", plugin: "test_decoding")
        var wanted = WantedSlots(physical: ["b", "spare"], logical: [slot])
        #expect(try await a.syncSlots(wanted, by: Bench.soon).made == ["spare", "cdc"])
        try await bench.ask(a, "select pg_create_physical_replication_slot('somebody_elses')")
        #expect(try await a.syncSlots(wanted, by: Bench.soon).isEmpty)
        // The standby gets both, and follows the leader's positions.
        let onStandby = try await b.syncSlots(.init(physical: ["a", "b", "spare"], logical: [slot]), by: Bench.soon)
        #expect(onStandby.made == ["a", "spare"])
        #expect(onStandby.toCopy == [slot])
        #expect(try await b.copyLogicalSlots([slot], from: bench.upstream("a"), by: Bench.soon) == ["cdc"])
        _ = await b.observe()
        try await bench.ask(a, "create table c (n int)")
        try await bench.ask(a, "insert into c select generate_series(1, 1000)")
        try await bench.ask(a, "select pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) from pg_replication_slots where slot_name in ('cdc', 'spare')")
        let positions = try await a.slots(by: Bench.soon).reduce(into: [String: LSN]()) { $0[$1.name] = $1.confirmedLSN ?? $1.restartLSN }
        wanted = .init(physical: ["a", "spare"], logical: [slot], positions: positions)
        var moved: Set<String> = []
        try await eventually("b's copy is where a's slot is") {
            moved.formUnion(try await b.syncSlots(wanted, by: Bench.soon).advanced)
            return try await b.slots(by: Bench.soon).first { $0.name == "cdc" }?.confirmedLSN == positions["cdc"]
        }
        #expect(moved == ["spare", "cdc"])
        // What nobody wants any more goes, if it is ours.
        wanted = .init(physical: ["b"])
        #expect(Set(try await a.syncSlots(wanted, by: Bench.soon).dropped) == ["spare", "cdc"])
        #expect(try await a.slots(by: Bench.soon).map(\.name) == ["b", "somebody_elses"])
    }

    private func restartsKeepTheRole(_ a: LocalServer, _ b: LocalServer, _ bench: Bench) async throws {
        let before = try #require(await b.adopt())
        try await b.restart(by: Bench.soon)
        #expect(await b.adopt() != before)
        #expect(try await bench.ask(b, "select pg_is_in_recovery()") == "t")
        try await a.restart(by: Bench.soon)
        #expect(try await bench.ask(a, "select pg_is_in_recovery()") == "f")
        try await eventually("b streams again") {
            guard case .running(let running) = await b.observe().process else { return false }
            return running.isStreaming
        }
        // After a crash: recovered without being started.
        let postmaster = try #require(await a.adopt())
        kill(postmaster.pid, SIGKILL)
        try await eventually("a is gone") { await a.observe().process == .stopped }
        try await a.recoverCrash(by: Bench.soon)
        #expect(try await a.controlData(by: Bench.soon).isShutDown)
        try await a.start(.primary, by: Bench.soon)
    }
}

@Suite struct SlotPlanTests {
    private func slot(_ name: String, ours: Bool = true, active: Bool = false, lost: Bool = false) -> ReplicationSlot {
        ReplicationSlot(
            name: name, isActive: active, restartLSN: LSN("0/10"), walStatus: lost ? "lost" : "reserved",
            isFailover: false, isOurs: ours)
    }

    @Test func whatWeDidNotMakeIsNeverDropped() {
        let plan = SlotPlan(
            .init(physical: []), present: [slot("a"), slot("b", ours: false), slot("c", active: true)], own: "me",
            isStandby: false)
        #expect(plan.drop == ["a"])
    }

    @Test func anIgnoredSlotStaysEvenIfItIsOurs() {
        let wanted = WantedSlots(physical: [], ignored: [.init(name: "a", type: "physical")])
        #expect(SlotPlan(wanted, present: [slot("a")], own: "me", isStandby: false).drop == [])
    }

    @Test func aLostSlotOfOursIsMadeAnewAndAnothersIsReported() {
        let wanted = WantedSlots(physical: ["a", "b", "me"])
        let plan = SlotPlan(
            wanted, present: [slot("a", lost: true), slot("b", ours: false, lost: true)], own: "me", isStandby: false)
        #expect(plan.drop == ["a"] && plan.makePhysical == ["a"])
        #expect(plan.conflicts.count == 1)
    }
}

extension Bench {
    /// A server whose configuration lies in its data directory, made by us, with passwords.
    func newServer(_ name: String) -> LocalServer {
        var settings = settings(name)
        settings.configFile = nil
        settings.includeFile = "\(root)/\(name)/pgadopt.conf"
        settings.superuser.password = "s'ecret"
        return LocalServer(settings, log: quiet)
    }

    func newConfiguration(_ name: String) -> ServerConfiguration {
        ServerConfiguration(
            scope: "demo",
            parameters: [
                "port": "\(ports[name]!)", "unix_socket_directories": root, "listen_addresses": "localhost",
                "shared_buffers": "16MB", "fsync": "off", "wal_keep_size": "128MB", "log_statement": "all",
            ], commandLine: ClusterParameters.commandLine(cluster: ["wal_level": "logical"], isOurs: true).settings)
    }

    /// As superuser, with the password.
    @discardableResult
    func ask(_ server: LocalServer, _ text: String) async throws -> String? {
        let connection = try await PostgresConnection.connect(server.settings.localConnection(), by: Self.soon)
        return try await connection.query(text, by: Self.soon).scalar
    }
}
