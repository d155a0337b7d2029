import ArgumentParser
import Execution
import Planning

extension ReplicaFate: ExpressibleByArgument {}

/// `pgadopt release`
struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Take an adoption back: the servers belong to their own service units again.",
        discussion: """
            The primary is not restarted. Agents are stopped, the cluster's keys deleted, files and settings restored
            from the journal, and only what the adoption made is removed. Run again, it continues where it stopped.
            It also takes back an apply that did not come to its end.
            Examples:
              pgadopt release plan.json --plan                     show what it would do
              pgadopt release plan.json --replicas keep            the replicas stream on, without agents
            """)

    @Argument(help: "The plan that was applied; its journal lies beside it.")
    var plan: String
    @Option(help: "What becomes of the replicas that the adoption built: keep, promote or remove.")
    var replicas: ReplicaFate?
    @Flag(name: .customLong("plan"), help: "Only show what would be done.")
    var onlyShow = false
    @Flag(help: "With --plan: the acts as JSON.")
    var json = false
    @Flag(help: "Do not ask.")
    var yes = false

    func validate() throws {
        if json, !onlyShow { throw ValidationError("--json goes with --plan: it shows what would be done") }
    }

    /// An act as scripts read it.
    private struct Act: Encodable {
        var name: String
        var host: String?
        var text: String
    }

    func run() async throws {
        let saved = try Plan(decoding: try Files.read(plan), file: plan)
        let control = ControlHost(spec: saved.spec)
        let client = try control.storeClient()
        let shells = try await control.shells()
        let releaser = Releaser(
            plan: saved, environment: .control(shells: shells, client: client, planFile: plan), replicas: replicas)
        let result: Result<Void, any Error>
        do {
            try await carryOut(releaser, of: saved)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await client.close()
        for shell in shells.values { await shell.disconnect() }
        try result.get()
    }

    private func carryOut(_ releaser: Releaser, of saved: Plan) async throws {
        let actions = try await releaser.outline()
        if json { return print(try encoded(actions.map { Act(name: $0.name, host: $0.host, text: $0.text) })) }
        guard !actions.isEmpty else {
            return print("Nothing to take back: the journal beside \(plan) names no step that is not undone.")
        }
        if onlyShow || !yes {
            print("Release of the cluster \(saved.cluster), \(actions.count) acts:\n")
            for (index, action) in actions.enumerated() { print(line(index + 1, action)) }
            print("\nRestarts of the primary: none.\n")
        }
        if onlyShow { return }
        guard yes || Terminal.confirm("Carry this out?") else {
            throw ValidationError("not confirmed; nothing was done (use --yes where nobody can answer)")
        }
        try await releaser.run { event in
            switch event {
            case .began(let action, let number, let count):
                print("[\(number)/\(count)] \(action.host ?? "store"): \(action.text)")
            case .note(let text): print("      \(text)")
            }
        }
        print("Done: \(saved.cluster) is released. pgadopt check INVENTORY shows the servers as they are now.")
    }

    private func line(_ number: Int, _ action: ReleaseAction) -> String {
        let label = String(number)
        let host = action.host ?? "store"
        return String(repeating: " ", count: max(0, 4 - label.count)) + label + "  " + host
            + String(repeating: " ", count: max(1, 8 - host.count)) + action.text
    }
}
