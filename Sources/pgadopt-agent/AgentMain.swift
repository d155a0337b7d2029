import Agent
import Configuration
import Dispatch
import Glibc
import Kernel
import Logging
import YAML

/// `pgadopt-agent [FILE.yml | DIRECTORY]`
@main
enum AgentMain {
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        let command: AgentCommand
        do throws(AgentCommand.UsageError) {
            command = try AgentCommand(Array(CommandLine.arguments.dropFirst()))
        } catch {
            complain("\(error)\n\n\(AgentCommand.usage)")
            exit(2)
        }
        // Before anything starts a thread: a thread that does not block signals would swallow those of process 1.
        if getpid() == 1, case .run(let path) = command,
            let configuration = ConfigurationFiles.read(path)?.configuration {
            exit(ContainerInit(hostStops: configuration.hostStopsPath).run())
        }
        Task { endProcess(await perform(command)) }
        dispatchMain()
    }

    private static func perform(_ command: AgentCommand) async -> Int32 {
        switch command {
        case .help:
            print(AgentCommand.usage)
            return 0
        case .version:
            print("pgadopt-agent \(AgentVersion.own)")
            return 0
        case .validate(let path, let ignoresPorts, let prints):
            return ConfigurationValidation(ignoresListenPorts: ignoresPorts, prints: prints).run(path)
        case .generate(let dsn, let output):
            return await ConfigurationGenerator(output: output).fromServer(dsn)
        case .generateSample(let output): return ConfigurationGenerator(output: output).sample()
        case .run(let path): return await run(path)
        }
    }

    private static func run(_ path: String?) async -> Int32 {
        let files = ConfigurationFiles(path)
        let reading: AgentConfigurationReading
        do {
            reading = try files.read()
        } catch {
            complain("\(error)")
            return 1
        }
        for problem in reading.problems { complain(problem.description) }
        guard let configuration = reading.configuration else {
            complain("not a usable configuration")
            return 1
        }
        // Secrets and addresses are the agent's: no program that it starts finds them in its environment.
        for name in reading.consumedVariables { unsetenv(name) }
        let settings = configuration.log
        let sink = LogSink(settings.file)
        LoggingSystem.bootstrap { LineLogHandler(label: $0, settings: settings, sink: sink) }
        do {
            try await AgentProgram.run(configuration, log: Logger(label: "agent")) { try files.read() }
            return 0
        } catch {
            complain("\(configuration.name) of \(configuration.scope) cannot start: \(error)")
            return 1
        }
    }
}

extension AgentConfiguration {
    /// The file by which a stopping host is told from a restarting agent.
    fileprivate var hostStopsPath: String { (pgadopt.runtimeDirectory ?? "/run/pgadopt/\(scope)") + "/host-stops" }
}

func complain(_ text: String) {
    let bytes = Array("pgadopt-agent: \(text)\n".utf8)
    _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
