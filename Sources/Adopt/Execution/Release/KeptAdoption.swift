import Facts
import Inventory
import Planning
import Shell

/// A plan that was carried out, as the server remembers it that was the primary then.
public struct KeptPlan: Sendable {
    public var plan: Plan
    /// The host that holds it, with its journal.
    public var host: String
    public var journal: KeptJournal
    /// The plan with those of its steps that were carried out and not taken back.
    public var inForce: Plan
    /// Hosts where it has begun anything, whether taken back or not; the one that holds the journal among them.
    var hosts: Set<String>
    /// Members whose slots it has begun to make.
    var slotMembers: [String]
    fileprivate var joined: Set<String>
    fileprivate var departed: Set<String>
}

/// An adoption as the members remember it: the plans, and the journals that speak of them. Each plan and its journal lie
/// on the server that was the primary when it was carried out, so that after a failover they lie on several members.
/// With them `release` needs no file of the operator's.
public struct KeptAdoption: Sendable {
    /// The oldest first.
    public var plans: [KeptPlan]
    /// Members that did not answer, with the reason: they may keep plans too.
    public var silent: [String: String]

    /// Members that have left since they were adopted: nothing is to be taken back there.
    public var left: Set<String> {
        plans.reduce(into: []) { left, kept in left = left.union(kept.departed).subtracting(kept.joined) }
    }

    /// Looks on every member that there is a shell for.
    /// - Throws: ``ExecutionError`` when no host that answers holds a journal, or one of its plans is missing.
    public static func find(_ spec: ClusterSpec, _ shells: [String: any RemoteShell]) async throws -> KeptAdoption {
        let found = try await read(spec, shells)
        guard found.plans.isEmpty else { return found }
        let asked = found.silent.isEmpty ? "" : " (\(found.silenceText))"
        throw ExecutionError(
            .conflict, "no member of \(spec.name) has the journal of an adoption, "
                + "\(Layout(scope: spec.name).journal)\(asked)",
            remedy: "There is nothing to release, or the host that was adopted does not answer.")
    }

    /// What members remember of the plans that were carried out, the oldest plan first. A member that does not answer is
    /// passed over.
    public static func plansInForce(_ spec: ClusterSpec, _ shells: [String: any RemoteShell]) async throws -> [Plan] {
        try await read(spec, shells).plans.map(\.inForce)
    }

    /// - Throws: ``ExecutionError`` when a member is silent, or none of the plans is that of the adoption: what is left
    ///   would look whole and not be.
    public func refuseGaps(_ spec: ClusterSpec) throws {
        if let (host, reason) = silent.min(by: { $0.key < $1.key }) {
            throw ExecutionError(
                .conflict, host: host,
                "it does not answer, and may keep plans that were made while it led: \(reason)",
                remedy: "Bring it up. A replica that is gone for good is taken out first: leave it out of the inventory, "
                    + "and plan with --gone \(host). Where it is the server that was adopted: pgadopt release plan.json "
                    + "--without \(host).")
        }
        if plans.contains(where: \.plan.adoptsPrimary) { return }
        let hosts = Set(plans.map(\.host)).sorted().joined(separator: ", ")
        throw ExecutionError(
            .conflict,
            "the plans kept on \(hosts) only changed \(spec.name); the one that adopted it lies on the server that was "
                + "its primary then, which the inventory does not name",
            remedy: "Put that host back into the inventory; or release with its plan file: pgadopt release plan.json, "
                + "with --without HOST when that host is gone for good.")
    }

    private var silenceText: String {
        silent.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; ")
    }

    private static func read(_ spec: ClusterSpec, _ shells: [String: any RemoteShell]) async throws -> KeptAdoption {
        let path = Layout(scope: spec.name).journal
        var found = KeptAdoption(plans: [], silent: [:])
        for host in spec.members {
            guard let shell = shells[host.name] else { continue }
            let text: String
            do {
                text = try await shell.run("cat -- \(quoted(path)) 2>/dev/null || :", as: .root).output
            } catch {
                found.silent[host.name] = "\(error)"
                continue
            }
            if !text.isEmpty { found.plans += try await plans(text, shell, spec) }
        }
        // Journals know the order of their own plans, and the plans' times that of all: a plan follows what it changes.
        found.plans = found.plans.enumerated()
            .sorted { ($0.element.plan.createdAt, $0.offset) < ($1.element.plan.createdAt, $1.offset) }.map(\.element)
        return found
    }

    private static func plans(
        _ text: String, _ shell: any RemoteShell, _ spec: ClusterSpec
    ) async throws -> [KeptPlan] {
        let layout = Layout(scope: spec.name)
        let host = shell.hostName
        let journal = KeptJournal(path: "\(host):\(layout.journal)", text: text)
        let entries = try JournalEntry.entries(text, name: journal.path)
        var plans: [KeptPlan] = []
        for digest in entries.map(\.plan).reduce(into: [String](), { if !$0.contains($1) { $0.append($1) } }) {
            let path = layout.plan(digest)
            let result = try await shell.run("cat -- \(quoted(path))", as: .root)
            guard result.succeeded else {
                throw ExecutionError(
                    .conflict, host: host, "the journal speaks of a plan that is not kept here: \(path)",
                    remedy: "Release with the plan file itself: pgadopt release plan.json")
            }
            let plan = try Plan(decoding: result.standardOutput, file: "\(host):\(path)")
            plans.append(KeptPlan(plan, host, journal, entries.filter { $0.plan == digest }))
        }
        return plans
    }
}

extension KeptPlan {
    /// - Parameter entries: the journal's of this plan.
    fileprivate init(_ plan: Plan, _ host: String, _ journal: KeptJournal, _ entries: [JournalEntry]) {
        self.plan = plan
        self.host = host
        self.journal = journal
        func state(of step: PlannedStep) -> JournalEntry.Event? {
            entries.last { $0.step == step.id && $0.event != .made }?.event
        }
        let begun = plan.steps.filter { step in state(of: step).map { $0 != .undone } ?? false }
        let touched = Set(entries.map(\.step))
        hosts = Set(plan.steps.filter { touched.contains($0.id) }.map(\.host)).union([plan.primary.host])
        slotMembers = plan.steps.filter { touched.contains($0.id) }.compactMap { step in
            if case .slot(let change) = step.kind { change.member } else { nil }
        }
        departed = Set(plan.steps.compactMap { step in
            guard case .leave(let change) = step.kind, state(of: step) == .done else { return nil }
            return change.member
        })
        joined = Set(begun.compactMap { if case .agent(let change) = $0.kind { change.member } else { nil } })
        inForce = plan
        // The digest is that of the whole plan.
        inForce.steps = begun.filter { $0.kind.name != .leave || state(of: $0) == .done }
    }
}

/// The primary's copy of the journal, read there. Every line that is written goes to that copy anyway.
public struct KeptJournal: JournalFile {
    public let path: String
    let text: String

    public func read() async throws -> String { text }
    public func append(_ line: String) async throws {}
}
