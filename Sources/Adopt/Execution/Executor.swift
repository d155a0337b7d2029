import Facts
import Planning
import Shell

/// Carries a plan out: re-checks what it relies on, then runs its steps, each journalled before and after its
/// effect. Steps wait for their prerequisites and for the step before them on their own host; what then is free
/// to run runs at the same time, so replicas are built side by side.
public struct Executor: Sendable {
    public var plan: Plan
    public var environment: ExecutionEnvironment

    public init(plan: Plan, environment: ExecutionEnvironment) {
        self.plan = plan
        self.environment = environment
    }

    /// - Parameters:
    ///   - survey: a fresh read-only survey of the cluster.
    ///   - report: called with what happens; from several tasks.
    /// - Throws: ``ExecutionError`` at the first failure, or CancellationError. Either way the same call continues.
    public func run(
        survey: @Sendable () async throws -> ClusterFacts, report: @escaping @Sendable (ApplyEvent) -> Void
    ) async throws {
        if let blocker = plan.blockers.first {
            throw ExecutionError(
                .blocked, host: blocker.host, "\(blocker.name): \(blocker.summary)",
                remedy: "Remedy it, or waive it with --waive \(blocker.name), and make a new plan.")
        }
        let journal = try await Journal.open(plan: plan, environment: environment)
        let begun = await journal.begun()
        try await refuseLocked(journal, report)
        try refuseOutsideWindow(begun)
        try await refuseDrift(survey, begun)
        try await keepPlan()
        let started = environment.now()
        report(.started(cluster: plan.cluster, steps: plan.steps.count, resumed: !begun.isEmpty))
        try await runSteps(journal, report)
        report(.finished(steps: plan.steps.count, took: environment.now() - started))
    }

    /// A restart outside its window is refused before anything is written; one that was begun knows itself.
    private func refuseOutsideWindow(_ begun: Set<String>) throws {
        for step in plan.steps where !begun.contains(step.id) {
            guard case .restart(let change) = step.kind else { continue }
            try RestartStep.refuse(change, outside: environment.timestamp(), step.host)
        }
    }

    /// A copy of the plan beside the journal on the primary: with both, `release` needs no file of the operator's.
    private func keepPlan() async throws {
        guard let shell = environment.shells[plan.primary.host] else { return }
        let path = Layout(scope: plan.cluster).plan(plan.digest)
        let result = try await shell.run(
            """
            umask 022; p=\(quoted(path))
            [ -e "$p" ] || { mkdir -p "$(dirname "$p")" && cat > "$p.new" && sync "$p.new" && mv "$p.new" "$p"; }
            """,
            as: .root, standardInput: try plan.encoded())
        guard result.succeeded else {
            throw ExecutionError(.commandFailed, host: shell.hostName, "\(path) cannot be written\(result.words)")
        }
    }

    /// Before anything else: what another run is changing just now would look like drift.
    private func refuseLocked(
        _ journal: Journal, _ report: @escaping @Sendable (ApplyEvent) -> Void
    ) async throws {
        for step in plan.steps {
            guard case .lock(let change) = step.kind else { continue }
            try await LockStep(change: change).refuseOthers(context(step, journal, report))
        }
    }

    private func refuseDrift(_ survey: @Sendable () async throws -> ClusterFacts, _ begun: Set<String>) async throws {
        let facts = try await survey()
        if let gone = facts.unreachable.first(where: { host in plan.steps.contains { $0.host == host.host } }) {
            throw ExecutionError(.drift, host: gone.host, gone.reason)
        }
        let now = Fingerprints(spec: plan.spec, facts: facts)
        let drift = plan.fingerprints.drift(to: now, begun: plan.steps.filter { begun.contains($0.id) })
        guard drift.isEmpty else {
            throw ExecutionError(
                .drift,
                "the world is not that of the plan any more:\n" + drift.map { "  \($0)" }.joined(separator: "\n"),
                remedy: "Nothing was changed now. Make a new plan with pgadopt plan.")
        }
    }

    // MARK: Running

