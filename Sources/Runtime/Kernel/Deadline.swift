import Timekeeping

/// A wait that ran into its deadline.
public struct DeadlineExceeded: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was waited for.
    public var waitingFor: String

    public init(waitingFor: String) { self.waitingFor = waitingFor }

    public var description: String { "no end by the deadline: \(waitingFor)" }
}

/// Runs `body` until `deadline` on `clock`, cancels it then, waits for it to give way, and throws `DeadlineExceeded`.
/// `body` must heed cancellation: it is awaited either way.
public func withDeadline<Result: Sendable>(
    _ deadline: BootInstant, on clock: any BootTimeClock, waitingFor purpose: String,
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await clock.sleep(until: deadline, tolerance: nil)
            return nil
        }
        defer { group.cancelAll() }
        // The first to end decides; a body that ended in the same moment as the clock wins if it is first.
        guard let first = try await group.next(), let result = first else {
            throw DeadlineExceeded(waitingFor: purpose)
        }
        return result
    }
}
