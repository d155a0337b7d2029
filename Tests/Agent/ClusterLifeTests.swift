import AgentFixture
import Glibc
import JSON
import Kernel
import Testing
import Timekeeping

/// Lives of clusters with the real programs on this host.
@Suite(.timeLimit(.minutes(5)), .serialized) struct ClusterLifeTests {
    @Test func aServerIsAdoptedAndAReplicaJoinsAndTakesOver() async throws {
        try await withAgents(["a", "b"]) { cluster in
            try await cluster.startLegacyPrimary("a")
            let before = try await cluster.sql("a", "select pg_postmaster_start_time()")
            var agents = [try cluster.startAgent("a")]
            try await cluster.eventually("a leads") { await cluster.isUp("a", "/primary") }
            agents.append(try cluster.startAgent("b"))
            try await cluster.eventually("b streams") { await cluster.streams("b") }
            #expect(try await cluster.sql("a", "select pg_postmaster_start_time()") == before)

            // An idle cluster writes nothing to the store.
            try await cluster.eventually("nothing is left to tell") {
                let revision = try await cluster.view().revision
                try await AgentHarness.clock.sleep(until: AgentHarness.clock.now + .seconds(5), tolerance: nil)
                return try await cluster.view().revision == revision
            }

            // An idle agent rests: a loop that rings its own bell takes a tenth of a core and more.
            let times = agents.map { processorTime($0.identity.pid) }
            try await AgentHarness.clock.sleep(until: AgentHarness.clock.now + .seconds(5), tolerance: nil)
            for (agent, before) in zip(agents, times) {
                let used = processorTime(agent.identity.pid) - before
                #expect(used < .milliseconds(150), "\(used) of processor time in 5 s")
            }
            try await positionsAreToldOnceACycle(cluster)
            try await aRefusalSaysWhy(cluster)

            // At once: b receives what it lacks, and its own word of how far it is comes from before that.
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

    /// The leader is asked and knows it; Patroni's words come first.
    private func aRefusalSaysWhy(_ cluster: AgentHarness) async throws {
        let receiver = try #require(Int32(try await cluster.sql("b", "select pid from pg_stat_wal_receiver") ?? ""))
        kill(receiver, SIGSTOP)
        defer { kill(receiver, SIGCONT) }
        try await cluster.sql("a", "create table bulk as select repeat('x', 1000) from generate_series(1, 8000)")
        let (status, text) = try await cluster.ask("a", "POST", "/switchover", ["leader": "a", "candidate": "b"])
        #expect(status == 503)
        #expect(text.hasPrefix("Switchover failed: ") && text.contains("b is") && text.contains("MiB behind"), "\(text)")
        #expect(try await cluster.view().leader?.name == "a")
    }

    /// Under load the positions move all the time and are news to nobody: two members and `status`, every two seconds.
    private func positionsAreToldOnceACycle(_ cluster: AgentHarness) async throws {
        try await cluster.sql("a", "create table busy (n int)")
        let before = try await cluster.view().revision
        for row in 0..<60 {
            try await cluster.sql("a", "insert into busy values (\(row))")
            try await AgentHarness.clock.sleep(until: AgentHarness.clock.now + .milliseconds(50), tolerance: nil)
        }
        let written = try await cluster.view().revision - before
        #expect(written <= 30, "\(written) writes to the store")
    }
}

/// User and system time of a process so far (proc(5): fields 14 and 15, in hundredths of a second).
private func processorTime(_ pid: Int32) -> Duration {
    let text = (try? readSmallText("/proc/\(pid)/stat")) ?? ""
    let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
    guard fields.count > 13, let user = Int(fields[12]), let system = Int(fields[13]) else { return .zero }
    return .milliseconds(10 * (user + system))
}
