import Execution
import Foundation
import Planning
import PostgresModel
import Shell
import Testing

/// The steps that talk to PostgreSQL, against PostgreSQL.
@Suite(.enabled(if: RealServer.isPossible), .serialized) struct RealServerTests {
    private func withServer(named name: String = "main", _ body: (RealServer) async throws -> Void) async throws {
        let server = try await RealServer(name: name)
        do { try await body(server) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func run(_ plan: Plan, _ server: RealServer, _ environment: ExecutionEnvironment? = nil) async throws {
        let facts = try await server.facts()
        try await Executor(plan: plan, environment: environment ?? server.world.environment())
            .run(survey: { facts }, report: server.world.report)
    }

    @Test(arguments: ["main", "-ma in's $(touch pwned) \"x\" `id` \\1;é*"])
    func `Roles, rules, settings, slot and copy; nothing restarts; undo leaves the files as they were`(_ name: String)
        async throws
    {
        try await withServer(named: name) { server in
            let before = (
                server.world.file(server.data + "/pg_hba.conf"), server.world.file(server.data + "/postgresql.conf")
            )
            let plan = try await server.plan([
                .lock, .backup, .secrets, .roles, .hba, .settings, .slot, .baseBackup, .unlock,
            ])
            try await run(plan, server)
            #expect(
                try await server.sql(
                    "SELECT rolreplication, rolsuper FROM pg_roles WHERE rolname = 'pgadopt_replication'") == "t|f")
            #expect(
                try await server.sql(
                    "SELECT has_function_privilege('pgadopt_rewind', 'pg_read_binary_file(text)', 'EXECUTE')") == "t")
            #expect(
                try await server.sql("SELECT pg_size_bytes(current_setting('max_slot_wal_keep_size')) / 1024 / 1024")
                    == "61440")
            #expect(try await server.sql("SHOW max_connections") == "33")
            #expect(try await server.sql("SELECT pending_restart FROM pg_settings WHERE name = 'wal_log_hints'") == "t")
            #expect(try await server.sql("SELECT slot_name FROM pg_replication_slots") == "h2")
            #expect(server.world.file(server.world.root + "/replica/\(name)/PG_VERSION") == "15\n")
            #expect(plan.primary.postmasterPID == (try await server.facts()).hosts[0].servers[0].postmasterPID)
            let journal = await server.world.journal.text
            let password = server.world.file(server.world.root + "/etc/pgadopt/shop/pgadopt_rewind.password") ?? "?"
            #expect(password.count == 65)
            #expect(!journal.contains(password.dropLast()))

            try await release(plan, server.world)
            #expect(server.world.file(server.data + "/pg_hba.conf") == before.0)
            #expect(server.world.file(server.data + "/postgresql.conf") == before.1)
            #expect(try await server.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'pgadopt%'") == "0")
            #expect(try await server.sql("SELECT count(*) FROM pg_replication_slots") == "0")
            #expect(!FileManager.default.fileExists(atPath: server.world.root + "/replica/\(name)/PG_VERSION"))
            #expect(try Set(FileManager.default.contentsOfDirectory(atPath: server.world.root)).subtracting(
                [name, "sock", "replica", "etc", "usr", "var"]) == [])
        }
    }

    @Test func `Rules that do not let the probe in are taken back`() async throws {
        try await withServer { server in
            let before = server.world.file(server.data + "/pg_hba.conf")
            var plan = try await server.plan([.lock, .secrets, .roles, .hba])
            guard let index = plan.steps.firstIndex(where: { $0.kind.name == .hba }),
                case .hba(var change) = plan.steps[index].kind
            else { return }
            // A rule of another address: the probe from 127.0.0.1 falls through to the owner's rules and is refused.
            change.edit = FileEdit(
                path: change.edit.path, edit: .managedBlock(["host all all 192.0.2.1/32 scram-sha-256"]),
                before: before ?? "")
            plan.steps[index].kind = .hba(change)
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, server) }
            #expect(error?.message.contains("cannot connect to 127.0.0.1") == true, "\(String(describing: error))")
            #expect(server.world.file(server.data + "/pg_hba.conf") == before)
        }
    }

    @Test func `A damaged rule is found before the reload and taken back`() async throws {
        try await withServer { server in
            let before = server.world.file(server.data + "/pg_hba.conf")
            var plan = try await server.plan([.lock, .hba])
            guard let index = plan.steps.firstIndex(where: { $0.kind.name == .hba }),
                case .hba(var change) = plan.steps[index].kind
            else { return }
            change.edit = FileEdit(
                path: change.edit.path, edit: .managedBlock(["host all all nonsense/33 scram"]), before: before ?? "")
            plan.steps[index].kind = .hba(change)
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, server) }
            #expect(error?.message.contains("PostgreSQL finds errors") == true, "\(String(describing: error))")
            #expect(server.world.file(server.data + "/pg_hba.conf") == before)
        }
    }

    @Test func `The rules come back by themselves when the control host dies in the middle`() async throws {
        try await withServer { server in
            let before = server.world.file(server.data + "/pg_hba.conf")
            let plan = try await server.plan([.lock, .secrets, .roles, .hba])
            // Everything after the reload is cut off, the way back included.
            let reloaded = Counter()
            let environment = server.world.environment(cutAt: { command in
                if reloaded.value > 0 { return true }
                if command.contains("PGPASSFILE") { _ = reloaded.next(); return true }
                return false
            })
            await #expect(throws: (any Error).self) { try await run(plan, server, environment) }
            #expect(server.world.file(server.data + "/pg_hba.conf") != before)
            for _ in 0..<150 where server.world.file(server.data + "/pg_hba.conf") != before {
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(server.world.file(server.data + "/pg_hba.conf") == before)
        }
    }

    @Test func `A target with data in it is refused and kept`() async throws {
        try await withServer { server in
            let plan = try await server.plan([.lock, .secrets, .roles, .hba, .slot, .baseBackup])
            _ = try await server.sh(
                "install -d -o postgres \(server.world.root)/replica/main; "
                    + "echo mine > \(server.world.root)/replica/main/file",
                .root)
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, server) }
            #expect(
                error?.message.contains("is not empty; nothing was changed in it") == true,
                "\(String(describing: error))")
            #expect(server.world.file(server.world.root + "/replica/main/file") == "mine\n")
            let again = await #expect(throws: ExecutionError.self) { try await run(plan, server) }
            #expect(again?.code == .commandFailed)
            #expect(server.world.file(server.world.root + "/replica/main/file") == "mine\n")
        }
    }

    @Test func `A tablespace that was made after the plan has its place looked at too`() async throws {
        try await withServer { server in
            let plan = try await server.plan([.lock, .secrets, .roles, .hba, .slot, .baseBackup])
            let space = server.world.root + "/space"
            _ = try await server.sh("install -d -o postgres \(space)", .root)
            _ = try await server.sql("CREATE TABLESPACE late LOCATION '\(space)'")
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, server) }
            // Both hosts are this machine: the place is the primary's own.
            #expect(error?.message.contains("\(space) is not empty; nothing was changed in it") == true)
            try await release(plan, server.world)
            #expect(try !FileManager.default.contentsOfDirectory(atPath: space).isEmpty)
        }
    }

    @Test func `A copy goes on when the connection is cut, and the next run finds it`() async throws {
        try await withServer { server in
            let plan = try await server.plan([.lock, .secrets, .roles, .hba, .slot, .baseBackup])
            // The connection goes at the first look for the copy after its start.
            let started = Counter()
            let cut = server.world.environment(
                processID: 7,
                cutAt: { command in
                    if command.contains("setsid sh") && command.contains("/build") { _ = started.next(); return false }
                    return started.value > 0
                })
            var environment = cut
            environment.sleep = { _ in }
            await #expect(throws: (any Error).self) { try await run(plan, server, environment) }
            try await run(plan, server, server.world.environment(processID: 8, isRunning: false))
            #expect(server.world.file(server.world.root + "/replica/main/PG_VERSION") == "15\n")
            #expect(
                server.world.take().contains {
                    $0 == "note a copy is running already; following it" || $0 == "done h2/base-backup"
                })
        }
    }

    @Test func `A copy that endangers the primary's disk ends in order, and the next run begins it anew`()
        async throws
    {
        try await withServer { server in
            // Slow enough to be caught in the middle.
            _ = try await server.sql("CREATE TABLE t AS SELECT repeat('x', 500) FROM generate_series(1, 20000)")
            var plan = try await server.plan([
                .lock, .backup, .secrets, .roles, .hba, .settings, .slot, .baseBackup, .unlock,
            ])
            for index in plan.steps.indices {
                guard case .baseBackup(var change) = plan.steps[index].kind else { continue }
                change.maxRate = 2 << 20
                plan.steps[index].kind = .baseBackup(change)
            }
            // The second look finds the disk nearly full.
            let looks = Counter()
            var environment = server.world.environment()
            environment.shells["h1"] = FullDisk(server.shell) { looks.next() > 1 }
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, server, environment) }
            let message = error?.message ?? ""
            #expect(message.contains("are free where the primary writes its WAL"), "\(message)")
            #expect(try await server.sql("SELECT count(*) FROM pg_replication_slots") == "0")
            #expect(try await server.sql("SELECT count(*) FROM pg_stat_replication") == "0")
            for index in plan.steps.indices {
                guard case .baseBackup = plan.steps[index].kind else { continue }
                #expect(await server.world.journal.text.contains(#""event":"failed""#))
            }
            try await run(plan, server)
            #expect(try await server.sql("SELECT slot_name FROM pg_replication_slots") == "h2")
        }
    }
}

/// The primary's host, on which `df` tells of a full disk from some moment on.
private struct FullDisk: RemoteShell {
    let shell: RootedShell
    let isFull: @Sendable () -> Bool
    var hostName: String { shell.hostName }

    init(_ shell: RootedShell, isFull: @escaping @Sendable () -> Bool) {
        self.shell = shell
        self.isFull = isFull
    }

    func run(
        _ command: String, as account: Account, standardInput: [UInt8], deadline: Duration,
        onOutput: (@Sendable ([UInt8]) -> Void)?
    ) async throws -> CommandResult {
        if command.contains("df -P"), isFull() {
            return CommandResult(
                status: 0, standardOutput: Array("head\n/dev/x 100000000 99999000 1000 99% /\n".utf8),
                standardError: [])
        }
        return try await shell.run(
            command, as: account, standardInput: standardInput, deadline: deadline, onOutput: onOutput)
    }
}
