import Facts
import Inventory
import Shell
import Testing

@testable import Survey

/// A host that answers with a fixed text, or throws.
private struct ScriptedShell: RemoteShell {
    var hostName: String
    var answer: @Sendable (String) throws -> CommandResult

    func run(
        _ command: String, as account: Account, standardInput: [UInt8], deadline: Duration,
        onOutput: (@Sendable ([UInt8]) -> Void)?
    ) async throws -> CommandResult { try answer(command) }
}

private struct NoKey: ShellFailure {
    var check: String { "ssh.hostkey" }
    var message: String { "the key changed" }
}

private func output(_ records: String, end: String = #"{"is":"end","clock":"1000.5"}"#) -> CommandResult {
    let text = """
        Welcome to this server!
        \(SurveyScript.beginMarker)
        [{"is":"begin","clock":"1000.0"},
        {"is":"system","architecture":"x86_64","kernel":"6.1","hostname":"h","loginUser":"root","canBecomeRoot":"yes","canBecomePostgres":"yes"},
        \(records)\(end)
        ]
        \(SurveyScript.endMarker)

        """
    return CommandResult(status: 0, standardOutput: Array(text.utf8))
}

struct ClusterSurveyTests {
    private let spec = ClusterSpec(
        name: "shop",
        hosts: [
            HostSpec(name: "p", role: .primary, address: "10.0.0.1", ssh: SSHSpec(host: "p")),
            HostSpec(name: "a", role: .replica, address: "10.0.0.2", ssh: SSHSpec(host: "a")),
            HostSpec(name: "b", role: .replica, address: "10.0.0.3", ssh: SSHSpec(host: "b")),
        ],
        store: StoreSpec(endpoints: ["10.0.0.9:2379", "https://[fe80::1]:2379"]),
        postgres: PostgresSpec(port: 5433))

    @Test func `errors of the shell become unreachable hosts under their check`() async {
        let clock = WallClock { 1000 }
        let shells: [String: any RemoteShell] = [
            "p": ScriptedShell(hostName: "p") { _ in output("") },
            "a": ScriptedShell(hostName: "a") { _ in throw NoKey() },
        ]
        let facts = await surveyCluster(spec: spec, shells: shells, store: StoreFacts(), clock: clock)
        #expect(facts.hosts.map(\.host) == ["p"])
        #expect(facts.unreachable.map(\.check) == ["ssh.hostkey", "ssh.reach"])
        #expect(facts.unreachable.map(\.reason).first == "the key changed")
        #expect(facts.takenAt == "1970-01-01T00:16:40Z")
    }

    @Test func `an answer that is cut short is no answer`() async throws {
        let texts = [
            output("", end: #"{"is":"begin"}"#), output("{\"is\":\"sys"), CommandResult(status: 0),
            CommandResult(status: 0, standardOutput: Array("\(SurveyScript.beginMarker)\n[".utf8)),
            CommandResult(status: 127, standardError: Array("sh: not found".utf8)),
        ]
        for text in texts {
            let shell = ScriptedShell(hostName: "p") { _ in text }
            await #expect(throws: SurveyError.self) {
                _ = try await HostSurvey.run(shell: shell, request: SurveyRequest(), clock: WallClock { 1000 })
            }
        }
    }

    @Test func `the clock's offset is the middle of what is possible`() async throws {
        // The call lasts from 990 to 992, the host says 1000.0 to 1000.5: it is between 8.5 and 10 ahead.
        let times = Times([990, 992])
        let shell = ScriptedShell(hostName: "p") { _ in output("") }
        let facts = try await HostSurvey.run(
            shell: shell, request: SurveyRequest(), clock: WallClock { times.next() })
        #expect(facts.system.clockOffsetSeconds == 9.25)
        #expect(facts.system.clockUncertaintySeconds == 0.75)
    }

    @Test func `replicas are asked for the primary's directory and tablespaces, and for the ways to all others`() {
        let sql = SQLFacts(
            version: .init(150_000), isInRecovery: false,
            tablespaces: [TablespaceFacts(name: "t", location: "/mnt/t s", size: .init(1))])
        let server = ServerFacts(
            postmasterPID: 1, postmasterStartTicks: 1, osUser: "pg", dataDirectory: "/data", port: 5433, binDirectory: "/b",
            sql: sql)
        let request = surveyRequest(for: spec.hosts[1], in: spec, primary: server)
        #expect(request.targetDirectory == "/data")
        #expect(request.tablespaces == ["/mnt/t s"])
        #expect(request.osUser == "pg")
        #expect(request.reach == [
            .init(host: "10.0.0.9", port: 2379), .init(host: "fe80::1", port: 2379), .init(host: "10.0.0.1", port: 5433),
            .init(host: "10.0.0.1", port: 8008), .init(host: "10.0.0.3", port: 5433), .init(host: "10.0.0.3", port: 8008),
        ])
        #expect(request.peers == ["10.0.0.1", "10.0.0.3"])
    }

    private final class Times: @unchecked Sendable {
        private var values: [Double]
        init(_ values: [Double]) { self.values = values }
        func next() -> Double { values.removeFirst() }
    }
}
