/// Why an apply stopped: which host, what happened, what to do.
public struct ExecutionError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: String, Equatable, Sendable {
        /// The world is not that of the plan.
        case drift
        /// A finding forbids the plan.
        case blocked
        /// Somebody else applies now.
        case locked
        /// A command on a host failed.
        case commandFailed
        /// What was waited for did not come in time.
        case timeout
        /// Something is there that is not ours.
        case conflict
        /// The server that had to run on does not.
        case serverChanged
        /// The journal or another file of the control host cannot be used.
        case localFile
        case store
        /// A pause of the playbook: nothing is wrong, a person is asked for.
        case paused
    }

    public var code: Code
    public var host: String?
    public var message: String
    /// What the person does next; empty: run the same command again.
    public var remedy: String

    public init(_ code: Code, host: String? = nil, _ message: String, remedy: String = "") {
        self.code = code
        self.host = host
        self.message = message
        self.remedy = remedy
    }

    public var description: String {
        let text = (host.map { "\($0): " } ?? "") + message
        return remedy.isEmpty ? text : "\(text)\n\(remedy)"
    }
}
