import Planning
import PostgresModel
import Shell

/// The copy. pg_basebackup runs on the replica in a session of its own, with log and exit code in files: it goes
/// on when the control host or the network goes away, and the next apply finds it by them.
struct BaseBackupStep: Step {
    var change: BaseBackupChange

    enum State: Equatable {
        case none
        /// - source: the host that is copied.
        case running(source: String, CopyEnds.Receiving)
        case ended(code: Int, source: String, log: String)
    }

    var script: BaseBackupScript { BaseBackupScript(change: change) }

    func isDone(_ context: StepContext) async throws -> Bool {
        guard case .ended(code: 0, _, _) = try await state(context) else { return false }
        return try await identity(context) == change.systemIdentifier
    }

    func apply(_ context: StepContext) async throws {
        var watch: CopyWatch
        switch try await state(context) {
        case .running(let source, _):
            context.note("a copy is running already; following it")
            watch = CopyWatch(source: self.source(named: source, context), target: change.member)
            watch.pace = await pace(isCopying: true, watch.source, context)
            try await give(&watch, context)
        case .ended(code: 0, let source, _):
            watch = CopyWatch(source: self.source(named: source, context), target: change.member)
        case .none:
            watch = CopyWatch(source: try await choose(context), target: change.member)
            try await start(&watch, context)
        case .ended(_, let source, _) where try await canGoOn(context):
            context.note("an earlier restore failed; it goes on with the files that are right already")
            watch = CopyWatch(source: self.source(named: source, context), target: change.member)
            try await start(&watch, context)
        case .ended(_, let source, _):
            context.note("an earlier copy failed; starting again in the directory it made")
            try await discard(context)
            watch = CopyWatch(source: try await choose(afterFailureFrom: source, context), target: change.member)
            try await start(&watch, context)
        }
        try await follow(&watch, context)
        try await freshen(context)
        guard try await identity(context) == change.systemIdentifier else {
            throw ExecutionError(
                .conflict, host: context.host, "\(change.dataDirectory) holds another cluster than the primary's")
        }
    }

    private func start(_ watch: inout CopyWatch, _ context: StepContext) async throws {
        if change.restore == nil { watch.pace = await pace(isCopying: false, watch.source, context) }
        await listen(&watch, context)
        var prepared = script
        prepared.change.tablespaces = try await presentTablespaces(context)
        for path in prepared.change.directories { try await context.willMake("directory", path) }
        try await context.run("preparing \(change.dataDirectory)", prepared.prepare, deadline: .seconds(60))
        try await give(&watch, context)
        if await isSlotOurs(context), let look = await lookAtWAL(context) {
            try await context.run("setting the budget of WAL", script.give(budget: WALBudget.most(look)))
        }
        try await context.run(
            "starting \(script.programName)", script.launch(watch.source), as: .user(change.osUser),
            standardInput: Array(script.program(watch.source, primary: primary(context)).utf8), deadline: .seconds(30))
    }

    func state(_ context: StepContext) async throws -> State {
        let output = try await context.run("looking for the copy", script.status)
        let lines = output.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let words = lines.first?.split(separator: " ") ?? []
        switch words.first {
        case "running" where words.count == 4:
            return .running(
                source: String(words[1]),
                CopyEnds.Receiving(busy: Int(words[2]) ?? 0, waiting: Int(words[3]) ?? 0))
        case "ended" where words.count == 3:
            return .ended(
                code: Int(words[1]) ?? -1, source: String(words[2]), log: lines.count > 1 ? trimmed(lines[1]) : "")
        default: return .none
        }
    }

    private func trimmed(_ text: Substring) -> String {
        text.split(separator: "\n").suffix(5).joined(separator: "\n")
    }

    private func identity(_ context: StepContext) async throws -> SystemIdentifier? {
        let output = try await context.run(
            "reading pg_controldata",
            "cd / && LC_ALL=C \(quoted(change.binDirectory + "/pg_controldata")) -D \(quoted(change.dataDirectory))",
            as: .user(change.osUser))
        let line = output.split(separator: "\n").first { $0.hasPrefix("Database system identifier:") }
        return line.flatMap { SystemIdentifier($0.drop { $0 != ":" }.dropFirst().filter { $0 != " " }) }
    }

    private func discard(_ context: StepContext) async throws {
        let made = await context.made("directory")
        guard made.contains(change.dataDirectory) else {
            throw ExecutionError(
                .conflict, host: context.host, "\(change.dataDirectory) was not made by this plan",
                remedy: "Look what is in it. Nothing was removed.")
        }
        try await context.run("ending what is left of it", script.stop, deadline: .seconds(60))
        try await context.run("removing the copy that failed", script.discard, deadline: .seconds(600))
    }

    func undo(_ context: StepContext) async throws {
        guard await context.made("directory").contains(change.dataDirectory) else { return }
        try await context.run("ending the copy", script.stop, deadline: .seconds(60))
        try await context.run("removing \(change.dataDirectory)", script.discard, deadline: .seconds(600))
    }
}

extension Plan {
    /// How to reach the primary's server on its own host.
    var primaryLocal: LocalServer {
        LocalServer(
            osUser: primary.osUser, binDirectory: primary.binDirectory, socketDirectory: primary.socketDirectory,
            port: primary.port)
    }
}
