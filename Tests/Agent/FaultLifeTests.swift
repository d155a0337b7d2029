import AgentFixture
import Cluster
import Glibc
import JSON
import Testing
import Timekeeping

/// What breaks, with the real programs on this host.
@Suite(.timeLimit(.minutes(5)), .serialized) struct FaultLifeTests {
    private func pid(_ cluster: AgentHarness, _ name: String) throws -> pid_t {
        let file = fopen("\(cluster.root)/\(name)/postmaster.pid", "r")
        guard let file else { throw HarnessError("no postmaster.pid of \(name)") }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 32)
        guard fgets(&line, 32, file) != nil else { throw HarnessError("postmaster.pid of \(name) is empty") }
        return pid_t(atoi(line))
    }

    private func pair(_ cluster: AgentHarness, dynamic: JSON = AgentHarness.dynamic) async throws {
        try await cluster.startLegacyPrimary("a", dynamic: dynamic)
        try cluster.startAgent("a")
        try await cluster.eventually("a leads") { await cluster.isUp("a", "/primary") }
        try cluster.startAgent("b")
        try await cluster.eventually("b streams") { await cluster.streams("b") }
    }

    @Test func aFrozenPostmasterLosesTheLeadAndACrashedOneIsBackAtOnce() async throws {
        try await withAgents(["a", "b"]) { cluster in
            try await pair(cluster)
            let crashed = try pid(cluster, "a")
            kill(crashed, SIGKILL)
            try await cluster.eventually("a is back", within: .seconds(10)) {
                guard try pid(cluster, "a") != crashed else { return false }
                return try await cluster.sql("a", "select pg_is_in_recovery()") == "f"
            }
            #expect(try await cluster.view().leader?.name == "a", "in place, in asynchronous mode")
            try await cluster.eventually("b streams again") { await cluster.streams("b") }

            // The port stays open and kept connections go on: only a new connection tells.
            kill(try pid(cluster, "a"), SIGSTOP)
            try await cluster.eventually("b leads") { await cluster.isUp("b", "/primary") }
            try await cluster.eventually("a follows") { await cluster.streams("a") }
        }
    }

    /// The look at a slow disk begins while pg_rewind works and ends after it: it says nothing of the result.
    @Test func aFormerLeaderRewindsOnceHoweverLongALookTakes() async throws {
        try await withAgents(["a", "b"]) { cluster in
            let bin = "\(cluster.root)/bin"
            mkdir(bin, 0o755)
            for name in ["initdb", "pg_basebackup", "pg_ctl", "postgres", "psql"] {
                symlink("\(AgentHarness.bin)/\(name)", "\(bin)/\(name)")
            }
            try cluster.write("#!/bin/sh\nsleep 1.5\nexec \(AgentHarness.bin)/pg_controldata \"$@\"\n",
                to: "bin/pg_controldata", mode: 0o755)
            try cluster.write("#!/bin/sh\n\(AgentHarness.bin)/pg_rewind \"$@\" || exit\nsleep 4\n",
                to: "bin/pg_rewind", mode: 0o755)
            let text = cluster.configuration("a")
            try cluster.write(text.replacing("bin_dir: \(AgentHarness.bin)", with: "bin_dir: \(bin)"), to: "a.yml")
            try await pair(cluster)
            kill(try pid(cluster, "a"), SIGSTOP)
            try await cluster.eventually("b leads") { await cluster.isUp("b", "/primary") }
            try await cluster.eventually("a follows") { await cluster.streams("a") }
            #expect(cluster.log("a").ranges(of: "begin: pg_rewind").count == 1)
        }
    }

    @Test func anAgentThatIsKilledDisturbsNobodyAndAHungStoreDemotesNobody() async throws {
        try await withAgents(["a", "b"]) { cluster in
            var dynamic = AgentHarness.dynamic.object ?? [:]
            dynamic["slots"] = ["backup": ["type": "physical"]]
            try await cluster.startLegacyPrimary("a", dynamic: .object(dynamic))
            let agent = try cluster.startAgent("a")
            try await cluster.eventually("a leads") { await cluster.isUp("a", "/primary") }
            try cluster.startAgent("b")
            try await cluster.eventually("b streams") { await cluster.streams("b") }
            try await cluster.eventually("both are asked in an outage") {
                try await cluster.view().failsafe.map { Set($0.keys) } == ["a", "b"]
            }
            let postmaster = try pid(cluster, "a")
            try agent.send(signal: SIGKILL)
            try cluster.startAgent("a")
            try await cluster.eventually("a leads on") { await cluster.isUp("a", "/primary") }

            // Longer than the lease: every member answers, so nothing happens.
            cluster.etcd.signal(.stop, member: 0)
            let end = AgentHarness.clock.now + .seconds(12)
            while AgentHarness.clock.now < end {
                try await cluster.sql("a", "create table if not exists t (n int); insert into t values (1)")
                try await AgentHarness.clock.sleep(until: AgentHarness.clock.now + .milliseconds(200), tolerance: nil)
            }
            // What reads a permanent slot of the leader goes on reading; the copy on b follows without the store.
            let read = try #require(
                try await cluster.sql(
                    "a", "select end_lsn from pg_replication_slot_advance('backup', pg_current_wal_flush_lsn())"))
            try await cluster.eventually("b's copy of the slot follows") {
                try await cluster.sql(
                    "b", "select restart_lsn >= '\(read)' from pg_replication_slots where slot_name = 'backup'") == "t"
            }
            cluster.etcd.signal(.resume, member: 0)
            try await cluster.eventually("a leads in the store again") { try await cluster.view().leader?.name == "a" }
            #expect(try pid(cluster, "a") == postmaster)
            #expect(try await cluster.sql("a", "select pg_is_in_recovery()") == "f")
        }
    }
}
