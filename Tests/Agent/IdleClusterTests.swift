import AgentFixture
import Cluster
import JSON
import Testing
import Timekeeping

/// A cluster without clients, with the real programs on this host.
@Suite(.timeLimit(.minutes(5)), .serialized) struct IdleClusterTests {
    /// The agents probe their servers meanwhile, and PostgreSQL notes its running transactions.
    @Test func nothingIsWrittenToTheStoreButKeepalives() async throws {
        try await withAgents(["a", "b"]) { cluster in
            // A new database is vacuumed and analysed by itself: that is no idle one.
            try cluster.write(cluster.text("a.conf") + "autovacuum = off\n", to: "a.conf")
            try await cluster.startLegacyPrimary("a")
            try cluster.startAgent("a")
            try await cluster.eventually("a leads") { await cluster.isUp("a", "/primary") }
            try cluster.startAgent("b")
            try await cluster.eventually("b streams") { await cluster.streams("b") }
            let start = try await cluster.sql("a", "select pg_current_wal_lsn()") ?? ""
            try await cluster.eventually("25 s without a write", within: .seconds(200)) {
                let before = try await cluster.view().revision
                try await AgentHarness.clock.sleep(until: AgentHarness.clock.now + .seconds(25), tolerance: nil)
                return try await cluster.view().revision == before
            }
            let moved = try await cluster.sql("a", "select pg_current_wal_lsn() > '\(start)'")
            #expect(moved == "t", "the log has moved, if only a little")
            let shown = try await cluster.view().member("b")?.xlogLocation
            let optime = try await cluster.view().status.optime
            #expect(shown != nil && shown! >= optime!, "nobody looks behind")

            // A client's write is told.
            try await cluster.sql("a", "create table told as select generate_series(1, 1000) n")
            try await cluster.eventually("the write is told") { try await cluster.view().status.optime ?? .zero > optime! }
            try await cluster.eventually("by the standby, too") {
                let view = try await cluster.view()
                return view.member("b")?.xlogLocation ?? .zero >= view.status.optime!
            }
        }
    }
}