    private func runSteps(_ journal: Journal, _ report: @escaping @Sendable (ApplyEvent) -> Void) async throws {
        let failed = await hostsThatFailed(journal)
        var waiting = Array(plan.steps.indices)
        var done: Set<Int> = []
        try await withThrowingTaskGroup(of: Int.self) { group in
            var running = 0
            while !waiting.isEmpty || running > 0 {
                for index in waiting where isFree(index, done, failed) {
                    waiting.removeAll { $0 == index }
                    running += 1
                    group.addTask {
                        try await run(plan.steps[index], number: index + 1, journal, report)
                        return index
                    }
                }
                guard let index = try await group.next() else { break }
                running -= 1
                done.insert(index)
            }
        }
    }

    /// Nobody waits for these who can do without them.
    private func hostsThatFailed(_ journal: Journal) async -> Set<String> {
        var hosts: Set<String> = []
        for step in plan.steps where await journal.state(of: step.id) == .failed { hosts.insert(step.host) }
        return hosts
    }

    /// Everything it needs is done, and no earlier step of its host is open.
    private func isFree(_ index: Int, _ done: Set<Int>, _ failed: Set<String>) -> Bool {
        let step = plan.steps[index]
        return plan.steps.indices.allSatisfy { other in
            if done.contains(other) || other == index { return true }
            let isNeeded = step.prerequisites.contains(plan.steps[other].id)
                || step.awaits?.contains(plan.steps[other].id) == true && !failed.contains(plan.steps[other].host)
            let isEarlierHere = other < index && plan.steps[other].host == step.host
            return !isNeeded && !isEarlierHere
        }
    }

    private func run(
        _ step: PlannedStep, number: Int, _ journal: Journal, _ report: @escaping @Sendable (ApplyEvent) -> Void
    ) async throws {
        let context = context(step, journal, report)
        let action = step.kind.step
        let count = plan.steps.count
        do {
            let before = await journal.state(of: step.id)
            // A step that was begun and not ended is always carried out again: only it knows what is half done.
            // The lock is never skipped: the one of a former run says nothing about now.
            let mayBeDone = before != .begun && before != .failed && before != .undone
            // The journal first: a step behind it may have made the server unable to answer.
            var isDone = before == .done && isOnceOnly(step)
            if mayBeDone, !isDone { isDone = try await action.isDone(context) }
            if isDone {
                if before != .done { try await journal.write(.done, step.id) }
                report(.stepSkipped(step, number: number, of: count))
                return
            }
            let started = environment.now()
            try await journal.write(.begun, step.id)
            report(.stepStarted(step, number: number, of: count))
            environment.passing(.before(step.id))
            try await action.apply(context)
            environment.passing(.after(step.id))
            try await journal.write(.done, step.id)
            report(.stepDone(step, number: number, of: count, took: environment.now() - started))
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let failure = wrapped(error, step)
            if failure.code == .paused { throw failure }
            report(.stepFailed(step, message: failure.description))
            try? await journal.write(.failed, step.id, what: "error", value: failure.message)
            throw failure
        }
    }

    /// Steps whose effect later steps build on: done once in this plan, they are not done again.
    private func isOnceOnly(_ step: PlannedStep) -> Bool {
        switch step.kind {
        case .secrets, .settings, .configFiles, .upstream, .streaming, .run, .pause: true
        default: false
        }
    }

    private func wrapped(_ error: any Error, _ step: PlannedStep) -> ExecutionError {
        var failure =
            error as? ExecutionError
            ?? ExecutionError(.commandFailed, "\(step.kind.name.rawValue): \(error)")
        if failure.host == nil { failure.host = step.host }
        let again = "Nothing else was started. Run the same command again to continue."
        failure.remedy = failure.remedy.isEmpty ? again : failure.remedy
        return failure
    }

    private func context(
        _ step: PlannedStep, _ journal: Journal, _ report: @escaping @Sendable (ApplyEvent) -> Void
    ) -> StepContext {
        StepContext(step: step, plan: plan, environment: environment, journal: journal, report: report)
    }
}

extension Plan {
    /// The first 16 digits of the SHA-256 of the plan's file: names the plan in journals and locks.
    var digest: String { (try? encoded()).map { String(sha256($0).prefix(16)) } ?? "" }
}

/// The directory a file lies in.
func directory(_ path: String) -> String {
    path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
}
