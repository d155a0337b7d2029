import Planning
import Shell

/// The replica's slot on the primary; it keeps WAL from before the base backup begins.
struct SlotStep: Step {
    var change: SlotChange

    func isDone(_ context: StepContext) async throws -> Bool { try await kind(context) == "physical" }

    func apply(_ context: StepContext) async throws {
        switch try await kind(context) {
        case "physical":
            // The agent makes its members' slots too, and may have been quicker.
            return
        case "":
            try await context.willMake("slot", change.slot)
            do {
                _ = try await context.sql(
                    "SELECT pg_create_physical_replication_slot(\(sqlLiteral(change.slot)), true);",
                    on: change.primaryHost,
                    change.server, purpose: "creating the slot \(change.slot)")
            } catch {
                guard try await kind(context) == "physical" else { throw error }
            }
        default:
            throw ExecutionError(
                .conflict, host: change.primaryHost,
                "a logical slot named \(change.slot) exists, and the replica \(change.member) needs that name",
                remedy: "Rename the host in the inventory.")
        }
    }

    private func kind(_ context: StepContext) async throws -> String {
        try await context.sql(
            "SELECT slot_type FROM pg_replication_slots WHERE slot_name = \(sqlLiteral(change.slot));",
            on: change.primaryHost, change.server, purpose: "looking for the slot \(change.slot)")
    }

    func undo(_ context: StepContext) async throws {
        guard await context.made("slot").contains(change.slot) else { return }
        _ = try await context.sql(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                + "WHERE slot_name = \(sqlLiteral(change.slot)) AND slot_type = 'physical' AND NOT active;",
            on: change.primaryHost, change.server, purpose: "dropping the slot \(change.slot)")
    }
}
