import Planning
import Shell

/// A member leaves. On its own host nothing is removed: with the agent's start it is a member again.
struct LeaveStep: Step {
    var change: LeaveChange

    func isDone(_ context: StepContext) async throws -> Bool { false }

    func apply(_ context: StepContext) async throws {
        try await refuseLeader(context)
        if !change.isGone {
            try await refuseWritable(context)
            try await context.run(
                "stopping \(change.unit)", "systemctl disable --now \(quoted(change.unit)) 2>/dev/null || :",
                deadline: .seconds(660))
            try await context.endGuard(of: change.unit)
            try await context.stopStandby(
                change.dataDirectory, binDirectory: change.binDirectory, osUser: change.osUser)
        }
        try await deleteMember(context)
        try await dropSlot(context)
        context.note(
            change.isGone
                ? "\(change.member) is out. Should its host ever start again: it must not, with that agent enabled"
                : "\(change.member) is out; its data in \(change.dataDirectory) and the files of the adoption "
                    + "stay there")
    }

    private func refuseLeader(_ context: StepContext) async throws {
        let key = change.storePrefix + "leader"
        guard try await context.environment.store.read(prefix: key)[key] == change.member else { return }
        throw ExecutionError(
            .conflict, host: change.member, "\(change.member) leads the cluster and cannot leave",
            remedy: "Switch over first (pgadopt switchover), then make a new plan.")
    }

    /// What is stopped here must be a copy, whatever has happened since the plan.
    private func refuseWritable(_ context: StepContext) async throws {
        let directory = quoted(change.dataDirectory)
        let isCopy = try await context.tryRun(
            "! [ -e \(directory)/postmaster.pid ] || [ -e \(directory)/standby.signal ] || "
                + "[ -e \(directory)/recovery.conf ]")
        guard isCopy.succeeded else {
            throw ExecutionError(
                .conflict, host: context.host,
                "the server in \(change.dataDirectory) is no standby; nothing was stopped",
                remedy: "Look at pgadopt status, then make a new plan.")
        }
    }

    /// The key of an agent that was killed goes with its lease; one that still lives writes it anew.
    private func deleteMember(_ context: StepContext) async throws {
        let key = "\(change.storePrefix)members/\(change.member)"
        let store = context.environment.store
        if let value = try await store.read(prefix: key)[key] { try await store.delete(key, ifValue: value) }
    }

    /// Ours by its name. The walsender of a host that has vanished holds it until wal_sender_timeout.
    private func dropSlot(_ context: StepContext) async throws {
        let name = sqlLiteral(change.slot)
        do {
            _ = try await context.poll("the end of \(change.member)'s stream", within: .seconds(90)) { () -> Bool? in
                let count = try await sql(
                    "SELECT count(*) FROM pg_replication_slots WHERE slot_name = \(name) AND active;", context)
                return count == "0" ? true : nil
            }
        } catch let error as ExecutionError where error.code == .timeout {
            throw ExecutionError(
                .conflict, host: change.member, "it still streams from \(change.primaryHost): it is not gone",
                remedy: "Stop its agent and its server, or make it reachable and plan again without --gone.")
        }
        let found = try await sql(
            "SELECT slot_type FROM pg_replication_slots WHERE slot_name = \(name);", context)
        guard found == "physical" else { return }
        try await context.willMake("dropped-slot", change.slot)
        _ = try await sql(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                + "WHERE slot_name = \(name) AND slot_type = 'physical' AND NOT active;", context)
        context.note(
            "the agents keep the slot of a member that was there lately: \(change.slot) may come back for "
                + "member_slots_ttl (30 minutes), and then goes by itself")
    }

    private func sql(_ text: String, _ context: StepContext) async throws -> String {
        try await context.sql(
            text, on: change.primaryHost, change.primary, purpose: "looking at the slot \(change.slot)")
    }

    func undo(_ context: StepContext) async throws {
        if change.isGone { return }
        if await context.made("dropped-slot").contains(change.slot) {
            let name = sqlLiteral(change.slot)
            _ = try await sql(
                "SELECT pg_create_physical_replication_slot(\(name), true) WHERE NOT EXISTS ("
                    + "SELECT FROM pg_replication_slots WHERE slot_name = \(name));", context)
        }
        try await context.run(
            "starting \(change.unit)", "systemctl enable --quiet --now \(quoted(change.unit))", deadline: .seconds(60))
    }
}
