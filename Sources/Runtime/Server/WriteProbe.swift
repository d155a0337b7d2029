import Kernel
import Logging
import PostgresClient
import PostgresModel
import Timekeeping

/// Finds out whether the server takes connections and writes, without holding anybody up.
///
/// Each probe opens a connection of its own, because a kept one goes on working behind a frozen postmaster, and makes
/// a primary flush its log. A flush costs about 100 bytes of log and one transaction id (a transactional message:
/// `txid_current()` alone commits without waiting, a restore point fills the owner's log, a table would be the
/// owner's). Most probes need none: where the flush position moved since the last look, clients have proved the disk,
/// and where nothing waits for a flush, nobody is hurt.
///
/// A probe that gets no answer is left waiting and the next ones wait for it too, so that a hung server is not filled
/// with connections that can never end.
public actor WriteProbe {
    /// An idle primary writes for the probe at most this often; with `archive_timeout` set once an hour, because each
    /// write then costs a segment in the archive.
    public static let idleWriteInterval = Duration.seconds(10)
    static let idleWriteIntervalWhenArchiving = Duration.seconds(3600)
    /// A probe without an answer is given up after this time, and a new connection tried.
    static let patience = Duration.seconds(60)

    /// The latest result.
    public private(set) var report: ProbeReport

    private let settings: ServerSettings
    private let clock: any BootTimeClock
    private let log: Logger
    private var attempt: Attempt?
    private var attempts = 0
    private var disk: DiskProbe
    private var lastFlushed: LSN?
    private var lastWrite: BootInstant?
    private var waiting: [AsyncStream<Void>.Continuation] = []

    private struct Attempt {
        var number: Int
        var began: BootInstant
        var phase: ProbeReport.Phase = .connecting
        var task: Task<Void, Never>?
    }

    public init(_ settings: ServerSettings, clock: any BootTimeClock = BootClock(), log: Logger) {
        self.settings = settings
        self.clock = clock
        self.log = log
        disk = DiskProbe(dataDirectory: settings.dataDirectory)
        report = ProbeReport(outcome: .unknown, since: clock.now, at: clock.now, took: .zero)
    }

    /// One probe, or the end of the one under way. Returns by `deadline`, with `hangs` when there was no answer.
    @discardableResult
    public func probe(by deadline: BootInstant) async -> ProbeReport {
        giveUpWhenOverdue()
        if attempt == nil { begin() }
        let (finished, continuation) = AsyncStream<Void>.makeStream()
        waiting.append(continuation)
        let number = attempt?.number
        _ = try? await withDeadline(deadline, on: clock, waitingFor: "the probe") {
            for await _ in finished {}
            try Task.checkCancellation()
        }
        continuation.finish()
        if attempt == nil { waiting = [] }
        if let attempt, attempt.number == number, !Task.isCancelled {
            take(.hangs(attempt.phase), began: attempt.began)
        }
        return report
    }

    /// Probes again and again until the task is cancelled.
    /// - Parameters:
    ///   - interval: from the end of one probe to the next.
    ///   - limit: how long one may take before it counts as hanging.
    ///   - changed: called after each probe whose outcome is of another kind than the one before.
    public func run(
        every interval: Duration, limit: Duration, changed: @Sendable (ProbeReport) async -> Void
    ) async {
        while !Task.isCancelled {
            let before = report.outcome
            let now = await probe(by: clock.now + limit)
            if !now.outcome.isLike(before) { await changed(now) }
            try? await clock.sleep(until: clock.now + interval, tolerance: nil)
        }
    }

    // MARK: parts

    private func giveUpWhenOverdue() {
        guard let attempt, clock.now - attempt.began > Self.patience else { return }
        attempt.task?.cancel()
        self.attempt = nil
    }

    private func begin() {
        attempts += 1
        let number = attempts
        attempt = Attempt(number: number, began: clock.now)
        attempt?.task = Task {
            let outcome = await self.examine(number)
            self.ended(number, outcome)
        }
    }

    private func ended(_ number: Int, _ outcome: ProbeReport.Outcome) {
        // One that was given up has nothing to say any more.
        guard let attempt, attempt.number == number else { return }
        self.attempt = nil
        take(outcome, began: attempt.began)
        for continuation in waiting { continuation.finish() }
        waiting = []
    }

    private func take(_ outcome: ProbeReport.Outcome, began: BootInstant) {
        let now = clock.now
        let since = outcome.isLike(report.outcome) ? report.since : began
        if !outcome.isLike(report.outcome) {
            log.debug("probe: \(outcome)")
        }
        report = ProbeReport(outcome: outcome, since: since, at: now, took: now - began)
    }

    private func reached(_ phase: ProbeReport.Phase, _ number: Int) {
        if attempt?.number == number { attempt?.phase = phase }
    }

    private func examine(_ number: Int) async -> ProbeReport.Outcome {
        let end = clock.now + Self.patience
        do {
            let connection = try await PostgresConnection.connect(
                settings.localConnection(application: "pgadopt-probe", options: ServerSettings.neverWaiting),
                by: end, clock: clock)
            reached(.asking, number)
            let state = try await connection.query(Self.stateSQL, by: end)
            let outcome: ProbeReport.Outcome
            if state.value("recovery") == "t" {
                outcome = .replays(
                    state.value("replayed").flatMap { LSN($0) }, isPaused: state.value("paused") == "t")
                lastFlushed = nil
            } else {
                reached(.writing, number)
                try await proveWriting(state, on: connection, by: end)
                outcome = .writes
            }
            await connection.close()
            reached(.writing, number)
            if let complaint = await disk.complaint() { return .refused(complaint) }
            return outcome
        } catch let error as PostgresError {
            return Self.outcome(of: error)
        } catch {
            return .busy("\(error)")
        }
    }

    private func proveWriting(_ state: QueryResult, on connection: PostgresConnection, by end: BootInstant) async throws {
        guard let flushed = state.value("flushed").flatMap({ LSN($0) }),
            let inserted = state.value("inserted").flatMap({ LSN($0) })
        else { return }
        if let lastFlushed, flushed > lastFlushed {
            self.lastFlushed = flushed
            return
        }
        let interval =
            state.value("archive_timeout") == "0" ? Self.idleWriteInterval : Self.idleWriteIntervalWhenArchiving
        if inserted <= flushed, let lastWrite, clock.now - lastWrite < interval { return }
        _ = try await connection.query(Self.writeSQL, by: end)
        lastWrite = clock.now
        // What follows is compared with what was flushed before the message: our own write proves it as well.
        lastFlushed = max(flushed, inserted)
    }

    private static func outcome(of error: PostgresError) -> ProbeReport.Outcome {
        switch error.code {
        case .server:
            // A shutdown that catches the probe is no failure of the server.
            let isEnding = error.sqlState?.hasPrefix("57P") ?? false
            return isEnding ? .busy(error.message) : .refused("\(error)")
        case .cannotConnect, .connectionLost:
            if error.isCannotConnectNow { return .busy(error.message) }
            let full = ["connection slots", "too many clients", "too many connections"]
            if full.contains(where: error.message.contains) { return .busy(error.message) }
            return .absent(error.message)
        case .deadline: return .hangs(.connecting)
        case .unsupported: return .busy(error.message)
        }
    }

    private static let stateSQL = """
        select pg_catalog.pg_is_in_recovery() as recovery,
          case when pg_catalog.pg_is_in_recovery() then null
            else pg_catalog.pg_current_wal_flush_lsn() end as flushed,
          case when pg_catalog.pg_is_in_recovery() then null
            else pg_catalog.pg_current_wal_insert_lsn() end as inserted,
          case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn() end as replayed,
          case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_is_wal_replay_paused() end as paused,
          (select s.setting from pg_catalog.pg_settings s where s.name = 'archive_timeout') as archive_timeout
        """

    static let writeSQL = "select pg_catalog.pg_logical_emit_message(true, 'pgadopt', 'probe')"
}
