import AdoptFixtures
import Execution
import Facts
import Foundation
import Planning
import Preflight
import Testing

/// The one restart that a plan may hold, on a real server with `wal_level = minimal`.
@Suite(.enabled(if: RealServer.isPossible), .serialized) struct RestartTests {
    private static let now = "2026-11-22T16:00:00Z"
    private static let open = "2026-11-22T15:30Z/1h"
    private static let later = "2026-11-28T02:00Z/1h"

    private func withServer(_ body: (RealServer) async throws -> Void) async throws {
        let server = try await RealServer(settings: "wal_level = minimal\nmax_wal_senders = 0")
        do { try await body(server) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func plan(_ server: RealServer, window: String) async throws -> Plan {
        var planner = LegacyCluster.planner
        planner.restartWindow = try RestartWindow(window)
        let failure = Finding(
            name: "wal.level", host: "h1", verdict: .fail, summary: "wal_level = minimal", effect: .restart)
        return try planner.plan(server.spec, try await server.facts(), [failure])
    }

    private func run(
        _ plan: Plan, _ server: RealServer, facts: ClusterFacts? = nil, at time: String = now,
        cutAt: @escaping @Sendable (String) -> Bool = { _ in false }
    ) async throws {
        let facts = if let facts { facts } else { try await server.facts() }
        var environment = server.world.environment(cutAt: cutAt)
        environment.timestamp = { time }
        try await Executor(plan: plan, environment: environment).run(survey: { facts }, report: server.world.report)
    }

    private func process(_ server: RealServer) async throws -> Int {
        try await server.facts().hosts[0].servers[0].postmasterPID
    }

    @Test func `Outside its window nothing at all is done`() async throws {
        try await withServer { server in
            let before = (try await process(server), server.world.file(server.data + "/postgresql.conf"))
            let plan = try await plan(server, window: Self.later)
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, server) }
            #expect(error?.code == .blocked)
            #expect(error?.description.contains("""
                it is 2026-11-22T16:00:00Z; the restart is approved for 2026-11-28T02:00:00Z to 2026-11-28T03:00:00Z only
                """) == true, "\(String(describing: error))")
            #expect(try await process(server) == before.0)
            #expect(server.world.file(server.data + "/postgresql.conf") == before.1)
            #expect(await server.world.journal.text == "")
            #expect(!FileManager.default.fileExists(atPath: server.world.root + "/var"))
        }
    }

    @Test func `Inside its window the server restarts once, with the values that were planned`() async throws {
        try await withServer { server in
            let before = try await process(server)
            let text = server.world.file(server.data + "/postgresql.conf")
            let plan = try await plan(server, window: Self.open)
            try await run(plan, server)
            let after = try await process(server)
            #expect(after != before)
            #expect(try await server.sql("SHOW wal_level") == "replica")
            #expect(try await server.sql("SHOW max_wal_senders") == "10")
            #expect(try await server.sql("SHOW max_connections") == "33")
            #expect(try await server.sql("SELECT count(*) FROM pg_settings WHERE pending_restart") == "0")
            // Its output goes where it went before.
            let output = try await server.sh("readlink /proc/\(after)/fd/2", .root)
            #expect(output == "\(server.world.root)/sock/log\n")

            // Again, days later: nothing is left to do, and nothing restarts.
            _ = server.world.take()
            try await run(plan, server, at: "2026-12-24T18:00:00Z")
            #expect(try await process(server) == after)
            #expect(server.world.take().contains("skip h1/restart"))

            // And back: our file goes, the values of before wait for the next restart, which is not ours.
            try await release(plan, server.world)
            #expect(try await process(server) == after)
            #expect(!FileManager.default.fileExists(atPath: server.data + "/pgadopt.conf"))
            #expect(server.world.file(server.data + "/postgresql.conf") == text)
            try await server.control("restart")
            #expect(try await server.sql("SHOW wal_level") == "minimal")
        }
    }

    @Test func `A server that was stopped when apply was killed is started by the next run, at any time`()
        async throws
    {
        try await withServer { server in
            let plan = try await plan(server, window: Self.open)
            let other = try await self.plan(server, window: "2026-11-22T15:40Z/1h")
            await #expect(throws: (any Error).self) {
                try await run(plan, server, cutAt: { $0.contains("pg_ctl restart") })
            }
            try await server.control("-m fast stop")
            let down = downFacts()
            try await run(plan, server, facts: down, at: "2026-11-22T23:00:00Z")
            #expect(try await server.sql("SHOW wal_level") == "replica")
            let after = try await process(server)
            let output = try await server.sh("readlink /proc/\(after)/fd/2", .root)
            #expect(output == "\(server.world.root)/sock/log\n")
            // Down without our doing is drift, as ever.
            let error = await #expect(throws: (any Error).self) { try await run(other, server, facts: down) }
            #expect("\(String(describing: error))".contains("is gone"), "\(String(describing: error))")
        }
    }

    /// What a survey finds when the server does not run.
    private func downFacts() -> ClusterFacts {
        var facts = LegacyCluster.facts
        facts.hosts[0].servers = []
        facts.hosts.removeLast()
        return facts
    }

    @Test func `A run that was cut off before the stop does not restart after the window`() async throws {
        try await withServer { server in
            let before = try await process(server)
            let plan = try await plan(server, window: Self.open)
            await #expect(throws: (any Error).self) {
                try await run(plan, server, cutAt: { $0.contains("pg_ctl restart") })
            }
            let error = await #expect(throws: ExecutionError.self) {
                try await run(plan, server, at: "2026-11-22T23:00:00Z")
            }
            #expect(error?.code == .blocked && error?.message.hasPrefix("it is 2026-11-22T23:00:00Z") == true)
            #expect(try await process(server) == before)
            try await run(plan, server, at: "2026-11-22T16:20:00Z")
            #expect(try await server.sql("SHOW wal_level") == "replica")
        }
    }

    @Test func `A value that would not be in force afterwards is found before the stop`() async throws {
        try await withServer { server in
            let before = try await process(server)
            let plan = try await plan(server, window: Self.open)
            _ = try await server.sql("ALTER SYSTEM SET wal_level = 'minimal'")
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, server) }
            #expect(
                error?.message.contains("after a restart wal_level would be minimal, not replica") == true,
                "\(String(describing: error))")
            #expect(error?.remedy.contains("ALTER SYSTEM RESET wal_level") == true)
            #expect(try await process(server) == before)
        }
    }
}
