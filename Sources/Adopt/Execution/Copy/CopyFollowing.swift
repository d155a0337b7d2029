import Planning
import PostgresModel
import Shell

extension BaseBackupStep {
    /// Waits for the end, with progress from the source's own view. A lost connection is tried again for a minute; the
    /// copy itself does not notice.
    func follow(_ watch: inout CopyWatch, _ context: StepContext) async throws {
        while true {
            guard let state = try await look(&watch, context) else { continue }
            switch state {
            case .ended(code: 0, _, _):
                context.progress(StepProgress(bytes: change.size, total: change.size, phase: "copied"))
                return
            case .ended(let code, _, let log):
                throw ExecutionError(
                    .commandFailed, host: context.host, "\(script.programName) ended with code \(code): \(log)",
                    remedy:
                        "Remedy what it says and run the same command again: only the directory it made is used anew.")
            case .none:
                throw ExecutionError(
                    .commandFailed, host: context.host, "\(script.programName) has disappeared: was the host restarted?")
            case .running(_, let receiving):
                watch.ends.see(receiving)
                try await accompany(&watch, context)
            }
        }
    }

    /// Nil: it could not be asked just now.
    private func look(_ watch: inout CopyWatch, _ context: StepContext) async throws -> State? {
        do {
            let state = try await self.state(context)
            watch.failures = 0
            return state
        } catch let error as ExecutionError where error.code == .commandFailed {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            watch.failures += 1
            if watch.failures > 20 { throw error }
            try await context.environment.sleep(.seconds(3))
            return nil
        }
    }

    /// One round beside a running copy. Each question costs the primary some 20 ms of a processor, for a connection and
    /// the programs that make it: so one psql asks for both the progress and the latency, and for the WAL less often.
    private func accompany(_ watch: inout CopyWatch, _ context: StepContext) async throws {
        if watch.isWALDue(at: context.environment.now()) {
            watch.wal = await lookAtWAL(context)
            if let reason = watch.wal.flatMap({ watch.budget.reason($0) }) { throw try await stop(because: reason, context) }
        }
        let seen = try? await change.restore == nil
            ? progress(&watch, context) : restoreProgress(context, &watch.meter)
        // Asked again in the next round.
        try? await give(&watch, context)
        if var seen {
            if let words = words(watch.wal, watch) { seen.phase = (seen.phase ?? "") + "; " + words }
            context.progress(seen)
        }
        let pause: Duration = watch.pace != nil ? .seconds(1) : watch.meter.isYoung ? .milliseconds(250) : .seconds(2)
        try await context.environment.sleep(pause)
    }

    /// pg_stat_progress_basebackup: PostgreSQL 13 and later.
    private var progressQuery: String {
        "SELECT b.phase, b.backup_streamed, coalesce(b.backup_total, 0), coalesce(a.wait_event_type, ''), "
            + "coalesce(a.wait_event, ''), (SELECT string_agg(s.pid::text, ' ') FROM pg_stat_activity s "
            + "WHERE s.application_name = a.application_name), "
            + "CASE WHEN pg_is_in_recovery() THEN 0 ELSE (pg_current_wal_lsn() - '0/0')::bigint END "
            + "FROM pg_stat_progress_basebackup b "
            + "JOIN pg_stat_activity a USING (pid) "
            + "WHERE a.application_name = \(sqlLiteral(script.applicationName));\n"
    }

    private func progress(_ watch: inout CopyWatch, _ context: StepContext) async throws -> StepProgress? {
        let isFromPrimary = watch.source.host == change.sourceHost
        let looks = watch.pace != nil && isFromPrimary
        let output = try await context.sql(
            (looks ? LatencyProbe.statements : "") + progressQuery, on: watch.source.host, watch.source.server,
            purpose: "asking for the copy's progress")
        let row = output.split(separator: "\n").last { $0.contains("|") }
        let seen = row.flatMap { read($0, &watch, context) }
        // Not the mean of ten seconds: the rate may have been another one until just now.
        let rate = seen == nil ? nil : watch.meter.latest ?? 0
        if looks {
            _ = watch.pace?.next(LatencyProbe.window(output), measured: rate, at: context.environment.now())
        } else {
            await judge(&watch, rate: rate, context)
        }
        if looks, let row { await giveWay(row.split(separator: "|", omittingEmptySubsequences: false), &watch, context) }
        return seen
    }

    private func read(_ row: Substring, _ watch: inout CopyWatch, _ context: StepContext) -> StepProgress? {
        let columns = row.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        guard columns.count == 7, let streamed = Int64(columns[1]), let total = Int64(columns[2]) else { return nil }
        if streamed > 0, let sending = CopyEnds.Sending(type: columns[3]) { watch.ends.see(sending) }
        let expected = total > 0 ? total : change.size.rawValue
        let rate = watch.meter.rate(streamed, at: context.environment.now())
        let remaining = rate > 0 && streamed > 0 ? Duration.seconds(max(0, expected - streamed) / rate) : nil
        return StepProgress(
            bytes: ByteCount(streamed), total: ByteCount(expected), rate: rate > 0 ? ByteCount(rate) : nil,
            remaining: remaining, phase: columns[0])
    }

    /// What sends from the primary lets its clients go first, and the WAL comes not much faster than it is written.
    private func giveWay(_ columns: [Substring], _ watch: inout CopyWatch, _ context: StepContext) async {
        guard columns.count == 7, watch.pace != nil else { return }
        let new = Set(columns[5].split(separator: " ").compactMap { Int($0) }).subtracting(watch.senders)
        if !new.isEmpty {
            let lowered = try? await context.run(
                on: watch.source.host, "lowering the priority of the copy's senders",
                SenderPriority.set(SenderPriority.low, of: new.sorted()))
            if lowered != nil { watch.senders.formUnion(new) }
        }
        guard watch.pace?.before != nil, let position = Int64(columns[6]) else { return }
        _ = watch.walMeter.rate(position, at: context.environment.now())
        let rate = CatchUp.rate(whileWritten: watch.walMeter.latest ?? 0)
        if let given = watch.givenWAL, abs(rate - given) <= given / 4 { return }
        let told = try? await context.run("setting the rate of the copy's WAL", script.give(walRate: rate))
        if told != nil { watch.givenWAL = rate }
    }

    /// What a person wants to know of the rate, and of the WAL that is kept meanwhile.
    private func words(_ wal: WALBudget.Look?, _ watch: CopyWatch) -> String? {
        var words: [String] = []
        if watch.pace?.isListening == true {
            words.append("held for some seconds, to measure the primary's latency without it")
        } else if let limit = watch.ends.limit(
            rate: watch.meter.latest, maxRate: change.maxRate, pace: watch.pace)
        {
            words.append(limit.words)
        } else if let most = change.maxRate {
            words.append("below max_rate \(ByteCount(most))/s")
        }
        if let wal, wal.kept > ByteCount(64 << 20) { words.append("keeps \(wal.kept) of WAL, \(wal.free) free") }
        return words.isEmpty ? nil : words.joined(separator: "; ")
    }
}
