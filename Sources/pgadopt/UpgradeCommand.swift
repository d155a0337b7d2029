import ArgumentParser
import Dispatch
import Etcd
import Execution
import Facts
import Inventory
import Planning
import Report
import SSH
import Shell
import Survey

/// `pgadopt upgrade`
struct UpgradeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade", abstract: "Plan new agents for an adopted cluster, one member after the other.",
        discussion: """
            Compares the bundle that belongs to this tool with what is installed and runs on the members, and plans what
            differs: replicas first, then the leader. The servers run on; no client is disconnected. Changes nothing
            itself: the plan is carried out, and continued when it was cut off, by pgadopt apply.
            Exit codes: 0 nothing to do, 2 there are changes, 1 error.
            Example:
              pgadopt upgrade inventory.yaml --out upgrade.json
              pgadopt apply upgrade.json
            """)

    @OptionGroup var inventory: InventoryArgument
    @Option(help: "Save the plan to this file.", completion: .file(extensions: ["json"]))
    var out: String?
    @Flag(help: "The plan as JSON on standard output.")
    var json = false

    func run() async throws {
        let bundle = try Bundle.locate()
        let control = ControlHost(spec: try inventory.load())
        let client = try control.storeClient()
        let shells = try await control.shells()
        let facts = await control.survey(shells, client)
        let installed = await Self.installed(shells, scope: control.spec.name)
        await client.close()
        for shell in shells.values { await shell.disconnect() }
        if let silent = facts.unreachable.first {
            throw ValidationError("no plan: \(silent.host) cannot be reached: \(silent.reason)")
        }
        let planner = Planner(bundle: bundle, toolVersion: toolVersion, createdAt: Survey.WallClock.system.timestamp)
        let plan: Plan
        do throws(PlanningError) {
            plan = try planner.upgrade(control.spec, facts, installed: installed)
        } catch {
            throw ValidationError("no plan: \(error)")
        }
        if plan.steps.isEmpty { return print("Every agent of \(plan.cluster) runs this bundle: nothing to do.") }
        if json {
            print(String(decoding: try plan.encoded(), as: UTF8.self), terminator: "")
        } else {
            Terminal.put(PlanText(style: Terminal.style).text(plan))
        }
        if let out {
            try Files.write(try plan.encoded(), to: out)
            if !json { print("\nSaved: \(out). Carry it out with: pgadopt apply \(out)") }
        }
        throw ExitCode(2)
    }

    /// What each member has; one that cannot tell is taken to have nothing.
    private static func installed(_ shells: [String: SSHHost], scope: String) async -> [String: InstalledAgent] {
        let script = """
            cat \(quoted(Layout.bundle + "/bundle.sha256")) 2>/dev/null || echo none
            readlink "/proc/$(systemctl show -p MainPID --value -- \(quoted(Layout(scope: scope).unit)))/exe" || echo none
            """
        return await withTaskGroup(of: (String, InstalledAgent)?.self) { group in
            for (name, shell) in shells {
                group.addTask {
                    guard let result = try? await shell.run(script, as: .root) else { return nil }
                    let lines = result.output.split(separator: "\n").map(String.init)
                    guard lines.count == 2 else { return nil }
                    let isStale = lines[1].hasSuffix(" (deleted)") || lines[1].contains("/pgadopt.old.")
                        || lines[1] == "none"
                    return (name, InstalledAgent(digest: lines[0] == "none" ? nil : lines[0], isStale: isStale))
                }
            }
            var found: [String: InstalledAgent] = [:]
            for await entry in group { if let entry { found[entry.0] = entry.1 } }
            return found
        }
    }
}
