import ArgumentParser
import Glibc

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

            Exit codes: 0 done or nothing to do, 1 error, 2 (plan) there are changes to apply.
            """,
        version: toolVersion,
        subcommands: [
            InitCommand.self, CheckCommand.self, PlanCommand.self, ApplyCommand.self, StatusCommand.self,
            ListCommand.self, SwitchoverCommand.self, ReleaseCommand.self,
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
        } catch let code as ExitCode {
            Glibc.exit(code.rawValue)
        } catch {
            let text = fullMessage(for: error)
            // Help and version are no errors; everything else is exit code 1, so that scripts need to know one.
            if exitCode(for: error) == .success {
                print(text)
                Glibc.exit(0)
            }
            Terminal.complain(text.hasPrefix("Error: ") ? String(text.dropFirst("Error: ".count)) : text)
            Glibc.exit(1)
        }
    }
}

/// The version the tool and the agent report.
let toolVersion = "0.1.0"
