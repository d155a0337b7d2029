import ArgumentParser
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
            Example: pgadopt plan inventory.yaml --out plan.json
            """)

    @OptionGroup var inventory: InventoryArgument
    @OptionGroup var waiver: WaiverOptions
    @Option(help: "Save the plan to this file.")
    var out: String?
    @Flag(help: "Show the full content of files that are written.")
    var files = false
    @Flag(help: "The plan as JSON on standard output.")
    var json = false

    func run() async throws {
        let spec = try inventory.load()
        let facts = try await ControlHost(spec: spec).survey()
        let findings = evaluate(facts, spec, waivers: try waiver.parsed(for: spec))
        let blockers = findings.filter { $0.verdict == .fail && !$0.isWaived }
        let plan: Plan
        do {
            plan = try Planner(
                bundle: try Bundle.locate(), toolVersion: toolVersion, createdAt: Survey.WallClock.system.timestamp
            ).plan(spec, facts, findings)
        } catch {
            // Why no plan can be written is among the findings, and they say it better.
            guard blockers.isEmpty else {
                Terminal.put(FindingsText(style: Terminal.style).text(findings))
                throw ValidationError("no plan: \(error)")
            }
            throw error
        }
        if json {
            print(String(decoding: try plan.encoded(), as: UTF8.self))
        } else {
            Terminal.put(PlanText(style: Terminal.style, showsFiles: files).text(plan))
        }
        guard plan.isApplicable else {
            throw ValidationError("""
                \(blockers.count) failed check\(blockers.count == 1 ? "" : "s") forbid this plan: \
                \(blockers.map(\.name).joined(separator: ", ")); put them right, or waive them by name
                """)
        }
        if let out { try Files.write(try plan.encoded(), to: out) }
        if plan.steps.isEmpty { return }
        if let out, !json { print("\nSaved: \(out). Carry it out with: pgadopt apply \(out)") }
        throw ExitCode(2)
    }
}
