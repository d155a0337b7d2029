import Execution
import Foundation
import Planning
import Testing

/// A standby that streams already is taken over, against PostgreSQL.
@Suite(.enabled(if: RealServer.isPossible), .serialized) struct StandbyTests {
    private func run(_ plan: Plan, _ standby: RealStandby, _ environment: ExecutionEnvironment) async throws {
        let facts = try await standby.facts()
        try await Executor(plan: plan, environment: environment)
            .run(survey: { facts }, report: standby.primary.world.report)
    }

    private func release(_ plan: Plan, _ standby: RealStandby) async throws {
        try await Releaser(plan: plan, environment: standby.environment(), replicas: nil).run { _ in }
    }

    @Test func `It streams by our slot under our login with the same process, and release gives it back byte for byte`()
        async throws
    {
        try await RealStandby.with { _, standby in
            let before = try standby.configuration()
            let process = try await standby.process()
            let plan = try await standby.plan()
            try await run(plan, standby, standby.environment())
            #expect(try await standby.process() == process)
            #expect(try await standby.sql("SELECT status, slot_name FROM pg_stat_wal_receiver") == "streaming|h2")
            let sessions = "SELECT usename, application_name FROM pg_stat_replication"
            #expect(try await standby.primary.sql(sessions) == "pgadopt_replication|h2")
            // A limit of its own that is higher stays.
            #expect(standby.primary.world.file(standby.data + "/pgadopt.conf")?.contains("max_connections = '44'") == true)
            #expect(try standby.configuration()["postgresql.auto.conf"]?.contains("primary_conninfo") == false)
            // The owner's slot is there as it was, with its position.
            let slots = "SELECT slot_name, active, restart_lsn IS NULL FROM pg_replication_slots ORDER BY 1"
            #expect(try await standby.primary.sql(slots) == "h2|t|f\nh2_old|f|f")
            // The agent, which is not root, keeps its things beside the copies.
            let mode = try await standby.shell.run("stat -c %a /var/lib/pgadopt/shop", as: .root)
            #expect(mode.output == "755\n")
            // Nothing of its connection string is in plan or journal.
            #expect(await !standby.primary.world.journal.text.contains("user=postgres"))

            try await release(plan, standby)
            #expect(try await standby.process() == process)
            try await standby.awaitStream(by: "h2_old")
            #expect(try await standby.primary.sql(slots) == "h2_old|t|f")
            #expect(try standby.configuration() == before)
            #expect(try await standby.primary.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'pgadopt%'") == "0")
        }
    }

    @Test func `A slot that its owner has dropped meanwhile is made again by the release, whose settings name it`()
        async throws
    {
        try await RealStandby.with { _, standby in
            let plan = try await standby.plan()
            try await run(plan, standby, standby.environment())
            _ = try await standby.primary.sql("SELECT pg_drop_replication_slot('h2_old')")
            try await release(plan, standby)
            try await standby.awaitStream(by: "h2_old")
        }
    }

    @Test func `What ALTER SYSTEM has set meanwhile survives the release`() async throws {
        try await RealStandby.with { _, standby in
            let plan = try await standby.plan()
            try await run(plan, standby, standby.environment())
            _ = try await standby.sql("ALTER SYSTEM SET work_mem = '7MB'")
            try await release(plan, standby)
            try await standby.awaitStream(by: "h2_old")
            let text = try standby.configuration()["postgresql.auto.conf"] ?? ""
            #expect(text.contains("work_mem = '7MB'") && text.contains("primary_slot_name = 'h2_old'"), "\(text)")
        }
    }

    @Test func `Cut off at any command of it, the next run ends in the same state, and release too`() async throws {
        try await RealStandby.with { _, standby in
            let before = try standby.configuration()
            let process = try await standby.process()
            let plan = try await standby.plan()
            // The commands of the step, from the first look at its file to the last question.
            for mark in ["head -c 40", "pgadopt.conf", "before.new", "altered/after", "/psql"] {
                let isStep = Counter()
                await #expect(throws: (any Error).self, "\(mark)") {
                    try await run(plan, standby, standby.environment(processID: 7, cutAt: { command in
                        if command.contains("head -c 40") { _ = isStep.next() }
                        return isStep.value > 0 && command.contains(mark)
                    }))
                }
                try await run(plan, standby, standby.environment(processID: 8))
                #expect(try await standby.sql("SELECT status, slot_name FROM pg_stat_wal_receiver") == "streaming|h2")
                try await release(plan, standby)
                try await standby.awaitStream(by: "h2_old")
                #expect(try standby.configuration() == before, "\(mark)")
            }
            #expect(try await standby.process() == process)
        }
    }

    @Test func `A stream that does not come is taken back by the step itself`() async throws {
        try await RealStandby.with { _, standby in
            let before = try standby.configuration()
            var plan = try await standby.plan()
            for index in plan.steps.indices {
                guard case .upstream(var change) = plan.steps[index].kind else { continue }
                change.file.content = change.file.content.replacingOccurrences(of: "port=\(standby.primary.port)", with: "port=1")
                plan.steps[index].kind = .upstream(change)
            }
            var environment = standby.environment()
            // Forty seconds of patience need not be waited for.
            let start = ContinuousClock.now
            environment.now = { (ContinuousClock.now - start) * 10 }
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, standby, environment) }
            #expect(error?.message.contains("it streams as it did") == true, "\(String(describing: error))")
            try await standby.awaitStream(by: "h2_old")
            let after = try standby.configuration()
            #expect(after["postgresql.auto.conf"] == before["postgresql.auto.conf"])
            #expect(after["postgresql.conf"] == before["postgresql.conf"])
        }
    }
}
