import Glibc
import HACore
import Kernel
import PostgresModel
import Testing
import Timekeeping

@testable import Server

@Suite struct ParameterTests {
    @Test(arguments: [
        ("100", "100", "integer", nil), ("16384", "128MB", "integer", "8kB"), ("1GB", "1024MB", "integer", "kB"),
        ("on", "true", "bool", nil), ("replica", "hot_standby", "enum", nil), ("60", "1min", "integer", "s"),
        ("0.5", "0.50", "real", nil),
    ] as [(String, String, String, String?)])
    func spellingsOfOneValueAreTheSame(a: String, b: String, kind: String, unit: String?) {
        #expect(SettingValue.same(a, b, kind: kind, unit: unit))
    }

    @Test func otherValuesAreNot() {
        #expect(!SettingValue.same("100", "200", kind: "integer", unit: nil))
        #expect(!SettingValue.same("on", "off", kind: "bool", unit: nil))
        #expect(!SettingValue.same("logical", "replica", kind: "enum", unit: nil))
        #expect(!SettingValue.same("1s", "1MB", kind: "integer", unit: "kB"))
    }

    @Test func aNewClusterHasPatronisValuesAndAnAdoptedOneItsOwn() {
        let new = ClusterParameters.commandLine(cluster: ["max_connections": "200", "max_wal_senders": "1"], isOurs: true)
        #expect(new.settings["max_connections"] == "200")
        #expect(new.settings["max_wal_senders"] == "10")
        #expect(new.settings["wal_log_hints"] == "on")
        #expect(new.warnings == ["max_wal_senders = '1' cannot be used in a cluster; 10 is used"])
        let adopted = ClusterParameters.commandLine(cluster: ["max_connections": "200"], isOurs: false)
        #expect(adopted.settings == ["max_connections": "200"])
        let local = ClusterParameters.local(["Max_Connections": "7", "work_mem": "8MB"])
        #expect(local.settings == ["work_mem": "8MB"])
        #expect(local.warnings.count == 1)
    }

    @Test func theOrderOfRestartsFollowsTheDirectionOfTheChange() {
        func order(_ old: String, _ new: String) -> Bool? {
            ClusterParameters.standbysFirst(.init(name: "max_connections", oldValue: old, newValue: new))
        }
        #expect(order("100", "200") == true)
        #expect(order("200", "100") == false)
        #expect(ClusterParameters.standbysFirst(.init(name: "shared_buffers", oldValue: "1", newValue: "2")) == nil)
    }

    @Test func theIncludeFileIsReadBackAsItWasWritten() throws {
        var file = IncludeFile()
        file.primaryConnInfo = "host=h1 password='it''s'"
        file.primarySlotName = "b"
        file.synchronousStandbyNames = #"ANY 1 ("b-1","c")"#
        var wanted = ServerConfiguration(
            scope: "demo", parameters: ["Work_Mem": "8MB"], recovery: ["restore_command": "cp '/a b/%f' %p"])
        let text = try file.text(wanted, member: "a")
        #expect(IncludeFile(parsing: text) == file)
        #expect(text.contains("work_mem = '8MB'\n"))
        wanted.customFile = "/etc/own's.conf"
        #expect(try file.text(wanted, member: "a") == "include '/etc/own''s.conf'\n" + text)
        #expect(text.contains("restore_command = 'cp ''/a b/%f'' %p'\n"))
    }

    @Test func ourOptionsAreNotTakenForTheOwners() {
        let text = #"postgres "-D" "/d" "-c" "work_mem=7MB" "-c" "pgadopt.options=below" "-c" "max_connections=9""#
        #expect(PostmasterOptions(parsingFile: text).carriedOver == ["-c", "work_mem=7MB"])
    }
}

