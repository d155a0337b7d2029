import AdoptFixtures
import Execution
import Facts
import Foundation
import Planning
import Shell
import Synchronization

/// A store in memory.
actor MemoryStore: AdoptionStore {
    var keys: [String: String] = [:]

    func createOnly(_ key: String, _ value: String) -> Bool {
        if keys[key] != nil { return false }
        keys[key] = value
        return true
    }

    func read(prefix: String) -> [String: String] { keys.filter { $0.key.hasPrefix(prefix) } }
    func delete(_ key: String, ifValue value: String) { if keys[key] == value { keys[key] = nil } }
    func set(_ key: String, _ value: String) { keys[key] = value }
    func replace(_ key: String, ifValue value: String, with new: String) { if keys[key] == value { keys[key] = new } }
}

actor MemoryJournal: JournalFile {
    nonisolated let path = "plan.journal.jsonl"
    var text = ""
    func read() -> String { text }
    func append(_ line: String) { text += line }
}

/// One machine's worth of everything an apply touches, in a temporary directory.
final class World: Sendable {
    let root: String
    let store = MemoryStore()
    let journal = MemoryJournal()
    let events = Mutex<[String]>([])

    init() throws {
        root = NSTemporaryDirectory() + "pgadopt-world-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        // The PostgreSQL user must get through.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: root)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func shells(cutAt: @escaping @Sendable (String) -> Bool = { _ in false }) -> [String: any RemoteShell] {
        ["h1", "h2", "h3"].reduce(into: [:]) { $0[$1] = RootedShell($1, root: root, cutAt: cutAt) }
    }

    func environment(
        processID: Int32 = 100, isRunning: Bool = true, cutAt: @escaping @Sendable (String) -> Bool = { _ in false }
    ) -> ExecutionEnvironment {
        let start = ContinuousClock.now
        return ExecutionEnvironment(
            shells: shells(cutAt: cutAt), store: store, journal: journal, operatorName: "ann@control",
            processID: processID, isRunning: { _ in isRunning }, now: { ContinuousClock.now - start },
            timestamp: { "2026-11-22T16:00:00Z" }, sleep: { try await Task.sleep(for: $0) },
            randomBytes: { count in (0..<count).map { _ in UInt8.random(in: 0...255) } },
            readFile: { Array(try Data(contentsOf: URL(fileURLWithPath: $0))) }, readEnvironment: { _ in nil })
    }

    func report(_ event: ApplyEvent) {
        let line: String? = switch event {
        case .stepStarted(let step, _, _): "start \(step.id)"
        case .stepSkipped(let step, _, _): "skip \(step.id)"
        case .stepDone(let step, _, _, _): "done \(step.id)"
        case .stepFailed(let step, _): "fail \(step.id)"
        case .note(_, let text): "note \(text)"
        case .started, .progress, .finished: nil
        }
        if let line { events.withLock { $0.append(line) } }
    }

    func take() -> [String] { events.withLock { lines in defer { lines = [] }; return lines } }

    func file(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}

extension Plan {
    /// Only these steps.
    func only(_ names: Set<StepName>) -> Plan {
        var plan = self
        plan.steps = steps.filter { names.contains($0.kind.name) && $0.host == "h1" }
        return plan
    }
}

/// Takes a plan back, replicas removed.
func release(_ plan: Plan, _ world: World) async throws {
    try await Releaser(plan: plan, environment: world.environment(), replicas: .remove).run { _ in }
}

extension World {
    /// A line of the journal, as if the step had been begun.
    func begin(_ step: PlannedStep, of plan: Plan) async throws {
        let digest = try JournalEntry.planName(plan)
        let line = #"{"at":"2026-01-01T00:00:00Z","event":"done","plan":"\#(digest)","step":"\#(step.id)"}"# + "\n"
        await journal.append(line)
    }
}
