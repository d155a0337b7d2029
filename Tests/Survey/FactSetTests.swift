import Facts
import Foundation
import Testing

@testable import Survey

private let environment = ProcessInfo.processInfo.environment

/// Writes the facts of a real server that other tests use. `scripts/record-facts` calls it, for one release of Debian
/// after the other: PGADOPT_WRITE_FACTS holds the command that enters the host, PGADOPT_FACTS_NAME the file's name.
@Suite(.enabled(if: environment["PGADOPT_WRITE_FACTS"] != nil))
struct FactSetTests {
    @Test func `write the facts of a server`() async throws {
        let enter = try #require(environment["PGADOPT_WRITE_FACTS"]).split(separator: " ").map(String.init)
        let name = try #require(environment["PGADOPT_FACTS_NAME"])
        let shell = LocalShell(hostName: "db1", prefix: enter)
        // Twice, as for a cluster: what the server says of its data directory is looked at in the second call.
        let first = try await HostSurvey.run(shell: shell, request: SurveyRequest())
        let server = try #require(first.servers.first, "\(first.problems)")
        let sql = try #require(server.sql, "\(first.problems)")
        var request = SurveyRequest(
            targetDirectory: server.dataDirectory, tablespaces: sql.tablespaces.map(\.location))
        request.reach = [.init(host: "127.0.0.1", port: server.port), .init(host: "127.0.0.1", port: 1)]
        request.peers = ["127.0.0.1"]
        request.names = ["localhost"]
        var facts = try await HostSurvey.run(shell: shell, request: request)
        // What is this machine's and not the release's.
        facts.system.machineID = "00000000000000000000000000000001"
        facts.system.kernel = "6.1.0-28-amd64"
        facts.kernel.ioErrors = 0
        facts.system.clockOffsetSeconds = 0
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Facts/Data/\(name)-postgresql\(sql.version.major).json").standardizedFileURL
        try (String(decoding: encoder.encode(facts), as: UTF8.self) + "\n").write(
            to: file, atomically: true, encoding: .utf8)
    }
}
