import Facts
import Foundation
import Testing

@testable import Survey

/// Writes the fact set of a real server that other tests use. Run by hand, when facts gain a field:
///
///     PGADOPT_WRITE_FACTS=1 swift test --filter FactSetTests
///
/// Names and paths of the machine are replaced, so that the file can be published.
@Suite(.enabled(if: TestServer.isInstalled && ProcessInfo.processInfo.environment["PGADOPT_WRITE_FACTS"] != nil))
struct FactSetTests {
    @Test func `write the facts of a PostgreSQL 15`() async throws {
        try await TestServer.with { server in
            try server.sql("CREATE DATABASE shop; CREATE ROLE app LOGIN;")
            try server.sql("CREATE TABLE t AS SELECT 1;", database: "shop")
            var facts = try await HostSurvey.run(
                shell: LocalShell(hostName: "db1"),
                request: SurveyRequest(targetDirectory: server.data, reach: [.init(host: "127.0.0.1", port: server.port)]))
            facts.servers.removeAll { $0.dataDirectory != server.data }
            facts.installations.removeAll { $0.binDirectory != TestServer.bin }
            facts.problems = []
            facts.rivals = []
            facts.agents = []
            facts.listeningPorts = [22, server.port]
            facts.system.hostname = "db1"
            facts.system.machineID = "00000000000000000000000000000001"
            facts.system.kernel = "6.1.0-28-amd64"
            facts.system.loginUser = "admin"
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            var text = String(decoding: try encoder.encode(facts), as: UTF8.self)
            text = text.replacingOccurrences(of: server.data, with: "/var/lib/postgresql/15/main")
                .replacingOccurrences(of: server.directory, with: "/run/postgresql")
                .replacingOccurrences(of: "\(server.port)", with: "5432")
            let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../Facts/Data/debian12-postgresql15.json").standardizedFileURL
            try (text + "\n").write(to: file, atomically: true, encoding: .utf8)
        }
    }
}
