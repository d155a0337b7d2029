import Planning
import PostgresModel
import Shell

/// The copy. pg_basebackup runs on the replica in a session of its own, with log and exit code in files: it goes
/// on when the control host or the network goes away, and the next apply finds it by them.
struct BaseBackupStep: Step {
    var change: BaseBackupChange

    enum State: Equatable {
        case none, running
        case ended(code: Int, log: String)
    }

    var script: BaseBackupScript { BaseBackupScript(change: change) }

    func isDone(_ context: StepContext) async throws -> Bool {
        guard case .ended(code: 0, _) = try await state(context) else { return false }
        return try await identity(context) == change.systemIdentifier
    }

    func apply(_ context: StepContext) async throws {
        switch try await state(context) {
        case .running: context.note("a copy is running already; following it")
        case .ended(code: 0, _): break
        case .none: try await start(context)
        case .ended where try await canGoOn(context):
            context.note("an earlier restore failed; it goes on with the files that are right already")
            try await start(context)
        case .ended:
            context.note("an earlier copy failed; starting again in the directory it made")
            try await discard(context)
            try await start(context)
        }
        try await follow(context)
        try await freshen(context)
        guard try await identity(context) == change.systemIdentifier else {
            throw ExecutionError(
                .conflict, host: context.host, "\(change.dataDirectory) holds another cluster than the primary's")
        }
    }

    private func start(_ context: StepContext) async throws {
        var prepared = script
        prepared.change.tablespaces = try await presentTablespaces(context)
        for path in prepared.change.directories { try await context.willMake("directory", path) }
        try await context.run("preparing \(change.dataDirectory)", prepared.prepare, deadline: .seconds(60))
        try await context.run(
            "starting \(script.programName)", script.launch, as: .user(change.osUser),
            standardInput: Array(script.program.utf8), deadline: .seconds(30))
    }

    /// Waits for the end, with progress from the primary's own view. A lost connection is tried again for a
    /// minute; the copy itself does not notice.
    private func follow(_ context: StepContext) async throws {
        var meter = RateMeter()
        var budget = WALBudget()
        var failures = 0
        while true {
            let state: State
            do {
                state = try await self.state(context)
                failures = 0
            } catch let error as ExecutionError where error.code == .commandFailed {
                throw error
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                failures += 1
                if failures > 20 { throw error }
                try await context.environment.sleep(.seconds(3))
                continue
            }
            switch state {
            case .ended(code: 0, _):
                context.progress(StepProgress(bytes: change.size, total: change.size, phase: "copied"))
                return
            case .ended(let code, let log):
                throw ExecutionError(
                    .commandFailed, host: context.host, "\(script.programName) ended with code \(code): \(log)",
                    remedy:
                        "Remedy what it says and run the same command again: only the directory it made is used anew.")
            case .none:
                throw ExecutionError(
                    .commandFailed, host: context.host,
                    "\(script.programName) has disappeared: was the host restarted?")
            case .running:
                let wal = await lookAtWAL(context)
                if let reason = wal.flatMap({ budget.reason($0) }) { throw try await stop(because: reason, context) }
                let looked = try? await change.restore == nil
                    ? progress(context, &meter) : restoreProgress(context, &meter)
                if var progress = looked {
                    if let limit = limit(progress, wal) { progress.phase = (progress.phase ?? "") + "; " + limit }
                    context.progress(progress)
                }
                try await context.environment.sleep(meter.isYoung ? .milliseconds(250) : .seconds(2))
            }
        }
    }

    private func progress(_ context: StepContext, _ meter: inout RateMeter) async throws -> StepProgress? {
        // pg_stat_progress_basebackup: PostgreSQL 13 and later.
        let row = try await context.sql(
            "SELECT b.phase, b.backup_streamed, coalesce(b.backup_total, 0) FROM pg_stat_progress_basebackup b "
                + "JOIN pg_stat_activity a USING (pid) "
                + "WHERE a.application_name = \(sqlLiteral(script.applicationName));",
            on: change.sourceHost, context.plan.primaryLocal, purpose: "asking for the copy's progress")
        let columns = row.split(separator: "|").map(String.init)
        guard columns.count == 3, let streamed = Int64(columns[1]), let total = Int64(columns[2]) else { return nil }
        let expected = total > 0 ? total : change.size.rawValue
        let rate = meter.rate(streamed, at: context.environment.now())
        let remaining = rate > 0 && streamed > 0 ? Duration.seconds(max(0, expected - streamed) / rate) : nil
        return StepProgress(
            bytes: ByteCount(streamed), total: ByteCount(expected), rate: rate > 0 ? ByteCount(rate) : nil,
            remaining: remaining, phase: columns[0])
    }

    /// What a person wants to know of the rate, and of the WAL that is kept meanwhile.
    private func limit(_ progress: StepProgress, _ wal: WALBudget.Look?) -> String? {
        var words: [String] = []
        if let most = change.maxRate {
            let isActive = progress.rate.map { $0.rawValue >= most / 10 * 9 } ?? false
            words.append(isActive ? "limited by max_rate" : "below max_rate \(ByteCount(most))/s")
        }
        if let wal, wal.kept > ByteCount(64 << 20) { words.append("keeps \(wal.kept) of WAL, \(wal.free) free") }
        return words.isEmpty ? nil : words.joined(separator: "; ")
    }

    private func state(_ context: StepContext) async throws -> State {
        let output = try await context.run("looking for the copy", script.status)
        let lines = output.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let words = lines.first?.split(separator: " ") ?? []
        switch words.first {
        case "running": return .running
        case "ended":
            return .ended(
                code: words.dropFirst().first.flatMap { Int($0) } ?? -1, log: lines.count > 1 ? trimmed(lines[1]) : "")
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
        try await context.run("removing the copy that failed", script.discard, deadline: .seconds(600))
    }

    func undo(_ context: StepContext) async throws {
        guard await context.made("directory").contains(change.dataDirectory) else { return }
        try await context.run("ending the copy", script.stop, deadline: .seconds(60))
        try await context.run("removing \(change.dataDirectory)", script.discard, deadline: .seconds(600))
    }
}

/// Bytes per second over the last ten seconds or so.
struct RateMeter {
    private var samples: [(at: Duration, bytes: Int64)] = []
    private var count = 0

    /// The first seconds, in which small copies end.
    var isYoung: Bool { count < 20 }

    mutating func rate(_ bytes: Int64, at now: Duration) -> Int64 {
        count += 1
        samples.append((now, bytes))
        while samples.count > 2, now - samples[0].at > .seconds(10) { samples.removeFirst() }
        guard let first = samples.first, now > first.at, bytes > first.bytes else { return 0 }
        let seconds =
            Double((now - first.at).components.seconds) + Double((now - first.at).components.attoseconds) / 1e18
        return seconds > 0.1 ? Int64(Double(bytes - first.bytes) / seconds) : 0
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
