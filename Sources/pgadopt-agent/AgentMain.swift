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
        guard let configuration = read(path) else { return fail("\(path): not a usable configuration") }
        guard !validates else { return print("\(path): ok") }
        await run(configuration)
    }

    private static func read(_ path: String) -> AgentConfiguration? {
        do {
            let reading = AgentConfiguration.read(try readSmallFile(path), path: path)
            for problem in reading.problems { complain(problem.description) }
            return reading.configuration
        } catch {
            complain("\(error)")
            return nil
        }
    }

    private static func run(_ configuration: AgentConfiguration) async {
        let level = Logger.Level(configuration.log.level)
        LoggingSystem.bootstrap { label in
            var handler = LineLogHandler(label: label)
            handler.logLevel = level
            return handler
        }
        do {
            try await AgentProgram.run(configuration, log: Logger(label: "agent"))
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

extension Logger.Level {
    fileprivate init(_ level: AgentConfiguration.Log.Level) {
        self =
            switch level {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
