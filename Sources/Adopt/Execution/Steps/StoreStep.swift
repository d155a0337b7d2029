import Planning

/// The first keys of the cluster, each only if it does not exist.
struct StoreStep: Step {
    var change: StoreChange

    /// In the journal: a key that was there before us, which a release leaves.
    static let foreignKey = "foreign-key"

    func isDone(_ context: StepContext) async throws -> Bool {
        let keys = try await context.environment.store.read(prefix: change.prefix)
        return change.entries.allSatisfy { keys[change.prefix + $0.key] != nil }
            && keys[change.prefix + "initialize"] == context.plan.primary.systemIdentifier.description
    }

    func apply(_ context: StepContext) async throws {
        for entry in change.entries {
            let key = change.prefix + entry.key
            try await context.willMake("key", key)
            if try await context.environment.store.createOnly(key, entry.value) { continue }
            let existing = try await context.environment.store.read(prefix: key)[key]
            if existing == entry.value { continue }
            if entry.key == "initialize" {
                throw ExecutionError(
                    .conflict,
                    "the store's key \(key) holds \(existing ?? "nothing") and not this cluster's \(entry.value)",
                    remedy:
                        "Another cluster has this name, or had it. "
                        + "Remove its keys if it is gone, or choose another name."
                )
            }
            try await context.journal.write(.made, context.step.id, what: Self.foreignKey, value: key)
            context.note("\(key) exists and is kept as it is")
        }
    }

    /// Only what we wrote and nobody has changed; an agent that leads keeps its cluster.
    func undo(_ context: StepContext) async throws {
        let made = await context.made("key")
        for entry in change.entries.reversed() where made.contains(change.prefix + entry.key) {
            try await context.environment.store.delete(change.prefix + entry.key, ifValue: entry.value)
        }
    }
}
