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

    /// One round beside a running copy.
    private func accompany(_ watch: inout CopyWatch, _ context: StepContext) async throws {
        let wal = await lookAtWAL(context)
        if let reason = wal.flatMap({ watch.budget.reason($0) }) { throw try await stop(because: reason, context) }
        let seen = try? await change.restore == nil
            ? progress(&watch, context) : restoreProgress(context, &watch.meter)
        // Not the mean of ten seconds: the rate may have been another one until just now.
        await judge(&watch, rate: seen == nil ? nil : watch.meter.latest ?? 0, context)
        // Asked again in the next round.
        try? await give(&watch, context)
        if var seen {
            if let words = words(wal, watch) { seen.phase = (seen.phase ?? "") + "; " + words }
            context.progress(seen)
        }
        let pause: Duration =
            watch.pace != nil ? .milliseconds(500) : watch.meter.isYoung ? .milliseconds(250) : .seconds(2)
        try await context.environment.sleep(pause)
    }

    private func progress(_ watch: inout CopyWatch, _ context: StepContext) async throws -> StepProgress? {
        // pg_stat_progress_basebackup: PostgreSQL 13 and later.
        let row = try await context.sql(
            "SELECT b.phase, b.backup_streamed, coalesce(b.backup_total, 0), coalesce(a.wait_event_type, ''), "
                + "coalesce(a.wait_event, ''), (SELECT string_agg(s.pid::text, ' ') FROM pg_stat_activity s "
                + "WHERE s.application_name = a.application_name) FROM pg_stat_progress_basebackup b JOIN pg_stat_activity a USING (pid) "
                + "WHERE a.application_name = \(sqlLiteral(script.applicationName));",
            on: watch.source.host, watch.source.server, purpose: "asking for the copy's progress")
        let columns = row.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        guard columns.count == 6, let streamed = Int64(columns[1]), let total = Int64(columns[2]) else { return nil }
        await giveWay(columns[5].split(separator: " ").compactMap { Int($0) }, &watch, context)
        if streamed > 0, let sending = CopyEnds.Sending(type: columns[3]) { watch.ends.see(sending) }
        let expected = total > 0 ? total : change.size.rawValue
        let rate = watch.meter.rate(streamed, at: context.environment.now())
        let remaining = rate > 0 && streamed > 0 ? Duration.seconds(max(0, expected - streamed) / rate) : nil
        return StepProgress(
            bytes: ByteCount(streamed), total: ByteCount(expected), rate: rate > 0 ? ByteCount(rate) : nil,
            remaining: remaining, phase: columns[0])
    }

    /// Those that send from the primary let its clients go first.
    private func giveWay(_ senders: [Int], _ watch: inout CopyWatch, _ context: StepContext) async {
        let new = Set(senders).subtracting(watch.senders)
        guard watch.pace != nil, watch.source.host == change.sourceHost, !new.isEmpty else { return }
        let lowered = try? await context.run(
            on: watch.source.host, "lowering the priority of the copy's senders",
            SenderPriority.set(SenderPriority.low, of: new.sorted()))
        if lowered != nil { watch.senders.formUnion(new) }
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
