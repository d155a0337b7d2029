import ArgumentParser
import Inventory
import Preflight
import Report

/// Waivers, as check and plan take them.
struct WaiverOptions: ParsableArguments {
    @Option(
        name: .customLong("waive"),
        help: ArgumentHelp(
            "Turn this check's failure into a warning, on one host or all; may be repeated.", valueName: "name[@host]"),
        completion: .list(allRules.map(\.name)))
    var waivers: [String] = []

    func parsed(for spec: ClusterSpec) throws -> [Waiver] {
        try waivers.map { try Waiver(parsing: $0, hosts: spec.hosts.map(\.name)) }
    }

    /// For many clusters: a host's name need not be in each of them.
    func parsed() throws -> [Waiver] { try waivers.map { try Waiver(parsing: $0) } }
}

/// Many clusters at once, as check and plan take them.
struct FleetOptions: ParsableArguments {
    @Flag(help: "All clusters of the inventory, or of a directory of inventories; ends in one table.")
    var all = false
    @Option(help: "With --all: how many hosts are looked at at the same time.")
    var jobs = 32

    func validate() throws {
        guard (1...1000).contains(jobs) else { throw ValidationError("--jobs is \(jobs); allowed: 1...1000") }
    }
}

/// `pgadopt check`
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read hosts, servers and store, and say what stands in the way. Changes nothing.",
        discussion: """
            Exit code by the worst finding: 0 all in order, 2 warnings, 1 a failure or an error.
            Examples:
              pgadopt check inventory.yaml
              pgadopt check inventory.yaml --only wal --only ssh.reach --passed
              pgadopt check inventory.yaml --waive hosts.same-memory@h3
              pgadopt check --explain wal.level
              pgadopt check inventories/ --all
            """)

    @Argument(
        help: "The inventory file, or with --all a directory of them.", completion: .file(extensions: ["yaml", "yml"]))
    var inventory: String?
    @Option(name: .shortAndLong, help: "The cluster's name, when the inventory holds more than one.")
    var cluster: String?
    @OptionGroup var waiver: WaiverOptions
    @OptionGroup var fleet: FleetOptions
    @Option(
        help: ArgumentHelp("Run only this check, or all of a topic such as wal; may be repeated.", valueName: "name"),
        completion: .list(allRules.map(\.name)))
    var only: [String] = []
    @Option(
        help: ArgumentHelp(
            "Say what a check looks at, when it fails and what to do; looks at no host.", valueName: "name"),
        completion: .list(allRules.map(\.name)))
    var explain: String?
    @Flag(help: "Show the checks that passed as well.")
    var passed = false
    @Flag(help: "JSON on standard output; its schema is docs/plan.schema.json.")
    var json = false

    func run() async throws {
        if let explain {
            let words = try Preflight.explain(explain)
            return json ? print(try encoded(words)) : Terminal.put(words.text)
        }
        guard let inventory else {
            throw ValidationError("which inventory? pgadopt check inventory.yaml (pgadopt init writes one)")
        }
        let selection = try RuleSelection(parsing: only)
        if fleet.all { return try await checkAll(inventory, selection) }
        let spec = try InventoryFile.cluster(in: inventory, named: cluster)
        let waivers = try waiver.parsed(for: spec)
        let facts = try await ControlHost(spec: spec).survey()
        let findings = evaluate(facts, spec, waivers: waivers, selection: selection)
        if json {
            print(try FindingsReport(cluster: spec.name, takenAt: facts.takenAt, findings: findings).encoded())
        } else {
            Terminal.put(FindingsText(style: Terminal.style, showsOK: passed).text(findings))
        }
        let code = Preflight.exitCode(of: findings)
        if code != 0 { throw ExitCode(code) }
    }

    private func checkAll(_ path: String, _ selection: RuleSelection) async throws {
        let waivers = try waiver.parsed()
        let run = FleetRun(clusters: try InventoryFile.clusters(in: path), jobs: fleet.jobs)
        let results = await run.results { spec, facts in
            let findings = evaluate(facts, spec, waivers: waivers, selection: selection)
            let report = FindingsReport(cluster: spec.name, takenAt: facts.takenAt, findings: findings)
            return FleetRun.Result(
                row: FleetRun.row(spec, facts, findings), findings: findings,
                json: json ? try report.encoded() : nil)
        }
        try run.finish(results, json: json)
    }
}
