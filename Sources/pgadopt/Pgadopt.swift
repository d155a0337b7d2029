import ArgumentParser
import Glibc
import Kernel
import YAML

/// The operator's tool.
@main
struct Pgadopt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pgadopt",
        abstract: "Turns running PostgreSQL servers into highly available clusters, without restarting them.",
        discussion: """
            A first adoption:
              pgadopt init > inventory.yaml         write a commented inventory, then edit it
              pgadopt check inventory.yaml          read everything, change nothing
              pgadopt plan inventory.yaml --out plan.json
              pgadopt apply plan.json
              pgadopt status inventory.yaml

            Before the change board:
              pgadopt plan inventory.yaml --html plan.html
            A whole fleet, one inventory or a directory of them:
              pgadopt check inventories/ --all
            What a check means:
              pgadopt check --explain wal.level

            Exit codes: 0 done, nothing to do, all in order; 1 error or a failed check; 2 there are changes to apply
            (plan), warnings (check), a pause was reached (apply).

            Completions: pgadopt --generate-completion-script bash > /etc/bash_completion.d/pgadopt (also zsh, fish).
            """,
        version: toolVersion,
        subcommands: [
            InitCommand.self, CheckCommand.self, PlanCommand.self, ApplyCommand.self, StatusCommand.self,
            ListCommand.self, SwitchoverCommand.self, VerifyCommand.self, UpgradeCommand.self, ReleaseCommand.self,
        ])

    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            endProcess(0)
        } catch let code as ExitCode {
            endProcess(code.rawValue)
        } catch let error as ValidationError {
            fail(error.message)
        } catch {
            // Help and version are no errors; everything else is exit code 1, so that scripts need to know one.
            if exitCode(for: error) == .success {
                print(fullMessage(for: error))
                endProcess(0)
            }
            fail(Self.words(for: error))
        }
    }

    private static func fail(_ message: String) -> Never {
        Terminal.complain(message)
        endProcess(1)
    }

    /// What is wrong, without the usage lines around it; of a command line that cannot be read also where to look.
    private static func words(for error: any Error) -> String {
        let commands = configuration.subcommands.compactMap { $0.configuration.commandName }
        if let first = CommandLine.arguments.dropFirst().first, !(commands + ["help"]).contains(first),
            !first.hasPrefix("-")
        {
            let hint = nearest(to: first, among: commands).map { "; did you mean '\($0)'?" } ?? "."
            return "there is no command '\(first)'\(hint) See: pgadopt --help"
        }
        let text = message(for: error)
        let full = fullMessage(for: error)
        guard let usage = full.split(separator: "\n").first(where: { $0.hasPrefix("Usage: ") }) else { return text }
        let command = usage.dropFirst("Usage: ".count).split(separator: " ")
            .prefix { !$0.hasPrefix("<") && !$0.hasPrefix("[") && !$0.hasPrefix("-") }
        return "\(text.asSentence) See: \(command.joined(separator: " ")) --help"
    }
}

/// The version the tool and the agent report.
let toolVersion = "0.1.0"

extension String {
    fileprivate var asSentence: String { [".", "?"].contains(last) ? self : self + "." }
}
