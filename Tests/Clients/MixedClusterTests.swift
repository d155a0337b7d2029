import AgentFixture
import Foundation
import JSON
import Testing

/// Members run by Patroni and by our agent in one cluster, and the move of a cluster from one to the other and back.
@Suite(.timeLimit(.minutes(6)), .serialized, .enabled(if: ClientPrograms.directory != nil, "\(ClientPrograms.absence)"))
struct MixedClusterTests {
    /// In every mode the lock goes from one of ours to Patroni and back.
    @Test func membersOfBothKindsLeadInTurnInEveryModeAndNoRowIsLost() async throws {
        try await withAgents(["m1", "m2", "m3"]) { cluster in
            try prepareFiles(cluster)
            try cluster.startAgent("m1")
            try await cluster.eventually("m1 leads", within: .seconds(60)) { await cluster.isUp("m1", "/primary") }
            try cluster.startPatroni("m2")
            try cluster.startAgent("m3")
            try await whole(cluster, "m1")
            let writer = try await RowWriter(cluster)
            var leader = "m1"
            // With two synchronous standbys either may take over; a quorum of one of two lets either, too.
            for (mode, count, turns) in [
                ("off", 1, ["m2", "m3"]), ("on", 2, ["m2", "m1"]), ("quorum", 1, ["m2", "m3"]),
            ] {
                let edited = try await cluster.patronictl(
                    "edit-config", "--force", "-s", "synchronous_mode=\(mode)", "-s", "synchronous_node_count=\(count)")
                #expect(edited.code == 0, "\(edited.text)")
                for next in turns {
                    try await cluster.eventually("\(next) may take over in mode \(mode)", within: .seconds(40)) {
                        try await isReady(next, mode, cluster)
                    }
                    let outcome = try await cluster.patronictl(
                        "switchover", "demo", "--leader", leader, "--candidate", next, "--force")
                    #expect(outcome.text.contains("Successfully switched over to \"\(next)\""), "\(mode): \(outcome.text)")
                    try await whole(cluster, next)
                    leader = next
                }
            }
            // In quorum mode the leader dies with its agent: whoever takes over has every acknowledged row.
            try await cluster.eventually("a quorum", within: .seconds(40)) { try await isReady("m2", "quorum", cluster) }
            cluster.killMember("m3")
            try await cluster.eventually("another leads", within: .seconds(60)) {
                let leader = try await cluster.view().leader?.name
                guard let leader, leader != "m3" else { return false }
                return await cluster.isUp(leader, "/primary")
            }
            try await expectNothingLost(writer, cluster)
        }
    }

    /// docs/patroni.md, both ways round.
    @Test func aRunningPatroniClusterMovesToAgentsAndBackWithoutDowntime() async throws {
        try await withAgents(["m1", "m2", "m3"]) { cluster in
            try prepareFiles(cluster)
            for name in cluster.members {
                try cluster.startPatroni(name)
                if name == "m1" {
                    try await cluster.eventually("m1 leads", within: .seconds(60)) { await cluster.isUp("m1", "/primary") }
                }
            }
            try await whole(cluster, "m1")
            let writer = try await RowWriter(cluster)
            let started = try await startTimes(cluster)

            #expect(try await cluster.patronictl("pause", "--wait").text.contains("Success"))
            for name in ["m2", "m3", "m1"] { try await exchange(name, cluster) { try cluster.startAgent(name) } }
            #expect(try await cluster.patronictl("resume", "--wait").text.contains("Success"))
            try await whole(cluster, "m1")
            #expect(try await startTimes(cluster) == started, "no server was restarted")
            let there = try await cluster.patronictl("switchover", "demo", "--leader", "m1", "--candidate", "m2", "--force")
            #expect(there.text.contains("Successfully switched over"), "\(there.text)")
            try await whole(cluster, "m2")

            let between = try await startTimes(cluster)
            #expect(try await cluster.patronictl("pause", "--wait").text.contains("Success"))
            for name in ["m1", "m3", "m2"] { try await exchange(name, cluster) { try cluster.startPatroni(name) } }
            #expect(try await cluster.patronictl("resume", "--wait").text.contains("Success"))
            try await whole(cluster, "m2")
            #expect(try await startTimes(cluster) == between, "no server was restarted")
            let back = try await cluster.patronictl("switchover", "demo", "--leader", "m2", "--candidate", "m1", "--force")
            #expect(back.text.contains("Successfully switched over"), "\(back.text)")
            try await whole(cluster, "m1")
            try await expectNothingLost(writer, cluster)
            #expect(await writer.longestGap < .seconds(12), "only the two switchovers interrupt writing")
        }
    }

    // MARK: Parts

    /// Files that both programs understand; Patroni's least times.
    private func prepareFiles(_ cluster: AgentHarness) throws {
        let hba = "[local all all trust, host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust, "
            + "local replication all trust]"
        let bootstrap = """
            bootstrap:
              dcs:
                ttl: 20
                loop_wait: 2
                retry_timeout: 3
                failsafe_mode: true
                check_timeline: true
                postgresql: {use_pg_rewind: true}
              initdb: [data-checksums, no-sync, {encoding: UTF8}]
            """
        for name in cluster.members {
            let more = "  pg_hba: \(hba)\n  basebackup: [checkpoint: fast]"
            try cluster.write(
                cluster.configuration(name, postgresql: more, more: bootstrap, isAdopted: false)
                    .replacing("unix_socket_directories:", with: "fsync: off\n    unix_socket_directories:"),
                to: "\(name).yml")
        }
    }

    private func whole(_ cluster: AgentHarness, _ leader: String) async throws {
        try await cluster.eventually("\(leader) leads, the others follow", within: .seconds(60)) {
            await cluster.isWhole(leader: leader)
        }
    }

    /// The `sync` key is settled and allows this member to take over.
    private func isReady(_ name: String, _ mode: String, _ cluster: AgentHarness) async throws -> Bool {
        let view = try await cluster.view()
        switch mode {
        case "on": return view.sync?.leader == view.leader?.name && view.sync?.standbys.contains(name) == true
        case "quorum": return view.sync?.leader == view.leader?.name && view.sync?.standbys.count == 2
        default: return true
        }
    }

    private func startTimes(_ cluster: AgentHarness) async throws -> [String: String] {
        var times: [String: String] = [:]
        for name in cluster.members { times[name] = try await cluster.sql(name, "select pg_postmaster_start_time()") }
        return times
    }

    /// One program goes, the other takes over the same running server under the same name.
    private func exchange(_ name: String, _ cluster: AgentHarness, _ start: () throws -> Void) async throws {
        let postmaster = try await cluster.sql(name, "select pg_postmaster_start_time()")
        try await cluster.endDaemon(of: name)
        #expect(try await cluster.sql(name, "select pg_postmaster_start_time()") == postmaster, "\(name) runs on")
        try start()
        let leads = try await cluster.view().leader?.name == name
        try await cluster.eventually("\(name) is back", within: .seconds(40)) {
            if leads { return await cluster.isUp(name, "/primary") }
            return await cluster.streams(name)
        }
    }

    private func expectNothingLost(_ writer: RowWriter, _ cluster: AgentHarness) async throws {
        let acknowledged = await writer.stop()
        let leader = try #require(try await cluster.view().leader?.name)
        let text = try await cluster.sql(leader, "select string_agg(n::text, ' ') from written") ?? ""
        let lost = acknowledged.subtracting(text.split(separator: " ").compactMap { Int($0) })
        #expect(lost.isEmpty, "lost: \(lost.sorted().prefix(5))... of \(acknowledged.count)")
        #expect(acknowledged.count > 100)
    }
}
