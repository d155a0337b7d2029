import Foundation
import Testing

extension LabSuite {
    @Suite(.serialized)
    struct Adoption {
        let hosts = Hosts()

        @Test func `adoption under load restarts nothing, disconnects nobody and ends with two streaming replicas`() async throws {
            try await hosts.fresh()
            let before = try await hosts.postmaster("h1")
            let passfile = hosts.directory.appendingPathComponent("pgpass").path
            let address = try await hosts.lab("dsn", "h1").split(separator: " ")[0].dropFirst("host=".count)
            // Its clients connect once: a single disconnection ends it.
            let pgbench = try Program(
                ["pgbench", "-h", String(address), "-U", "app", "-n", "-c", "4", "-R", "50", "-T", "3600", "bench"],
                environment: ["PGPASSFILE": passfile])
            let load = try await Load(hosts)

            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            #expect(planned.status == 2, "\(planned.output)")
            let applied = try await hosts.pgadopt("apply", hosts.plan, "--yes", deadline: .seconds(300))
            #expect(applied.status == 0, "\(applied.output)")
            try await eventually("both replicas stream", within: .seconds(30)) { await hosts.isWhole() }

            let stillRuns = await pgbench.isRunning
            let said = await pgbench.output
            #expect(stillRuns && !said.contains("error"), "pgbench: \(said)")
            _ = try await pgbench.end(signal: SIGINT)
            let account = try await load.end(tail: 0)
            #expect(account.writerErrors == 0, "\(account.report)")
            #expect(account.longestGap < 2, "\(account.report)")
            expectSound(account)
            let after = try await hosts.postmaster("h1")
            #expect(after == before, "the postmaster is not the same")
            let leader = await hosts.leader()
            #expect(leader == "h1")
        }

        @Test func `after an adoption there is nothing left to plan`() async throws {
            try await hosts.adopted()
            let planned = try await hosts.pgadopt("plan", hosts.inventory, "--out", hosts.plan)
            #expect(planned.status == 0, "\(planned.output)")
            let status = try await hosts.pgadopt("status", hosts.inventory)
            #expect(status.status == 0, "\(status.output)")
        }
    }
}
