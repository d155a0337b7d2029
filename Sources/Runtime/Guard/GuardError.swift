/// The guard could not be reached, or would not do it.
public struct GuardError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: Equatable, Sendable {
        /// No guard, or it ended while it was asked.
        case absent
        /// It did not answer in time.
        case deadline
        case refused(GuardMachine.Refusal)
        /// It could not be started.
        case cannotStart
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

extension GuardMachine.Refusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notRunning: "that postmaster does not run"
        case .notArmed: "no postmaster is under guard"
        case .fencing: "the deadline has passed and the postmaster is being stopped"
        case .notOwner: "another agent has taken the guard over"
        case .armed: "a postmaster is under guard"
        }
    }
}
