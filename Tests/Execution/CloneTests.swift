import Execution
import Foundation
import Planning
import PostgresModel
import Testing

/// A replica that is copied from another one, against PostgreSQL: h1 is the primary, h3 streams from it, h2 is built.
@Suite(.enabled(if: RealServer.isPossible), .serialized) struct CloneTests {
    private func plan(_ server: RealServer, _ standby: RealStandby) async throws -> Plan {
        var plan = try await server.plan([.lock, .secrets, .roles, .hba, .slot, .baseBackup, .unlock])
        for index in plan.steps.indices {
            guard case .baseBackup(var change) = plan.steps[index].kind else { continue }
            change.standby = CopySource(
                host: "h3", address: "127.0.0.1", port: standby.port,
                server: LocalServer(
                    osUser: "postgres", binDirectory: RealServer.bin, socketDirectory: standby.root + "/sock",
                    port: standby.port))
            plan.steps[index].kind = .baseBackup(change)
        }
        return plan
    }

    private func letIn(_ standby: RealStandby) async throws {
        _ = try await standby.primary.sh(
            "f=\(standby.data)/pg_hba.conf; "
                + "sed -i '1i host replication pgadopt_replication 127.0.0.1/32 scram-sha-256' $f")
        _ = try await standby.sql("SELECT pg_reload_conf()")
    }

    /// - Returns: what it said.
    private func run(_ plan: Plan, _ server: RealServer, _ standby: RealStandby) async throws -> [String] {
        let facts = try await server.facts()
        var environment = server.world.environment()
        environment.shells["h3"] = standby.shell
        try await Executor(plan: plan, environment: environment)
            .run(survey: { facts }, report: server.world.report)
        return server.world.take().filter { $0.hasPrefix("note") }
    }

    private func copied(_ server: RealServer) -> String? {
        server.world.file(server.world.root + "/replica/main/backup_label")?.split(separator: "\n")
            .first { $0.hasPrefix("BACKUP FROM: ") }.map(String.init)
    }

    @Test func `It is copied from the standby, and streams from the primary by its slot there`() async throws {
        try await RealStandby.with { server, standby in
            try await letIn(standby)
            _ = try await server.sql("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
            #expect(try await run(plan(server, standby), server, standby) == [])
            #expect(copied(server) == "BACKUP FROM: standby")
            #expect(try await server.sql("SELECT active FROM pg_replication_slots WHERE slot_name = 'h2'") == "f")
            #expect(try await standby.sql("SELECT count(*) FROM pg_replication_slots") == "0")
            _ = try await server.sql("INSERT INTO t SELECT generate_series(1, 1000)")
            // As the agent would start it.
            let (data, port) = (server.world.root + "/replica/main", server.port + 1)
            let passfile = "/etc/pgadopt/shop/passfile"
            try await server.sh(
                """
                \(RealServer.bin)/postgres -D \(data) -c port=\(port) -c unix_socket_directories=\(standby.root)/sock \\
                    -c 'primary_conninfo=host=127.0.0.1 port=\(server.port) user=pgadopt_replication passfile=\(passfile)' \\
                    -c primary_slot_name=h2 >>\(standby.root)/sock/log2 2>&1 </dev/null &
                """)
            var rows = ""
            for _ in 0..<200 where rows != "2000|h2" {
                try await Task.sleep(for: .milliseconds(100))
                rows = (try? await server.sh(
                    "\(RealServer.bin)/psql -XAtqh \(standby.root)/sock -p \(port) -d postgres -c "
                        + "'SELECT count(*), (SELECT slot_name FROM pg_stat_wal_receiver) FROM t'"
                ).filter { $0 != "\n" }) ?? ""
            }
            #expect(rows == "2000|h2", "\(server.world.file(standby.root + "/sock/log2") ?? "")")
            try await server.sh("\(RealServer.bin)/pg_ctl -m immediate -D \(data) stop >/dev/null")
        }
    }

    @Test func `A standby that cannot be copied is said with its reason, and the primary is copied`() async throws {
        try await RealStandby.with { server, standby in
            // Its pg_hba.conf does not know the new member.
            let notes = try await run(plan(server, standby), server, standby)
            #expect(notes.count == 1 && notes[0].hasPrefix("note h1 is copied, not h3: h2 cannot log in there"), "\(notes)")
            #expect(copied(server) == "BACKUP FROM: primary")
        }
    }

    @Test func `So is one that is down`() async throws {
        try await RealStandby.with { server, standby in
            let plan = try await plan(server, standby)
            await standby.stop()
            let notes = try await run(plan, server, standby)
            #expect(notes.count == 1 && notes[0].hasPrefix("note h1 is copied, not h3: asking whether h3"), "\(notes)")
            #expect(copied(server) == "BACKUP FROM: primary")
        }
    }

    @Test func `One that was promoted meanwhile is not copied`() async throws {
        try await RealStandby.with { server, standby in
            try await letIn(standby)
            let plan = try await plan(server, standby)
            _ = try await standby.sql("SELECT pg_promote()")
            let notes = try await run(plan, server, standby)
            #expect(notes == ["note h1 is copied, not h3: it is no standby"])
            #expect(copied(server) == "BACKUP FROM: primary")
        }
    }
}
