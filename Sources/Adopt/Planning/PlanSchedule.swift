/// When each step is expected to run: what is free to run runs at once, as `apply` does it.
public struct PlanSchedule: Equatable, Sendable {
    public struct Entry: Equatable, Sendable {
        public var step: PlannedStep
        /// Since the start of `apply`.
        public var start: Duration
        public var end: Duration
    }

    /// In the plan's order.
    public var entries: [Entry]
    public var total: Duration

    public init(_ steps: [PlannedStep]) {
        var ends: [String: Duration] = [:]
        var hostEnds: [String: Duration] = [:]
        entries = steps.map { step in
            // Everything it needs is done, and no earlier step of its host is open.
            let needed = step.prerequisites + (step.awaits ?? [])
            let start = needed.compactMap { ends[$0] }.reduce(hostEnds[step.host] ?? .zero, max)
            let end = start + step.estimate.duration
            ends[step.id] = end
            hostEnds[step.host] = end
            return Entry(step: step, start: start, end: end)
        }
        total = entries.map(\.end).max() ?? .zero
    }
}
