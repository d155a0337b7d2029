import AgentFixture
import Cluster
import Glibc
import Kernel
import Testing
import Timekeeping

/// A member in a container: the agent is process 1 of a process namespace, and PostgreSQL lives in it.
@Suite(.timeLimit(.minutes(5)), .serialized, .enabled(if: geteuid() == 0, "a process namespace needs root"))
struct ContainerLifeTests {
    @Test func aStopOfTheContainerStopsPostgreSQLInOrderAndGivesTheLockAway() async throws {
        try await withAgents(["m1"]) { cluster in
            let section = """
                bootstrap:
                  dcs: {ttl: 20, loop_wait: 5, retry_timeout: 5}
                  initdb: [no-sync]
                """
            try cluster.write(cluster.configuration("m1", more: section, isAdopted: false), to: "m1.yml")
            for turn in 1...2 {
                let container = try cluster.startContained("m1")
                try await cluster.eventually("m1 leads") { await cluster.isUp("m1", "/primary") }
                if turn == 1 { try await cluster.sql("m1", "create table kept as select 1 n") }
                #expect(try await cluster.sql("m1", "select count(*) from kept") == "1")
                // unshare's only child is process 1 in there.
                let first = try #require(ProcessTable.now().descendants(of: container.identity.pid).first)
                kill(first.pid, SIGTERM)
                try await container.exited()
                let state = try await cluster.view()
                #expect(state.leader == nil, "the lock was given away, not left to run out")
                #expect(state.member("m1")?.state == .stopped)
                #expect(cluster.text("m1/postmaster.pid").isEmpty, "PostgreSQL has ended by itself")
            }
            #expect(!cluster.text("m1.state/postgresql.log").contains("not properly shut down"))
        }
    }
}
