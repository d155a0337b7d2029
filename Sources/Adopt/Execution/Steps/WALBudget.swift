import Planning
import PostgresModel
import Shell

/// How much WAL a copy may let the primary keep. A copy that takes too long, or a burst of writes, must not fill the
/// disk that the primary writes its WAL to: then the copy ends, not the primary.
struct WALBudget: Equatable, Sendable {
    /// The primary's WAL disk at one moment.
    struct Look: Equatable, Sendable {
        /// What the copy's slot keeps.
        var kept: ByteCount
        var free: ByteCount
        var size: ByteCount
    }

    /// Of what the slot keeps and what is free, this much is for the slot: as for max_slot_wal_keep_size.
    static let share = 0.6
    /// This much of the disk stays free, whoever fills it; but never more than half of what was free at the beginning.
    static let reserve = 0.05

    private var free: ByteCount?

    /// What a slot may keep. The first segments are no burst.
    static func most(_ look: Look) -> ByteCount {
        ByteCount(max(64 << 20, Int64(Double(look.kept.rawValue + look.free.rawValue) * share)))
    }

    /// - Returns: why the copy must end now; nil: it may go on.
    mutating func reason(_ look: Look) -> String? {
        let before = free ?? look.free
        free = before
        let floor = min(Double(look.size.rawValue) * Self.reserve, Double(before.rawValue) / 2)
        if Double(look.free.rawValue) < floor {
            return "\(look.free) are free where the primary writes its WAL, of \(look.size); at least "
                + "\(ByteCount(Int64(floor))) must stay free"
        }
        let most = Self.most(look)
        guard look.kept > most else { return nil }
        return "the slot keeps \(look.kept) of WAL and \(look.free) are free; the budget is \(most)"
    }
}

extension BaseBackupStep {
    /// Nil: the primary does not say, for instance because it cannot be reached just now.
    func lookAtWAL(_ context: StepContext) async -> WALBudget.Look? {
        let kept = try? await context.sql(
            "SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint "
                + "FROM pg_replication_slots WHERE slot_name = \(sqlLiteral(change.slot));",
            on: change.sourceHost, context.plan.primaryLocal, purpose: "asking for the WAL that is kept")
        // The slash leads through a link to another disk.
        let disk = try? await context.run(
            on: change.sourceHost, "asking for the free space",
            "df -P -k -- \(quoted(context.plan.primary.dataDirectory + "/pg_wal/"))")
        let columns = disk?.split(separator: "\n").last?.split(separator: " ") ?? []
        guard let kept = kept.flatMap({ Int64($0) }), columns.count >= 6, let size = Int64(columns[1]),
            let free = Int64(columns[3])
        else { return nil }
        return WALBudget.Look(kept: ByteCount(max(0, kept)), free: ByteCount(free << 10), size: ByteCount(size << 10))
    }

    func isSlotOurs(_ context: StepContext) async -> Bool {
        let step = PlannedStep.id(host: change.member, name: .slot)
        return await context.journal.made(step, "slot").contains(change.slot)
    }

    /// The copy first, then its slot: while somebody uses it, it cannot be dropped.
    func stop(because reason: String, _ context: StepContext) async throws -> ExecutionError {
        try await context.run("ending the copy", script.stop, deadline: .seconds(60))
        let isOurs = await isSlotOurs(context)
        var left = "its slot \(change.slot) was not made by this plan, and stays: drop it, or it goes on keeping WAL"
        if isOurs {
            let name = sqlLiteral(change.slot)
            _ = try await context.poll("the end of the copy on the primary", within: .seconds(60)) { () -> Bool? in
                _ = try await context.sql(
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                        + "WHERE slot_name = \(name) AND slot_type = 'physical' AND NOT active;",
                    on: change.sourceHost, context.plan.primaryLocal, purpose: "dropping the slot \(change.slot)")
                let count = try await context.sql(
                    "SELECT count(*) FROM pg_replication_slots WHERE slot_name = \(name);", on: change.sourceHost,
                    context.plan.primaryLocal, purpose: "looking at the slot \(change.slot)")
                return count == "0" ? true : nil
            }
            left = "its slot was dropped, so that the WAL can go"
        }
        return ExecutionError(
            .blocked, host: change.sourceHost,
            "the copy to \(change.member) was stopped before the disk of \(change.sourceHost) fills: \(reason); "
                + left,
            remedy: "The primary was not disturbed. Make room there, or copy in calmer hours or at a higher rate; then "
                + "run the same command again: it makes the slot anew and starts the copy again.")
    }
}
