import ArgumentParser
import Facts
import Inventory
import Planning
import Preflight
import Report
import Survey

/// `pgadopt plan`
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show every step an adoption takes, and save it for apply. Changes nothing.",
        discussion: """
            Exit codes: 0 nothing to do, 2 there are changes, 1 error or a failed check.
            Examples:
              pgadopt plan inventory.yaml --out plan.json
              pgadopt plan inventory.yaml --out plan.json --html plan.html     for change review
              pgadopt plan inventory.yaml --playbook my.yaml --waive host.swap@h2
              pgadopt plan inventory.yaml --allow-restart --window 2026-11-28T02:00Z/1h --out restart.json
              pgadopt plan inventories/ --all
            """)

    @Argument(
        help: "The inventory file, or with --all a directory of them.", completion: .file(extensions: ["yaml", "yml"]))
    var inventory: String
    @Option(name: .shortAndLong, help: "The cluster's name, when the inventory holds more than one.")
    var cluster: String?
    @OptionGroup var waiver: WaiverOptions
    @OptionGroup var fleet: FleetOptions
    @OptionGroup var build: BuildOptions
    @Option(help: "Save the plan to this file.", completion: .file(extensions: ["json"]))
    var out: String?
    @Option(help: "Write the plan as one self-contained page to this file.", completion: .file(extensions: ["html"]))
    var html: String?
    @Option(help: "Use the order of this playbook (see: playbooks/).", completion: .file(extensions: ["yaml", "yml"]))
    var playbook: String?
    @Flag(help: "Plan one restart of the primary for settings without which it cannot be adopted; needs --window.")
    var allowRestart = false
    @Option(help: ArgumentHelp(
        "With --allow-restart: when people have agreed to it, such as 2026-11-28T02:00Z/1h.", valueName: "start/end"))
    var window: String?
    @Option(help: ArgumentHelp(
        "A member that was taken out of the inventory and will not come back: remove what the others have of it.",
        valueName: "host"))
    var gone: [String] = []
    @Flag(help: "Show the full content of files that are written, and every host in full.")
    var files = false
    @Flag(help: "The plan as JSON on standard output; its schema is docs/plan.schema.json.")
    var json = false

    func validate() throws {
        if allowRestart != (window != nil) {
            throw ValidationError(
                "--allow-restart and --window START/END go together: a restart happens in a window only")
        }
        if fleet.all, out != nil || html != nil || allowRestart || !gone.isEmpty {
            throw ValidationError("--out, --html, --gone and --allow-restart are for one cluster; name it with --cluster")
        }
    }

    func run() async throws {
        var planner = try planner()
        if fleet.all { return try await planAll(planner) }
        let spec = build.applied(to: try InventoryFile.cluster(in: inventory, named: cluster))
        let waivers = try waiver.parsed(for: spec)
        let facts = try await ControlHost(spec: spec).survey()
        if !allowRestart { planner.departures = try await ControlHost(spec: spec).departures(facts, gone: gone) }
        let findings = evaluate(facts, spec, waivers: waivers)
        var plan = try make(planner, spec, facts, findings)
        // The plan of before, where this one replaces it: what has changed since is drift.
        if let out, let bytes = try? Files.read(out), let earlier = try? Plan(decoding: bytes, file: out) {
            plan.compare(with: earlier)
        }
        try show(plan)
        guard plan.isApplicable else {
            let names = plan.blockers.map { $0.name }.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
            throw ValidationError("""
                failed checks forbid this plan, and nothing was saved for apply: \(names.joined(separator: ", ")); \
                put them right, or waive them by name
                """)
        }
        if let out { try Files.write(try plan.encoded(), to: out) }
        if plan.steps.isEmpty { return }
        if let out, !json { print("\nSaved: \(out). Carry it out with: pgadopt apply \(out)") }
        throw ExitCode(2)
    }

    private func planner() throws -> Planner {
        var planner = Planner(
            bundle: try? Bundle.locate(), toolVersion: toolVersion, createdAt: Survey.WallClock.system.timestamp)
        planner.waivers = waiver.waivers
        if let playbook {
            planner.playbook = try Playbook.parse(
                String(decoding: try Files.read(playbook), as: UTF8.self), file: playbook)
        }
        if let window { planner.restartWindow = try RestartWindow(window) }
        return planner
    }

    private func make(
        _ planner: Planner, _ spec: ClusterSpec, _ facts: ClusterFacts, _ findings: [Finding]
    ) throws -> Plan {
        do throws(PlanningError) {
            return try planner.plan(spec, facts, findings)
        } catch {
            // Where the bundle was looked for, and how one is made.
            if error.code == .noBundle { _ = try Bundle.locate() }
            // Why no plan can be written is among the findings, and they say it better.
            if findings.contains(where: { $0.verdict == .fail && !$0.isWaived }) {
                Terminal.put(FindingsText(style: Terminal.style).text(findings))
            }
            throw ValidationError("no plan: \(error)")
        }
    }

    private func show(_ plan: Plan) throws {
        if json {
            print(String(decoding: try plan.encoded(), as: UTF8.self), terminator: "")
        } else {
            Terminal.put(PlanText(style: Terminal.style, showsFiles: files).text(plan))
        }
        guard let html else { return }
        try Files.write(Array(PlanHTML().text(plan).utf8), to: html, mode: 0o644)
        if !json { print("\nFor review: \(html)") }
    }

    private func planAll(_ planner: Planner) async throws {
        let waivers = try waiver.parsed()
        let clusters = try InventoryFile.clusters(in: inventory).map(build.applied)
        let run = FleetRun(clusters: clusters, jobs: fleet.jobs)
        let results = await run.results { spec, facts in
            let findings = evaluate(facts, spec, waivers: waivers)
            let plan = try planner.plan(spec, facts, findings)
            return FleetRun.Result(
                row: FleetRun.row(spec, facts, findings, plan: plan),
                code: !plan.isApplicable ? 1 : plan.steps.isEmpty ? 0 : 2,
                json: json ? String(decoding: try plan.encoded(), as: UTF8.self) : nil)
        }
        try run.finish(results, json: json)
    }
}
