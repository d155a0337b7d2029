import Planning
import Shell

/// The operator's own command. Only the operator knows whether it is done, so it runs once in a plan, and again when
/// it was cut off.
struct RunStep: Step {
    var change: RunChange

    func isDone(_ context: StepContext) async throws -> Bool { false }

    func apply(_ context: StepContext) async throws {
        // Before the effect: undo must run even if this is killed in the middle.
        try await context.willMake("run", change.name)
        try await run(change.command, "the playbook's command \(change.name) (\(change.place))", context)
    }

    func undo(_ context: StepContext) async throws {
        guard let undo = change.undo, await !context.made("run").isEmpty else { return }
        try await run(undo, "the undo command of \(change.name) (\(change.place))", context)
    }

    private func run(_ script: String, _ purpose: String, _ context: StepContext) async throws {
        // The script comes on standard input, so that nothing of it shows in process lists, and is read whole before
        // it begins: its own standard input is empty, and a full /tmp does not matter. What it prints goes to the
        // operator, errors too.
        let command = "cd / && s=$(cat) && exec </dev/null 2>&1 && eval \"$s\""
        let result = try await context.tryRun(
            command, as: .user(change.user), standardInput: Array(script.utf8), deadline: .seconds(change.timeout))
        let lines = result.output.split(separator: "\n").suffix(20).joined(separator: "\n")
        guard result.succeeded else {
            throw ExecutionError(
                .commandFailed, host: context.host,
                "\(purpose) ended with code \(result.status)" + (lines.isEmpty ? "" : ": \(lines)"),
                remedy: "It runs again when the same command is run again.")
        }
        if !lines.isEmpty { context.note("\(change.name): \(lines)") }
    }
}

/// Stops until a person says go on: on a terminal by an answer, elsewhere by `apply --continue`.
struct PauseStep: Step {
    var change: PauseChange

    func isDone(_ context: StepContext) async throws -> Bool { false }

    func apply(_ context: StepContext) async throws {
        let wasHere = await !context.made("pause").isEmpty
        try await context.willMake("pause", change.name)
        // --continue is for the pause that a person has seen, not for one that comes later.
        if wasHere, context.environment.continuesAfterPause { return }
        guard await context.environment.confirmPause(change) else {
            throw ExecutionError(
                .paused, host: context.host, "paused: \(change.message)",
                remedy: "Go on with: pgadopt apply PLAN --continue")
        }
    }

    func undo(_ context: StepContext) async throws {}
}
