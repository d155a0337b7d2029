import AgentFixture
import Foundation
import JSON
import Testing

/// Every command of patronictl 4.1.5 against agents: its exit code, what it says, what the cluster shows afterwards.
@Suite(.timeLimit(.minutes(25)), .serialized, .enabled(if: ClientPrograms.directory != nil, "\(ClientPrograms.absence)"))
struct PatronictlTests {
    @Test func everyCommandOfAnOperatorWorks() async throws {
        try await withAgents(["m1", "m2", "m3"]) { cluster in
            try await cluster.startAll()
            try await looking(cluster)
            try await theConfiguration(cluster)
            try await pauseAndResume(cluster)
            try await restarts(cluster)
            try await handingOver(cluster)
            try await scheduling(cluster)
            try await building(cluster)
            try await removal(cluster)
        }
    }

    /// The command succeeds and says all of this.
    private func expect(
        _ outcome: Outcome, _ sentences: String..., at place: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.code == 0, "\(outcome.text)", sourceLocation: place)
        for sentence in sentences {
            #expect(outcome.text.contains(sentence), "\(outcome.text)", sourceLocation: place)
        }
    }

    /// Schedules something for soon; later, when the moment was past before patronictl came to ask for it.
    private func scheduled(_ command: (Double) async throws -> Outcome) async throws {
        var text = ""
        for delay in [4.0, 15, 45] {
            text = try await command(delay).text
            if !text.contains("in the past") { break }
        }
        #expect(text.contains("cheduled"), "\(text)")
        #expect(!text.contains("in the past") && !text.contains("ailed"), "\(text)")
    }

    /// A row of `patronictl list` by the member's name.
    private func listed(_ cluster: AgentHarness) async throws -> [String: JSON] {
        let rows = try JSON(parsing: try await cluster.patronictl("list", "-f", "json").output)
        return Dictionary(uniqueKeysWithValues: (rows.array ?? []).map { ($0["Member"]?.string ?? "", $0) })
    }

    private func roles(_ cluster: AgentHarness) async throws -> [String] {
        try await listed(cluster).sorted { $0.key < $1.key }.map {
            "\($0.key) \($0.value["Role"]?.string ?? "") \($0.value["State"]?.string ?? "")"
        }
    }

    // MARK: Looking

    private func looking(_ cluster: AgentHarness) async throws {
        let identifier = try await cluster.sql("m1", "select system_identifier from pg_control_system()") ?? ""
        expect(
            try await cluster.patronictl("list"), "Cluster: demo (\(identifier))", "| Leader  | running",
            "| Replica | streaming")
        #expect(try await roles(cluster) == ["m1 Leader running", "m2 Replica streaming", "m3 Replica streaming"])
        let rows = try await listed(cluster)
        #expect(rows["m2"]?["Host"] == .string("127.0.0.1:\(cluster.sqlPorts["m2"]!)"))
        #expect(rows["m2"]?["TL"]?.int == 1)
        #expect(rows["m2"]?["Replay Lag"]?.int == 0 || rows["m2"]?["Replay Lag"]?.int == nil)
        expect(try await cluster.patronictl("topology"), "| m1     |", "| + m2   |", "| + m3   |")
        expect(
            try await cluster.patronictl("version", "demo"), "patronictl version 4.1.5",
            "m1: Patroni 4.", "PostgreSQL 15.")
        expect(try await cluster.patronictl("dsn"), "host=127.0.0.1 port=\(cluster.sqlPorts["m1"]!)")
        expect(try await cluster.patronictl("dsn", "-m", "m3"), "port=\(cluster.sqlPorts["m3"]!)")
        for (role, recovery) in [("leader", "False"), ("primary", "False"), ("replica", "True"), ("any", "e")] {
            let outcome = try await cluster.patronictl(
                "query", "-r", role, "-U", "postgres", "-d", "postgres", "--format", "tsv",
                "-c", "select pg_is_in_recovery()")
            expect(outcome, recovery)
        }
        // A timeline that nobody has left yet.
        expect(try await cluster.patronictl("history", "-f", "json"), "[]")
    }

    // MARK: Configuration

    private func theConfiguration(_ cluster: AgentHarness) async throws {
        expect(try await cluster.patronictl("show-config"), "loop_wait: 2", "use_pg_rewind: true")
        expect(
            try await cluster.patronictl(
                "edit-config", "--force", "-s", "maximum_lag_on_failover=2097152", "-p", "work_mem='7MB'"),
            "Configuration changed")
        // patronictl wrote the key itself; the watch brought it to every server.
        for name in cluster.members {
            try await cluster.eventually("\(name) has the new setting") {
                try await cluster.sql(name, "show work_mem") == "7MB"
            }
        }
        try cluster.write("#!/bin/sh\nsed -i s/7MB/9MB/ \"$1\"\n", to: "editor", mode: 0o755)
        expect(
            try await cluster.patronictl("edit-config", "--force", environment: ["EDITOR": "\(cluster.root)/editor"]),
            "Configuration changed")
        try await cluster.eventually("the editor's value") { try await cluster.sql("m3", "show work_mem") == "9MB" }
        expect(try await cluster.patronictl("edit-config", "--force", "-s", "loop_wait=2"), "Not changed")
        expect(try await cluster.patronictl("show-config"), "maximum_lag_on_failover: 2097152", "work_mem: 9MB")

        // One that waits for a restart shows up with its reason, on all members.
        expect(try await cluster.patronictl("edit-config", "--force", "-p", "max_prepared_transactions=7"), "changed")
        try await cluster.eventually("all members wait for a restart") {
            let rows = try await listed(cluster)
            return rows.values.allSatisfy { $0["Pending restart"]?.string == "*" }
        }
        expect(try await cluster.patronictl("list", "-e"), "max_prepared_transactions: 0->7")

        try cluster.write(
            cluster.configuration("m2", more: "tags:\n  colour: blue\n  clonefrom: true\n"), to: "m2.yml")
        expect(
            try await cluster.patronictl("reload", "demo", "--force"),
            "Reload request received for member m1 and will be processed within 2 seconds", "for member m3")
        try await cluster.eventually("the new tag is shown") {
            try await cluster.patronictl("list").output.contains("colour: blue")
        }
    }

    // MARK: Pause

    private func pauseAndResume(_ cluster: AgentHarness) async throws {
        try await cluster.pause()
        expect(try await cluster.patronictl("list"), "Maintenance mode: on")
        let again = try await cluster.patronictl("pause")
        #expect(again.code == 1 && again.errors.contains("Cluster is already paused"))
        try await cluster.resume()
        #expect(!(try await cluster.patronictl("list").output.contains("Maintenance mode")))
        #expect(try await cluster.patronictl("resume").code == 1)
    }

    // MARK: Restart

    private func restarts(_ cluster: AgentHarness) async throws {
        func startTimes() async throws -> [String] {
            var result: [String] = []
            for name in cluster.members {
                result.append(try await cluster.sql(name, "select pg_postmaster_start_time()") ?? "")
            }
            return result
        }
        let before = try await startTimes()
        // Filters that hold for nobody: everything is answered, nothing restarts.
        expect(
            try await cluster.patronictl("restart", "demo", "m1", "--force", "--pg-version", "15.0"),
            "Failed: restart for member m1, status code=503, (restart conditions are not satisfied)")
        #expect(try await startTimes() == before)
        expect(try await cluster.patronictl("restart", "demo", "--force", "-r", "replica", "--pending"),
            "Success: restart on member m2", "Success: restart on member m3")
        let between = try await startTimes()
        #expect(between[0] == before[0] && between[1] != before[1] && between[2] != before[2])
        try await cluster.eventually("only the leader waits for a restart") {
            let rows = try await listed(cluster)
            return rows.filter { $0.value["Pending restart"]?.string == "*" }.keys.sorted() == ["m1"]
        }
        expect(try await cluster.patronictl("restart", "demo", "m1", "--force", "--timeout", "30s"),
            "Success: restart on member m1")
        #expect(try await startTimes()[0] != before[0])
        #expect(try await cluster.sql("m1", "show max_prepared_transactions") == "7")
        try await cluster.eventually("the cluster is whole again") { await cluster.isWhole(leader: "m1") }
        #expect(try await cluster.view().leader?.name == "m1", "a restart is no failover")

        // Scheduled: shown, refused twice, taken back; then one that comes about.
        expect(try await cluster.patronictl("restart", "demo", "m3", "--force", "--scheduled", moment(after: 3600)),
            "Success: restart scheduled on member m3")
        try await cluster.eventually("the schedule is shown") {
            try await cluster.patronictl("list").output.contains("Scheduled restart")
        }
        let twice = try await cluster.ask("m3", "POST", "/restart", ["schedule": .string(moment(after: 3700))])
        #expect(twice.0 == 409)
        expect(try await cluster.patronictl("flush", "demo", "m3", "restart", "--force"),
            "Success: flush scheduled restart for member m3")
        expect(try await cluster.patronictl("flush", "demo", "m3", "restart", "--force"), "No scheduled restart for member m3")
        let started = try await startTimes()[2]
        try await scheduled { delay in
            try await cluster.patronictl("restart", "demo", "m3", "--force", "--scheduled", moment(after: delay))
        }
        try await cluster.eventually("the scheduled restart has come") {
            try await cluster.sql("m3", "select pg_postmaster_start_time()") != started
        }
        try await cluster.eventually("the cluster is whole again") { await cluster.isWhole(leader: "m1") }
    }

    // MARK: Switchover and failover

    private func handingOver(_ cluster: AgentHarness) async throws {
        let outcome = try await cluster.patronictl(
            "switchover", "demo", "--leader", "m1", "--candidate", "m2", "--force")
        expect(outcome, "Successfully switched over to \"m2\"")
        try await cluster.eventually("m2 leads, the others follow") { await cluster.isWhole(leader: "m2") }
        #expect(try await roles(cluster) == ["m1 Replica streaming", "m2 Leader running", "m3 Replica streaming"])
        expect(try await cluster.patronictl("switchover", "demo", "--force"), "Successfully switched over to")
        let second = try #require(try await cluster.view().leader?.name)
        #expect(second != "m2")
        try await cluster.eventually("\(second) leads, the others follow") { await cluster.isWhole(leader: second) }
        let third = second == "m3" ? "m1" : "m3"
        expect(try await cluster.patronictl("failover", "demo", "--candidate", third, "--force"),
            "Successfully failed over to \"\(third)\"")
        try await cluster.eventually("\(third) leads, the others follow") { await cluster.isWhole(leader: third) }

        let wrong = try await cluster.patronictl("switchover", "demo", "--leader", "m2", "--candidate", "m1", "--force")
        #expect(wrong.code == 1 && wrong.errors.contains("Member m2 is not the leader of cluster demo"))
        #expect(try await cluster.patronictl("failover", "demo", "--candidate", "m9", "--force").code == 1)
        #expect(try await cluster.view().leader?.name == third)

        let history = try JSON(parsing: try await cluster.patronictl("history", "-f", "json").output)
        #expect(history.array?.map { $0["New Leader"]?.string } == ["m2", second, third])
        #expect(history.array?.map { $0["TL"]?.int } == [1, 2, 3])
        #expect(history.array?.last?["Reason"] == "no recovery target specified")
    }

    private func scheduling(_ cluster: AgentHarness) async throws {
        let leader = try #require(try await cluster.view().leader?.name)
        let other = try #require(cluster.members.first { $0 != leader })
        func schedule(after seconds: Double) async throws -> Outcome {
            try await cluster.patronictl(
                "switchover", "demo", "--leader", leader, "--candidate", other, "--scheduled", moment(after: seconds),
                "--force")
        }
        expect(try await schedule(after: 3600), "Switchover scheduled")
        expect(try await cluster.patronictl("list"), "Switchover scheduled at:", "from: \(leader)", "to: \(other)")
        expect(try await cluster.patronictl("flush", "demo", "switchover", "--force"), "scheduled switchover deleted")
        #expect(!(try await cluster.patronictl("list").output.contains("Switchover scheduled")))
        expect(try await cluster.patronictl("flush", "demo", "switchover", "--force"), "No pending scheduled switchover")
        _ = try await schedule(after: -60)
        let wish = try await cluster.view().failover
        #expect(wish?.isEmpty ?? true, "a moment in the past is refused")
        try await scheduled { try await schedule(after: $0) }
        try await cluster.eventually("the scheduled switchover has come") { await cluster.isWhole(leader: other) }
    }

    // MARK: Building anew, and forgetting

    private func building(_ cluster: AgentHarness) async throws {
        let leader = try #require(try await cluster.view().leader?.name)
        let other = try #require(cluster.members.first { $0 != leader })
        try await cluster.sql(leader, "create table kept as select generate_series(1, 1000) n")
        expect(try await cluster.patronictl("reinit", "demo", other, "--force", "--wait"),
            "Success: reinitialize for member \(other)", "Reinitialize is completed on: \(other)")
        try await cluster.eventually("\(other) streams again") { await cluster.streams(other) }
        try await cluster.eventually("the copy is whole") { try await cluster.sql(other, "select count(*) from kept") == "1000" }
        let refused = try await cluster.patronictl("reinit", "demo", leader, "--force")
        #expect(refused.code == 1 && refused.errors.contains("No replica among provided members"))
        #expect(try await cluster.view().leader?.name == leader)
    }

    /// patronictl deletes every key under a running cluster: its leader makes it known again.
    private func removal(_ cluster: AgentHarness) async throws {
        let leader = try #require(try await cluster.view().leader?.name)
        let before = try await cluster.view()
        let refused = try await cluster.patronictl("remove", "demo", input: "demo\nyes\n")
        #expect(refused.code == 1)
        #expect(try await cluster.view().initialize == before.initialize)
        expect(try await cluster.patronictl("remove", "demo", input: "demo\nYes I am aware\n\(leader)\n"))
        // Whoever leads then: it is the same cluster with the same configuration and the same data.
        try await cluster.eventually("the cluster is whole again") {
            let view = try await cluster.view()
            guard view.initialize == before.initialize, view.config?.value == before.config?.value,
                view.members.count == 3, let now = view.leader?.name
            else { return false }
            return await cluster.isWhole(leader: now)
        }
        let now = try #require(try await cluster.view().leader?.name)
        #expect(try await cluster.sql(now, "select count(*) from kept") == "1000")
    }
}

/// A moment so many seconds from now, as an operator types it.
private func moment(after seconds: Double) -> String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(secondsFromGMT: 0)
    format.dateFormat = "yyyy-MM-dd'T'HH:mm:ss'+00:00'"
    return format.string(from: Date().addingTimeInterval(seconds))
}
