import Planning
import PostgresModel
import Shell

/// Waits until a replica streams and has replayed what was written when the wait began. Under load the lag is
/// never zero: catching up with a fixed position is what can be proved.
struct StreamingStep: Step {
    var check: StreamingCheck

    func isDone(_ context: StepContext) async throws -> Bool { false }

    func apply(_ context: StepContext) async throws {
        let catchUp = CatchUp(of: check.member, context)
        var senders: Set<Int> = []
        do {
            try await wait(lowering: catchUp == nil ? nil : { sender in
                guard senders.insert(sender).inserted else { return }
                await set(SenderPriority.low, [sender], context)
            }, context)
        } catch {
            await set(SenderPriority.normal, senders, context)
            throw error
        }
        await set(SenderPriority.normal, senders, context)
        await catchUp?.end(context)
    }

    /// What is not lowered any more is not worth failing for; a sender's successor is an ordinary process.
    private func set(_ priority: Int, _ senders: Set<Int>, _ context: StepContext) async {
        if senders.isEmpty { return }
        _ = try? await context.run(
            on: check.primaryHost, "setting the priority of a sender", SenderPriority.set(priority, of: senders.sorted()))
    }

    /// - Parameter lower: told of the process that sends, while it still sends what the standby lacks.
    private func wait(lowering lower: ((Int) async -> Void)?, _ context: StepContext) async throws {
        let target = try await sql("SELECT pg_current_wal_lsn();", context)
        var words = "not connected"
        var looks = 0
        var sign = context.environment.now()
        // What a backup lacks comes from the archive first.
        var watch = RecoveryWatch(dataDirectory: context.plan.copy(on: check.member)?.dataDirectory)
        while true {
            let row = try await sql(
                "SELECT r.state, coalesce(r.replay_lsn >= \(sqlLiteral(target))::pg_lsn, false), "
                    + "coalesce(pg_wal_lsn_diff(\(sqlLiteral(target))::pg_lsn, r.replay_lsn), 0)::bigint, r.pid "
                    + "FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid "
                    + "WHERE (s.slot_name = \(sqlLiteral(slotName(forMember: check.member))) "
                    + "OR r.application_name = \(sqlLiteral(check.member))) "
                    + "AND r.application_name NOT LIKE 'pgadopt build %' ORDER BY r.pid DESC LIMIT 1;", context)
            let columns = row.split(separator: "|")
            if columns.count == 4 {
                words = String(columns[0])
                if words != "streaming", let sender = Int(columns[3]) { await lower?(sender) }
                if columns[0] == "streaming", columns[1] == "t" { break }
                context.progress(StepProgress(
                    bytes: ByteCount(Int64(columns[2]).map { max(0, $0) } ?? 0), phase: "to replay, \(words)"))
            }
            // Replaying the WAL of a long copy takes its time; only silence is an error.
            let limit: Duration = columns.count == 4 ? .seconds(3600) : .seconds(120)
            if columns.count != 4, await watch.hasMoved(context) { sign = context.environment.now() }
            guard context.environment.now() < sign + limit else {
                throw ExecutionError(
                    .timeout, host: context.host, "\(check.member) does not stream from \(check.primaryHost): \(words)",
                    remedy: "Look at the server's log on \(context.host), then run the same command again.")
            }
            // Soon at first, when a small cluster's standby arrives at once; then seldom, since each look costs the primary.
            looks += 1
            try await context.environment.sleep(looks < 5 ? .milliseconds(250) : .seconds(1))
        }
        context.note("\(check.member) streams and has replayed everything up to \(target)")
    }

    private func sql(_ text: String, _ context: StepContext) async throws -> String {
        try await context.sql(text, on: check.primaryHost, check.primary, purpose: "asking how far \(check.member) is")
    }

    func undo(_ context: StepContext) async throws {}
}
