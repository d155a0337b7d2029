import Facts
import Inventory
import Planning
import Shell

/// An adoption as the primary remembers it: the journal, and the plans that it speaks of. With them `release` needs no
/// file of the operator's.
public struct KeptAdoption: Sendable {
    /// The host that holds them.
    public var host: String
    /// In the order in which they were first carried out.
    public var plans: [Plan]
    public var journal: KeptJournal
    /// Members that have left since: nothing is to be taken back there.
    public var left: Set<String>

    /// Looks on every member: after a failover the server that was adopted is not the leader any more, and the
    /// inventory may say so.
    /// - Throws: ``ExecutionError`` when no host that answers holds a journal, or one of its plans is missing.
    public static func find(_ spec: ClusterSpec, _ shells: [String: any RemoteShell]) async throws -> KeptAdoption {
        let path = Layout(scope: spec.name).journal
        var silent: [String] = []
        for host in spec.members {
            guard let shell = shells[host.name] else { continue }
            do {
                let result = try await shell.run("cat -- \(quoted(path)) 2>/dev/null || :", as: .root)
                if !result.output.isEmpty { return try await KeptAdoption(result.output, shell, spec) }
            } catch let error as ExecutionError {
                throw error
            } catch {
                silent.append("\(host.name): \(error)")
            }
        }
        let asked = silent.isEmpty ? "" : " (" + silent.joined(separator: "; ") + ")"
        throw ExecutionError(
            .conflict, "no member of \(spec.name) has the journal of an adoption, \(path)\(asked)",
            remedy: "There is nothing to release, or the host that was adopted does not answer.")
    }

    /// The plans with those of their steps that were carried out and not taken back.
    public private(set) var inForce: [Plan] = []

    /// What members remember of the plans that were carried out, the oldest plan first: each plan's journal lies on the
    /// server that was the primary then. A member that does not answer is passed over.
    public static func plansInForce(_ spec: ClusterSpec, _ shells: [String: any RemoteShell]) async throws -> [Plan] {
        var plans: [Plan] = []
        for host in spec.members {
            guard let shell = shells[host.name] else { continue }
            let path = quoted(Layout(scope: spec.name).journal)
            guard let result = try? await shell.run("cat -- \(path) 2>/dev/null || :", as: .root),
                !result.output.isEmpty
            else { continue }
            plans += try await KeptAdoption(result.output, shell, spec).inForce
        }
        return plans.sorted { $0.createdAt < $1.createdAt }
    }

    private init(_ text: String, _ shell: any RemoteShell, _ spec: ClusterSpec) async throws {
        let layout = Layout(scope: spec.name)
        host = shell.hostName
        journal = KeptJournal(path: "\(shell.hostName):\(layout.journal)", text: text)
        let entries = try JournalEntry.entries(text, name: journal.path)
        plans = []
        left = []
        for digest in entries.map(\.plan).reduce(into: [String](), { if !$0.contains($1) { $0.append($1) } }) {
            let path = layout.plan(digest)
            let result = try await shell.run("cat -- \(quoted(path))", as: .root)
            guard result.succeeded else {
                throw ExecutionError(
                    .conflict, host: host, "the journal speaks of a plan that is not kept here: \(path)",
                    remedy: "Release with the plan file itself: pgadopt release plan.json")
            }
            plans.append(try Plan(decoding: result.standardOutput, file: "\(host):\(path)"))
        }
        for plan in plans {
            for step in plan.steps {
                if case .leave(let change) = step.kind, state(of: step, plan, entries) == .done {
                    left.insert(change.member)
                }
            }
            left.subtract(begun(plan, entries).compactMap { step in
                if case .agent(let change) = step.kind { change.member } else { nil }
            })
        }
        inForce = plans.map { plan in
            // The digest is that of the whole plan.
            var carriedOut = plan
            carriedOut.steps = begun(plan, entries).filter { step in
                step.kind.name != .leave || state(of: step, plan, entries) == .done
            }
            return carriedOut
        }
    }
}

private func state(of step: PlannedStep, _ plan: Plan, _ entries: [JournalEntry]) -> JournalEntry.Event? {
    entries.last { $0.plan == plan.digest && $0.step == step.id && $0.event != .made }?.event
}

private func begun(_ plan: Plan, _ entries: [JournalEntry]) -> [PlannedStep] {
    plan.steps.filter { step in
        let last = state(of: step, plan, entries)
        return last != nil && last != .undone
    }
}

/// The primary's copy of the journal, read there. Every line that is written goes to that copy anyway.
public struct KeptJournal: JournalFile {
    public let path: String
    let text: String

    public func read() async throws -> String { text }
    public func append(_ line: String) async throws {}
}
