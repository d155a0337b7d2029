import ArgumentParser
import Etcd
import Execution
import Inventory
import Planning
import SSH

extension ReplicaFate: ExpressibleByArgument {}

/// `pgadopt release`
struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Take an adoption back: the servers belong to their own service units again.",
        discussion: """
            The primary is not restarted. Agents are stopped, the cluster's keys deleted, files and settings restored
            from the journal, and only what the adoption made is removed. Run again, it continues where it stopped.
            It also takes back an apply that did not come to its end, and plans that changed the cluster later, the
            newest first. Given the inventory instead of the plan, it uses the copies of plans and journals that the
            members keep, each on the one that led at that time.
            Examples:
              pgadopt release plan.json --plan                     show what it would do
              pgadopt release plan.json --replicas keep            the replicas stream on, without agents
              pgadopt release inventory.yaml --replicas remove     with the members' copies of plans and journals
            """)

    @Argument(help: "The plan that was applied, with its journal beside it; or the inventory.")
    var plan: String
    @Option(name: .shortAndLong, help: "The cluster's name, when the inventory holds more than one.")
    var cluster: String?
    @Option(help: "What becomes of the replicas that the adoption built: keep, promote or remove.")
    var replicas: ReplicaFate?
    @Flag(help: "Where another member leads, hand the lead back to the server that was adopted first.")
    var switchBack = false
    @Option(help: ArgumentHelp(
        "The server that was adopted is gone for good: release the others; the one that leads now is what remains.",
        valueName: "host"))
    var without: String?
    @Flag(name: .customLong("plan"), help: "Only show what would be done.")
    var onlyShow = false
    @Flag(help: "With --plan: the acts as JSON.")
    var json = false
    @Flag(help: "Do not ask.")
    var yes = false

    func validate() throws {
        if switchBack, without != nil {
            throw ValidationError("--switch-back needs the server that --without says is gone")
        }
        if json, !onlyShow { throw ValidationError("--json goes with --plan: it shows what would be done") }
    }

    /// An act as scripts read it.
    private struct Act: Encodable {
        var name: String
        var host: String?
        var text: String
    }

    func run() async throws {
        let bytes = try Files.read(plan)
        let isPlan = bytes.first { !Character(UnicodeScalar($0)).isWhitespace } == UInt8(ascii: "{")
        let saved = isPlan ? try Plan(decoding: bytes, file: plan) : nil
        if let leaving = saved?.leaving {
            throw ValidationError("""
                \(plan) takes \(leaving.map(\.name).joined(separator: ", ")) out of a cluster that goes on, and is not \
                released by itself: start the agent there again and plan with the host in the inventory
                """)
        }
        if let saved, !saved.adoptsPrimary {
            throw ValidationError("""
                \(plan) changes a cluster that was adopted before, and is not released by itself: pgadopt release \
                INVENTORY takes back the whole adoption, and a plan whose inventory leaves a member out takes that \
                member out
                """)
        }
        let spec = try saved?.spec ?? InventoryFile.cluster(in: plan, named: cluster)
        let control = ControlHost(spec: spec, leaving: saved?.leaving ?? [])
        let client = try control.storeClient()
        var shells = try await control.shells()
        // Not even its journal is written there.
        if let without, let gone = shells.removeValue(forKey: without) { await gone.disconnect() }
        let result: Result<Void, any Error>
        do {
            try await carryOut(try await withoutLost(try await releasers(saved, spec, shells, client)), spec)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await client.close()
        for shell in shells.values { await shell.disconnect() }
        try result.get()
    }

    /// One for each plan that was carried out, the newest first. Each lies on the server that led at its time.
    private func releasers(
        _ saved: Plan?, _ spec: ClusterSpec, _ shells: [String: SSHHost], _ client: EtcdClient
    ) async throws -> [Releaser] {
        let environment = ExecutionEnvironment.control(shells: shells, client: client, planFile: plan)
        guard let saved else {
            let kept = try await KeptAdoption.find(spec, shells)
            if without == nil { try kept.refuseGaps(spec) }
            return kept.releasers(environment, replicas: replicas)
        }
        // An apply that ended early has kept nothing yet, and the file says all.
        guard let kept = try? await KeptAdoption.find(spec, shells) else {
            return [Releaser(plan: saved, environment: environment, replicas: replicas)]
        }
        return kept.releasers(environment, replicas: replicas, after: saved)
    }

    /// Who leads is asked of the store: it is what remains.
    private func withoutLost(_ releasers: [Releaser]) async throws -> [Releaser] {
        guard let without else { return releasers }
        guard let adoption = releasers.last(where: { $0.plan.adoptsPrimary }) else {
            throw ValidationError(
                "--without \(without): the plan that adopted it lay on it; release with its file: pgadopt release "
                    + "plan.json --without \(without)")
        }
        let adopted = adoption.plan.primary.host
        guard without == adopted else {
            throw ValidationError(
                "--without \(without): the server that was adopted is \(adopted); a replica that is gone is taken "
                    + "out of the cluster by pgadopt plan INVENTORY --gone \(without)")
        }
        guard let leader = try await adoption.leader(), leader != without else {
            throw ValidationError("--without \(without): no other member leads now, so nothing would remain")
        }
        return releasers.map { releaser in
            var releaser = releaser
            if releaser.plan.primary.host == without {
                releaser.lost = LostServer(host: without, leader: leader)
            } else {
                releaser.left.insert(without)
            }
            return releaser
        }
    }

    private func carryOut(_ releasers: [Releaser], _ spec: ClusterSpec) async throws {
        var outlines: [[ReleaseAction]] = []
        for releaser in releasers { outlines.append(try await releaser.outline()) }
        let actions = outlines.flatMap { $0 }
        if json { return print(try encoded(actions.map { Act(name: $0.name, host: $0.host, text: $0.text) })) }
        guard !actions.isEmpty else {
            return print("Nothing to take back: the journal names no step that is not undone.")
        }
        let handovers = try await handovers(releasers)
        if onlyShow || !yes {
            print("Release of the cluster \(spec.name), \(actions.count) acts:\n")
            print(listing(releasers, outlines, handovers))
        }
        let refusal = switchBack ? nil : LeadHandover.refusal(handovers, spec.name)
        if onlyShow {
            if let refusal { print("\(refusal)\n") }
            return
        }
        if let refusal { throw refusal }
        guard yes || Terminal.confirm("Carry this out?") else {
            throw ValidationError("not confirmed; nothing was done (use --yes where nobody can answer)")
        }
        for (index, releaser) in releasers.enumerated() {
            for handover in handovers where handover.before == index { try await handOver(handover, spec) }
            try await releaser.run(report: show)
        }
        print("Done: \(spec.name) is released. pgadopt check INVENTORY shows the servers as they are now.")
    }

    /// What of the lead must change, and before which plan.
    private func handovers(_ releasers: [Releaser]) async throws -> [LeadHandover] {
        var needs: [String?] = []
        var leader: String?
        for releaser in releasers {
            let needed = try await releaser.neededLeader()
            needs.append(needed)
            if needed != nil, leader == nil { leader = try await releaser.leader() }
        }
        return LeadHandover.all(needs: needs, leader: leader)
    }

    private func handOver(_ handover: LeadHandover, _ spec: ClusterSpec) async throws {
        print("handing the lead from \(handover.from) back to \(handover.to)")
        try await handLead(of: spec, from: handover.from, to: handover.to)
        // A copy that is not up yet could not be handed to its unit as it runs.
        try await awaitStreaming(of: spec, handover.from)
    }

    private func listing(
        _ releasers: [Releaser], _ outlines: [[ReleaseAction]], _ handovers: [LeadHandover]
    ) -> String {
        var lines: [String] = []
        var number = 0
        for (index, (releaser, actions)) in zip(releasers, outlines).enumerated() where !actions.isEmpty {
            if releasers.count > 1 { lines.append("The plan of \(releaser.plan.title)") }
            for handover in handovers where handover.before == index {
                lines.append("      first: hand the lead from \(handover.from) to \(handover.to)")
            }
            for action in actions {
                number += 1
                lines.append(line(number, action))
            }
        }
        lines += ["", "Restarts of the primary: none.", ""]
        for releaser in releasers {
            guard let lost = releaser.lost else { continue }
            lines.append("Not restored, since \(lost.host) is gone:")
            lines += releaser.plan.notRestored(without: lost).map { "  " + $0 } + [""]
        }
        return lines.joined(separator: "\n")
    }

    @Sendable private func show(_ event: Releaser.Event) {
        switch event {
        case .began(let action, let number, let count):
            print("[\(number)/\(count)] \(action.host ?? "store"): \(action.text)")
        case .note(let text): print("      \(text)")
        }
    }

    private func line(_ number: Int, _ action: ReleaseAction) -> String {
        let label = String(number)
        let host = action.host ?? "store"
        return String(repeating: " ", count: max(0, 4 - label.count)) + label + "  " + host
            + String(repeating: " ", count: max(1, 8 - host.count)) + action.text
    }
}
