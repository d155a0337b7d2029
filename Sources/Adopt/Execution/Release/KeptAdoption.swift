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

    private init(_ text: String, _ shell: any RemoteShell, _ spec: ClusterSpec) async throws {
        let layout = Layout(scope: spec.name)
        host = shell.hostName
        journal = KeptJournal(path: "\(shell.hostName):\(layout.journal)", text: text)
        let entries = try JournalEntry.entries(text, name: journal.path)
        plans = []
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
    }
}

/// The primary's copy of the journal, read there. Every line that is written goes to that copy anyway.
public struct KeptJournal: JournalFile {
    public let path: String
    let text: String

    public func read() async throws -> String { text }
    public func append(_ line: String) async throws {}
}
