import AgentFixture
import Cluster
import Glibc
import JSON
import Testing
import Timekeeping

/// Synchronous mode with the real programs on this host.
@Suite(.timeLimit(.minutes(5)), .serialized) struct SynchronousLifeTests {
    @Test func synchronousModeIsTurnedOnSurvivesALeadersDeathAndIsTurnedOff() async throws {
        try await withAgents(["a", "b"]) { cluster in
            try await cluster.startLegacyPrimary("a")
            let agent = try cluster.startAgent("a")
            try await cluster.eventually("a leads") { await cluster.isUp("a", "/primary") }
            try cluster.startAgent("b")
            try await cluster.eventually("b streams") { await cluster.streams("b") }

            #expect(try await cluster.ask("a", "PATCH", "/config", ["synchronous_mode": true]).0 == 200)
            try await cluster.eventually("b is the synchronous standby") {
                let sync = try await cluster.view().sync
                return sync?.leader == "a" && sync?.standbys == ["b"]
            }
            #expect(try await cluster.sql("a", "show synchronous_standby_names") == "b")
            #expect(try await cluster.sql("a", "select sync_state from pg_stat_replication") == "sync")
            try await cluster.eventually("the API says so") { await cluster.isUp("b", "/sync") }

            // A restart that somebody asks for: the leader leaves b out first, so that no commit waits for it.
            #expect(try await cluster.ask("b", "POST", "/restart").0 == 200)
            #expect(cluster.log("b").contains("asking a to leave it out of sync first"))
            #expect(cluster.log("b").contains("a has left b out of sync"))
            try await cluster.eventually("b is the synchronous standby again") {
                try await cluster.view().sync?.standbys == ["b"]
            }
            try await cluster.eventually("b has everything") {
                try await cluster.sql("a", "select sync_state from pg_stat_replication") == "sync"
            }

            // The leader's host as good as dies: b has every acknowledged row and may lead.
            try await cluster.sql("a", "create table t (n int)")
            try await cluster.sql("a", "insert into t select generate_series(1, 1000)")
            try agent.send(signal: SIGSTOP)
            try await cluster.eventually("b leads") { await cluster.isUp("b", "/primary") }
            #expect(try await cluster.sql("b", "select count(*) from t") == "1000")
            try agent.send(signal: SIGCONT)
            try await cluster.eventually("a is the synchronous standby") {
                let sync = try await cluster.view().sync
                return sync?.leader == "b" && sync?.standbys == ["a"]
            }

            #expect(try await cluster.ask("b", "PATCH", "/config", ["synchronous_mode": .null]).0 == 200)
            try await cluster.eventually("the key is gone") {
                guard try await cluster.cluster().1["sync"] == nil else { return false }
                return try await cluster.sql("b", "show synchronous_standby_names") == ""
            }
        }
    }
}
