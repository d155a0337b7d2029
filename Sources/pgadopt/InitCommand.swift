import ArgumentParser
import Inventory

/// `pgadopt init`
struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a commented inventory to start from.",
        discussion: "Example: pgadopt init --cluster orders > inventory.yaml")

    @Option(help: "The cluster's name.")
    var cluster = "orders"

    @Option(help: "Write to this file, which must not exist yet; default: standard output.")
    var out: String?

    func run() throws {
        let text = Inventory.template(cluster: cluster)
        guard let out else { return print(text, terminator: "") }
        guard !Files.exists(out) else { throw FileError(path: out, problem: "exists already and stays as it is") }
        try Files.write(Array(text.utf8), to: out, mode: 0o644)
        print("\(out) written: edit it, then run: pgadopt check \(out)")
    }
}
