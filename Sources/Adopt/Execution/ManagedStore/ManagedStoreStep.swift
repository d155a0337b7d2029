import Planning
import Shell

/// Every member answers, and a majority of them agrees on a read.
struct ManagedStoreStep: Step {
    var check: ManagedStoreCheck

    private static let limit = Duration.seconds(90)

    func isDone(_ context: StepContext) async throws -> Bool { false }

    func apply(_ context: StepContext) async throws {
        do {
            _ = try await context.poll("an answer of every member of the store", within: Self.limit) {
                await context.environment.store.silentEndpoints().isEmpty ? true : nil
            }
            _ = try await context.poll("a linearizable read of the store", within: .seconds(30)) {
                try? await context.environment.store.read(prefix: check.prefix)
            }
        } catch let error as ExecutionError where error.code == .timeout {
            throw await explained(error, context)
        }
        context.note("\(check.endpoints.count) members answer; a linearizable read succeeded")
    }

    /// Who is silent, and what those members themselves say about it.
    private func explained(_ error: ExecutionError, _ context: StepContext) async -> ExecutionError {
        var error = error
        let silent = await context.environment.store.silentEndpoints()
        for (endpoint, reason) in silent.sorted(by: { $0.key < $1.key }) {
            error.message += "\n  \(endpoint): \(reason)"
        }
        for (host, unit) in check.units.sorted(by: { $0.key < $1.key }) {
            let log = try? await context.tryRun(
                on: host, "journalctl --no-pager -o cat -n 4 -u \(quoted(unit)) 2>/dev/null", deadline: .seconds(20))
            let lines = log?.output.split(separator: "\n").map { "    \($0.prefix(300))" } ?? []
            if !lines.isEmpty { error.message += "\n  \(unit) on \(host):\n" + lines.joined(separator: "\n") }
        }
        error.remedy = "The members' ports must be open between the hosts and to this machine. "
            + "Then run the same command again to continue."
        return error
    }

    /// First of the acts that take the store away: our own keys are gone by now, and what is left belongs to others.
    func undo(_ context: StepContext) async throws {
        // A store that never came up holds nothing.
        guard await context.journal.state(of: context.step.id) == .done else { return }
        let keys = try await context.environment.store.read(prefix: "/").keys.sorted()
        let others = keys.filter { !$0.hasPrefix(check.prefix) }
        guard others.isEmpty else {
            throw ExecutionError(
                .conflict,
                "the managed store holds \(others.count) keys that are not this cluster's, such as \(others[0])",
                remedy: "Move them to another etcd, or delete them if nobody uses them. "
                    + "Then run the same command again.")
        }
    }
}
