import AgentFixture
import Foundation
import JSON
import Testing

/// Members run by Patroni and by our agent in one cluster, and the move of a cluster from one to the other and back.
@Suite(.timeLimit(.minutes(20)), .serialized, .enabled(if: ClientPrograms.directory != nil, "\(ClientPrograms.absence)"))
struct MixedClusterTests {
    /// In every mode the lock goes from one of ours to Patroni and back.
    @Test func membersOfBothKindsLeadInTurnInEveryModeAndNoRowIsLost() async throws {
        try await withAgents(["m1", "m2", "m3"]) { cluster in
            try prepareFiles(cluster)
            try cluster.startAgent("m1")
            try await cluster.eventually("m1 leads") { await cluster.isUp("m1", "/primary") }
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
                    try await cluster.eventually("\(next) may take over in mode \(mode)") {
                        try await isReady(next, mode, cluster)
                    }
                    try await cluster.switchOver(from: leader, to: next)
                    try await whole(cluster, next)
                    leader = next
                }
            }
            // In quorum mode the leader dies with its agent: whoever takes over has every acknowledged row.
            try await cluster.eventually("a quorum") { try await isReady("m2", "quorum", cluster) }
            cluster.killMember("m3")
            try await cluster.eventually("another leads") {
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
                    try await cluster.eventually("m1 leads") { await cluster.isUp("m1", "/primary") }
                }
            }
            try await whole(cluster, "m1")
            let writer = try await RowWriter(cluster)
            try await exchangeAll(["m2", "m3", "m1"], cluster, writer) { try cluster.startAgent($0) }
            try await whole(cluster, "m1")
            try await cluster.switchOver(from: "m1", to: "m2")
            try await whole(cluster, "m2")

            try await exchangeAll(["m1", "m3", "m2"], cluster, writer) { try cluster.startPatroni($0) }
            try await whole(cluster, "m2")
            try await cluster.switchOver(from: "m2", to: "m1")
            try await whole(cluster, "m1")
            try await expectNothingLost(writer, cluster)
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
        try await cluster.eventually("\(leader) leads, the others follow") {
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

    /// In a paused cluster, member by member: no server is restarted and no write fails.
    private func exchangeAll(
        _ names: [String], _ cluster: AgentHarness, _ writer: RowWriter, _ start: (String) throws -> Void
    ) async throws {
        let started = try await startTimes(cluster)
        try await cluster.pause()
        // What the switchover before has cost is not ours.
        try await cluster.eventually("the writer goes on") { await writer.isWriting() }
        let failures = await writer.failures
        for name in names { try await exchange(name, cluster) { try start(name) } }
        try await cluster.resume()
        #expect(try await startTimes(cluster) == started, "no server was restarted")
        #expect(await writer.failures == failures, "no write failed")
    }

    /// One program goes, the other takes over the same running server under the same name.
    private func exchange(_ name: String, _ cluster: AgentHarness, _ start: () throws -> Void) async throws {
        let postmaster = try await cluster.sql(name, "select pg_postmaster_start_time()")
        try await cluster.endDaemon(of: name)
        #expect(try await cluster.sql(name, "select pg_postmaster_start_time()") == postmaster, "\(name) runs on")
        try start()
        let leads = try await cluster.view().leader?.name == name
        try await cluster.eventually("\(name) is back") {
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