/// Settings brought to a running pair of servers.
@Suite(.timeLimit(.minutes(5)), .serialized) struct ConfigurationTests {
    @Test func settingsAreReloadedOrWaitForARestartAndStandbysKeepUp() async throws {
        try await withBench { bench in
            try await bench.startLegacyPrimary()
            let a = bench.server("a")
            _ = await a.observe()
            try await settingsAreReloaded(a, bench)
            try await whatWaitsForARestartIsTold(a, bench)
            try await accessRulesAreCheckedByTheServer(a, bench)
            let b = bench.server("b")
            try await aStandbyHasAtLeastThePrimarysLimits(b, of: a, bench)
            try await synchronousStandbysTakeEffectBeforeItReturns(a, b, bench)
            try await aStandbyStopsStreaming(b, bench)
            try await a.stop(.immediate, by: Bench.soon)
            try await b.stop(.immediate, by: Bench.soon)
        }
    }

    private let wanted = ServerConfiguration(
        scope: "demo", parameters: ["log_min_duration_statement": "123ms", "max_pred_locks_per_transaction": "77"],
        commandLine: ["max_connections": "150"])

    private func settingsAreReloaded(_ a: LocalServer, _ bench: Bench) async throws {
        #expect(try await a.configure(wanted, by: Bench.soon) == .init(isChanged: true, isReloaded: true))
        #expect(try await a.configure(wanted, by: Bench.soon) == .init(isChanged: false, isReloaded: false))
        try await eventually("the setting is in force") {
            try await bench.sql("a", "show log_min_duration_statement") == "123ms"
        }
    }

    private func whatWaitsForARestartIsTold(_ a: LocalServer, _ bench: Bench) async throws {
        try await eventually("both are pending") { try await a.pendingRestarts(by: Bench.soon).count == 2 }
        #expect(
            try await a.pendingRestarts(by: Bench.soon) == [
                .init(name: "max_connections", oldValue: "100", newValue: "150"),
                .init(name: "max_pred_locks_per_transaction", oldValue: "64", newValue: "77"),
            ])
        try await a.stop(.fast, by: Bench.soon)
        try await a.start(.primary, by: Bench.soon)
        _ = await a.observe()
        #expect(try await bench.sql("a", "show max_connections") == "150")
        #expect(try await bench.sql("a", "show work_mem") == "7MB")
        #expect(try await a.pendingRestarts(by: Bench.soon) == [])
    }

    private func accessRulesAreCheckedByTheServer(_ a: LocalServer, _ bench: Bench) async throws {
        let path = "\(bench.root)/hba"
        let before = try readSmallText(path)
        var bad = wanted
        bad.hba = ["local all all trust", "host all all nonsense"]
        let error = await #expect(throws: ServerError.self) { try await a.configure(bad, by: Bench.soon) }
        #expect(error?.code == .overridden)
        #expect(error?.message.contains("line 2 of postgresql.pg_hba") == true, "\(error?.message ?? "")")
        #expect(try readSmallText(path) == before)
        var good = wanted
        good.hba = before.split(separator: "\n").map(String.init) + ["host all somebody 10.0.0.0/8 reject"]
        #expect(try await a.configure(good, by: Bench.soon).isReloaded)
        #expect(try readSmallText(path).contains("somebody"))
        #expect(try readSmallText(path + ".pgadopt-before") == before)
    }

    private func aStandbyHasAtLeastThePrimarysLimits(_ b: LocalServer, of a: LocalServer, _ bench: Bench) async throws {
        _ = try await a.keepSlots(for: ["b"], by: Bench.soon)
        _ = try await b.clone(from: bench.upstream("a"), by: Bench.soon)
        var low = wanted
        low.commandLine["max_connections"] = "50"
        try await b.configure(low, by: Bench.soon)
        try await b.start(.standby(bench.upstream("a")), by: Bench.soon)
        _ = await b.observe()
        #expect(try await bench.sql("b", "show max_connections") == "150")
        #expect(
            try await b.pendingRestarts(by: Bench.soon) == [
                .init(name: "max_connections", oldValue: "150", newValue: "50")
            ])
    }

    private func synchronousStandbysTakeEffectBeforeItReturns(
        _ a: LocalServer, _ b: LocalServer, _ bench: Bench
    ) async throws {
        try await eventually("b streams") {
            try await a.replication(by: Bench.soon).standbys.first { $0.name == "b" }?.state == "streaming"
        }
        try await a.setSynchronousStandbys(#"ANY 1 ("b")"#, members: ["b"], by: Bench.soon)
        let view = try await a.replication(by: Bench.soon)
        #expect(view.synchronousStandbyNames == #"ANY 1 ("b")"#)
        #expect(view.synchronousCommit == "on")
        #expect(view.standbys.map(\.syncState) == ["quorum"])
        #expect(view.flushed != nil && view.acknowledged(view.standbys[0]) != nil)
        // The proof: a commit waits from this moment on when the standby does not answer.
        try await b.stop(.immediate, by: Bench.soon)
        let waiting = Task { try await bench.sql("a", "insert into t values (5)") }
        try await eventually("a commit waits") {
            try await bench.sql("a", "select count(*) from pg_stat_activity where wait_event = 'SyncRep'") == "1"
        }
        try await a.setSynchronousStandbys(nil, members: [], by: Bench.soon)
        _ = try await waiting.value
        // Parameters do not forget it, and it does not forget parameters.
        try await a.setSynchronousStandbys("nobody", members: ["nobody"], by: Bench.soon)
        _ = try await a.configure(wanted, by: Bench.soon)
        #expect(try await a.replication(by: Bench.soon).synchronousStandbyNames == "nobody")
        #expect(await a.probe.probe(by: Bench.soon).outcome == .writes)
        try await a.setSynchronousStandbys("", members: [], by: Bench.soon)
        try await b.start(.standby(bench.upstream("a")), by: Bench.soon)
    }

    private func aStandbyStopsStreaming(_ b: LocalServer, _ bench: Bench) async throws {
        #expect(try await b.stopStreaming(by: Bench.soon) == .reloaded)
        #expect(try await b.stopStreaming(by: Bench.soon) == .unchanged)
        try await eventually("nobody streams") {
            try await bench.sql("a", "select count(*) from pg_stat_replication") == "0"
        }
        // Started without a word about an upstream, it keeps the one it has.
        try await b.follow(bench.upstream("a"), by: Bench.soon)
        try await b.stop(.fast, by: Bench.soon)
        try await b.start(.standby(nil), by: Bench.soon)
        // The same address with another slot is another upstream; a delay on purpose is told.
        var slotless = bench.upstream("a")
        slotless.slot = Upstream.Slot.none
        #expect(try await b.follow(slotless, by: Bench.soon) == .reloaded)
        #expect(try await bench.sql("b", "show primary_slot_name") == "")
        #expect(try await b.follow(slotless, by: Bench.soon) == .unchanged)
        var delayed = wanted
        delayed.recovery["recovery_min_apply_delay"] = "5min"
        try await b.configure(delayed, by: Bench.soon)
        try await eventually("the delay is seen") {
            guard case .running(let running) = await b.observe().process else { return false }
            return running.applyDelay == .seconds(300) && running.upstream == Upstream(
                name: "127.0.0.1", host: "127.0.0.1", port: bench.ports["a"]!, slot: .none)
        }
        #expect(try await bench.sql("b", "show primary_conninfo")?.contains("application_name=b") == true)
    }
}
