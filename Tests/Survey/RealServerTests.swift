import Facts
import Foundation
import Testing

@testable import Survey

/// The survey of this machine, with a PostgreSQL 15 of the tests' own running on it.
@Suite(.serialized, .enabled(if: TestServer.isInstalled))
struct RealServerTests {
    @Test func `a running server is found with its process, control data, SQL and files`() async throws {
        try await TestServer.with(settings: ["wal_log_hints": "on"]) { server in
            try server.sql("CREATE ROLE repl REPLICATION LOGIN; SELECT pg_create_physical_replication_slot('old', true);")
            let facts = try await HostSurvey.run(
                shell: LocalShell(), request: SurveyRequest(targetDirectory: server.data))
            let found = try #require(facts.servers.first { $0.dataDirectory == server.data }, "\(facts.problems)")
            #expect(found.port == server.port)
            #expect(found.osUser == (getuid() == 0 ? "postgres" : NSUserName()))
            #expect(found.binDirectory == TestServer.bin)
            #expect(found.socketDirectories == [server.directory])
            #expect(found.commandLine.first == TestServer.bin + "/postgres")
            #expect(found.startTime?.hasSuffix("+00") == true)
            #expect(found.control?.dataChecksums == true)
            #expect(found.control?.walLogHints == true)
            #expect(found.control?.timeline.rawValue == 1)
            let answer = found.sql
            #expect(facts.problems.filter { $0.contains("server \(found.postmasterPID)") } == [])
            let sql = try #require(answer)
            #expect(sql.version.major == 15)
            #expect(!sql.isInRecovery)
            #expect(sql.setting("wal_log_hints") == "on")
            #expect(sql.setting("wal_level") == "replica")
            #expect(sql.roles.contains { $0.name == "repl" && $0.canReplicate && !$0.isSuperuser })
            #expect(sql.slots.map(\.name) == ["old"])
            #expect(sql.databases.map(\.name) == ["template1", "template0", "postgres"])
            #expect(sql.totalSize.rawValue > 10_000_000)
            #expect(sql.extensions.contains("postgres/plpgsql 1.0"))
            #expect(sql.libraries.contains("$libdir/plpgsql"))
            #expect(found.hbaText == (try String(contentsOfFile: server.data + "/pg_hba.conf", encoding: .utf8)))
            #expect(found.configText?.contains("port = \(server.port)") == true)
            #expect(found.configFiles.map(\.path).contains(server.data + "/pg_hba.conf"))
            #expect(found.configFiles.allSatisfy { $0.digest.count == 64 && $0.mode == "600" })
            #expect(facts.target?.content == .dataDirectory)
            #expect(facts.target?.control == found.control)
            #expect((facts.target?.freeSpace?.rawValue ?? 0) > 0)
            #expect(facts.listeningPorts.contains(server.port))
            #expect(abs(facts.system.clockOffsetSeconds ?? 9) < 0.5)
        }
    }

