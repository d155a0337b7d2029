import ArgumentParser
import Inventory
import Preflight
import Report

/// Waivers, as check and plan take them.
struct WaiverOptions: ParsableArguments {
    @Option(name: .customLong("waive"), help: "Turn this check's failure into a warning; may be repeated.")
    var waivers: [String] = []

    func parsed(for spec: ClusterSpec) throws -> [Waiver] {
        try waivers.map { try Waiver(parsing: $0, hosts: spec.hosts.map(\.name)) }
    }
}

/// `pgadopt check`
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Read hosts, servers and store, and say what stands in the way. Changes nothing.",
        discussion: """
            Exit code 1 when a check fails, 0 otherwise.
            Example: pgadopt check inventory.yaml --waive hosts.same-memory
            """)

    @OptionGroup var inventory: InventoryArgument
    @OptionGroup var waiver: WaiverOptions
    @Flag(help: "Show the checks that passed as well.")
    var all = false
    @Flag(help: "The findings as JSON.")
    var json = false

    func run() async throws {
        let spec = try inventory.load()
        let facts = try await ControlHost(spec: spec).survey()
        let findings = evaluate(facts, spec, waivers: try waiver.parsed(for: spec))
        if json {
            print(try encoded(findings))
        } else {
            Terminal.put(FindingsText(style: Terminal.style, showsOK: all).text(findings))
        }
        if findings.contains(where: { $0.verdict == .fail && !$0.isWaived }) { throw ExitCode(1) }
    }
}
