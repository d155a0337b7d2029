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
}