    @Test func `hostile names of databases, files, settings and roles come through byte by byte`() async throws {
        let hostile = "x'; $(touch /tmp/pgadopt-pwned) \"\\ `id` \n dbname=y"
        try await TestServer.with { server in
            let literal = "E'" + hostile.replacingOccurrences(of: "\\", with: "\\\\")
                .replacingOccurrences(of: "'", with: "''").replacingOccurrences(of: "\n", with: "\\n") + "'"
            try server.sql("SELECT format('CREATE DATABASE %I', \(literal)) \\gexec")
            try server.sql("SELECT format('CREATE ROLE %I', \(literal)) \\gexec")
            try server.sql("SELECT format('ALTER SYSTEM SET search_path = %L', 'a; $(id)') \\gexec")
            let directory = server.directory + "/ta\"r'get $(id)\n;é"
            try TestServer.command(TestServer.asPostgres(["mkdir", directory]))
            try TestServer.command(TestServer.asPostgres(["touch", directory + "/-rf"]))
            let facts = try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest(targetDirectory: directory))
            let found = try #require(facts.servers.first { $0.dataDirectory == server.data })
            #expect(facts.problems.filter { $0.contains("server \(found.postmasterPID)") } == [])
            #expect(found.sql?.databases.map(\.name).contains(hostile) == true)
            #expect(found.sql?.roles.map(\.name).contains(hostile) == true)
            #expect(found.sql?.extensions.contains(hostile + "/plpgsql 1.0") == true)
            #expect(facts.target?.path == directory)
            #expect(facts.target?.content == .otherFiles)
            #expect(!FileManager.default.fileExists(atPath: "/tmp/pgadopt-pwned"))
        }
    }

    @Test func `a survey writes nothing into the data directory and no WAL of its own`() async throws {
        try await TestServer.with(settings: ["autovacuum": "off"]) { server in
            try server.sql("CHECKPOINT")
            // pg_internal.init is the server's own cache, which any first connection to a database makes.
            let list = ["sh", "-c", "cd \"$1\" && find . -type f ! -path './pg_stat*' ! -name pg_internal.init | sort | xargs sha256sum", "sh", server.data]
            let before = try TestServer.command(list)
            let position = try server.sql("SELECT pg_current_wal_insert_lsn()")
            _ = try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest(targetDirectory: server.data))
            #expect(try server.sql("SELECT pg_current_wal_insert_lsn()") == position)
            let after = try TestServer.command(list)
            #expect(Set(after.split(separator: "\n")).symmetricDifference(before.split(separator: "\n")) == [])
        }
    }

    @Test func `a server that refuses connections is a problem, and nothing is told of its inside`() async throws {
        try await TestServer.with { server in
            try TestServer.command(
                TestServer.asPostgres(["tee", server.data + "/pg_hba.conf"]), input: "local all all reject\n")
            try TestServer.command(TestServer.asPostgres([TestServer.bin + "/pg_ctl", "-D", server.data, "reload"]))
            let facts = try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest())
            let found = try #require(facts.servers.first { $0.dataDirectory == server.data })
            #expect(found.sql == nil)
            #expect(found.hbaText == "local all all reject\n")
            #expect(found.control != nil)
            #expect(facts.problems.contains { $0.contains("server \(found.postmasterPID): SQL failed") })
        }
    }

    @Test func `a standby is recognised, with its position and what it follows`() async throws {
        try await TestServer.with { primary in
            let copy = primary.directory + "/copy"
            let port = primary.port + 1
            try TestServer.command(
                TestServer.asPostgres([
                    TestServer.bin + "/pg_basebackup", "-h", primary.directory, "-p", "\(primary.port)", "-D", copy, "-R",
                    "--checkpoint=fast",
                ]))
            let control = [TestServer.bin + "/pg_ctl", "-D", copy, "-l", copy + ".log", "-w", "-t", "30"]
            try TestServer.command(TestServer.asPostgres(control + ["-o", "-p \(port)", "start"]))
            defer { _ = try? TestServer.command(TestServer.asPostgres(control + ["-m", "immediate", "stop"])) }
            let facts = try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest(targetDirectory: copy))
            let found = try #require(facts.servers.first { $0.dataDirectory == copy })
            #expect(facts.problems.filter { $0.contains("server \(found.postmasterPID)") } == [])
            guard let sql = found.sql else { return }
            #expect(sql.isInRecovery)
            #expect(sql.currentLSN != nil)
            #expect(sql.walReceiver?.senderPort == primary.port)
            #expect(found.port == port)
            #expect(found.commandLine.contains("-p") == true)
            #expect(facts.target?.control?.systemIdentifier == found.control?.systemIdentifier)
        }
    }

    @Test func `connections are tried from the host`() async throws {
        try await TestServer.with { server in
            let facts = try await HostSurvey.run(
                shell: LocalShell(),
                request: SurveyRequest(reach: [
                    .init(host: "127.0.0.1", port: server.port), .init(host: "127.0.0.1", port: 1),
                    .init(host: "no-such-host.invalid", port: 5432),
                ]))
            let outcomes = Dictionary(uniqueKeysWithValues: facts.reach.map { ("\($0.host):\($0.port)", $0.outcome) })
            #expect(outcomes["127.0.0.1:\(server.port)"] == .open)
            #expect(outcomes["127.0.0.1:1"] == .refused)
            #expect(outcomes["no-such-host.invalid:5432"] == .noSuchName, "\(facts.reach)")
        }
    }
}
