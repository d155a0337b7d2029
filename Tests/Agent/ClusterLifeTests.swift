import Glibc
import JSON
import Testing
import Timekeeping

/// Lives of clusters with the real programs on this host.
@Suite(.timeLimit(.minutes(5)), .serialized) struct ClusterLifeTests {
    @Test func aServerIsAdoptedAndAReplicaJoinsAndTakesOver() async throws {
        try await withAgents(["a", "b"]) { cluster in
            try await cluster.startLegacyPrimary("a")
            let before = try await cluster.sql("a", "select pg_postmaster_start_time()")
            try cluster.startAgent("a")
            try await cluster.eventually("a leads") { await cluster.isUp("a", "/primary") }
            try cluster.startAgent("b")
            try await cluster.eventually("b streams") { await cluster.streams("b") }
            #expect(try await cluster.sql("a", "select pg_postmaster_start_time()") == before)

            // An idle cluster writes nothing to the store.
            try await cluster.eventually("nothing is left to tell") {
                let revision = try await cluster.view().revision
                try await AgentHarness.clock.sleep(until: AgentHarness.clock.now + .seconds(5), tolerance: nil)
                return try await cluster.view().revision == revision
            }

            let (status, text) = try await cluster.ask("a", "POST", "/switchover", ["leader": "a", "candidate": "b"])
            #expect(status == 200, "\(text)")
            #expect(text == #"Successfully switched over to "b""#)
            try await cluster.eventually("a follows b") {
                guard await cluster.isUp("b", "/primary") else { return false }
                return await cluster.streams("a")
            }
            try await cluster.eventually("the history names b") {
                let last = try await cluster.view().history.last
                return last?.newLeader == "b" && last?.timeline.rawValue == 1
            }
        }
    }
}
