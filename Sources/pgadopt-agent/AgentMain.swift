import Agent
import Configuration
import Glibc
import Kernel
import Logging

/// `pgadopt-agent FILE.yml`
@main
enum AgentMain {
    static let usage = """
        usage: pgadopt-agent FILE.yml                    run the agent of one member
               pgadopt-agent --validate-config FILE.yml  check the file, change nothing
               pgadopt-agent --version

        FILE.yml has the format of Patroni's configuration file.
        """

    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        var words = Array(CommandLine.arguments.dropFirst())
        let validates = words.first == "--validate-config"
        if validates { words.removeFirst() }
        guard words.count == 1, let path = words.first, !path.hasPrefix("--") || words == ["--version"] else {
            return fail(usage)
        }
        guard path != "--version" else { return print("pgadopt-agent \(AgentVersion.own)") }
        let again: @Sendable () throws -> AgentConfigurationReading = { try Self.reading(path) }
        guard let configuration = read(path) else { return fail("\(path): not a usable configuration") }
        guard !validates else { return print("\(path): ok") }
        await run(configuration, again)
    }

    private static func read(_ path: String) -> AgentConfiguration? {
        do {
            let reading = try reading(path)
            for problem in reading.problems { complain(problem.description) }
            return reading.configuration
        } catch {
            complain("\(error)")
            return nil
        }
    }

    private static func reading(_ path: String) throws -> AgentConfigurationReading {
        AgentConfiguration.read(try readSmallFile(path), path: path)
    }

    private static func run(_ configuration: AgentConfiguration, _ again: @escaping @Sendable () throws -> AgentConfigurationReading) async {
        let settings = configuration.log
        let sink = LogSink(settings.file)
        LoggingSystem.bootstrap { LineLogHandler(label: $0, settings: settings, sink: sink) }
        do {
            try await AgentProgram.run(configuration, log: Logger(label: "agent"), readAgain: again)
        } catch {
            fail("\(configuration.name) of \(configuration.scope) cannot start: \(error)")
        }
    }

    private static func complain(_ text: String) {
        let bytes = Array("pgadopt-agent: \(text)\n".utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func fail(_ text: String) {
        complain(text)
        exit(1)
    }
}
