import PostgresModel

/// What happens while a plan is carried out; rendered by Report.
public enum ApplyEvent: Equatable, Sendable {
    case started(cluster: String, steps: Int, resumed: Bool)
    case stepStarted(PlannedStep, number: Int, of: Int)
    case stepSkipped(PlannedStep, number: Int, of: Int)
    case progress(stepID: String, StepProgress)
    /// Something a person wants to know, said by a step.
    case note(stepID: String, String)
    case stepDone(PlannedStep, number: Int, of: Int, took: Duration)
    case stepFailed(PlannedStep, message: String)
    case finished(steps: Int, took: Duration)
}

/// How far a long step is.
public struct StepProgress: Equatable, Sendable {
    public var bytes: ByteCount
    /// Nil: not known.
    public var total: ByteCount?
    /// Bytes per second over the last seconds.
    public var rate: ByteCount?
    public var remaining: Duration?
    /// What limits the rate, or the phase, such as `waiting for checkpoint`.
    public var phase: String?

    public init(
        bytes: ByteCount, total: ByteCount? = nil, rate: ByteCount? = nil, remaining: Duration? = nil,
        phase: String? = nil
    ) {
        self.bytes = bytes
        self.total = total
        self.rate = rate
        self.remaining = remaining
        self.phase = phase
    }
}
