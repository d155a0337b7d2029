import AdoptFixtures
import Execution
import Foundation
import Planning
import Testing

/// A member leaves, against PostgreSQL.
@Suite(.enabled(if: RealServer.isPossible), .serialized) struct LeaveTests {
    private func withServer(_ body: (RealServer) async throws -> Void) async throws {
        let server = try await RealServer()
        let result: Result<Void, any Error>
        do { result = .success(try await body(server)) } catch { result = .failure(error) }
        await server.stop()
        try result.get()
    }

    /// h2, which is known to the cluster, is not in the inventory any more.
    private func plan(_ server: RealServer, isGone: Bool) async throws -> Plan {
        let adoption = try await server.plan([.baseBackup])
        var departure = try #require(Departure(of: "h2", adoptedBy: adoption))
        departure.isGone = isGone
        departure.unreachable = isGone ? "no route to host" : nil
        var planner = LegacyCluster.planner
        planner.departures = [departure]
        var (spec, facts) = (server.spec, try await server.facts())
        spec.hosts.removeLast()
        facts.hosts.removeLast()
        var plan = try planner.plan(spec, facts, [])
        plan.steps = plan.steps.filter { [.lock, .leave, .unlock].contains($0.kind.name) }
        return plan
    }

    private func run(_ plan: Plan, _ server: RealServer, _ environment: ExecutionEnvironment? = nil) async throws {
        let facts = try await server.facts()
        try await Executor(plan: plan, environment: environment ?? server.world.environment())
            .run(survey: { facts }, report: server.world.report)
    }

    private let slots = "SELECT string_agg(slot_name, ',' ORDER BY slot_name) FROM pg_replication_slots"

    @Test(arguments: [true, false]) func `Its key and its slot go, those of others stay`(_ isGone: Bool) async throws {
        try await withServer { server in
            for name in ["h2", "h2_backup"] {
                _ = try await server.sql("SELECT pg_create_physical_replication_slot('\(name)', true)")
            }
            for name in ["h1", "h2", "h22"] { await server.world.store.set("/service/shop/members/\(name)", "{}") }
            await server.world.store.set("/service/shop/leader", "h1")
            let plan = try await plan(server, isGone: isGone)
            try await run(plan, server)
            #expect(try await server.sql(slots) == "h2_backup")
            let keys = await server.world.store.keys.keys.sorted()
            #expect(keys == ["/service/shop/leader", "/service/shop/members/h1", "/service/shop/members/h22"])
            // Again: there is nothing left to do, and that is no error.
            try await run(plan, server)
        }
    }

    @Test func `A member that still streams is not gone`() async throws {
        try await withServer { server in
            _ = try await server.sql("SELECT pg_create_physical_replication_slot('h2', true)")
            let receiver = Task {
                try await server.sh(
                    "mkdir -p \(server.world.root)/sock/wal; exec \(RealServer.bin)/pg_receivewal --no-loop -D "
                        + "\(server.world.root)/sock/wal -S h2 -h \(server.world.root)/sock -p \(server.port)")
            }
            let active = "SELECT active FROM pg_replication_slots"
            let limit = ContinuousClock.now + .seconds(20)
            while try await server.sql(active) != "t", ContinuousClock.now < limit {
                try await Task.sleep(for: .milliseconds(100))
            }
            var environment = server.world.environment()
            let start = ContinuousClock.now
            environment.now = { (ContinuousClock.now - start) * 60 }
            let plan = try await plan(server, isGone: true)
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, server, environment) }
            #expect(error?.message.contains("still streams from h1") == true, "\(String(describing: error))")
            #expect(try await server.sql(slots) == "h2")
            _ = try await server.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots")
            await server.stop()
            _ = try? await receiver.value
        }
    }

    @Test func `A server that is no standby is not stopped, and a leader does not leave`() async throws {
        try await withServer { server in
            let plan = try await plan(server, isGone: false)
            let data = server.world.root + "/replica/main"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            _ = FileManager.default.createFile(atPath: data + "/postmaster.pid", contents: Data("1\n".utf8))
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, server) }
            #expect(error?.message.contains("is no standby; nothing was stopped") == true)
            await server.world.store.set("/service/shop/leader", "h2")
            let second = await #expect(throws: ExecutionError.self) { try await run(plan, server) }
            #expect(second?.message.contains("leads the cluster") == true)
        }
    }
}
