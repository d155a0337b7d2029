/// Something the local PostgreSQL could not be brought to do.
public struct ServerError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: Equatable, Sendable {
        /// The operation does not fit the state: already running, not running, in recovery.
        case wrongState
        /// A program of PostgreSQL failed or could not be started.
        case programFailed
        /// Another member cannot be reached; nothing was changed here.
        case unavailable
        /// It did not happen in time.
        case deadline
        /// A file or directory could not be read or changed.
        case files
        /// A setting of the owner's stands above ours.
        case overridden
        /// A program of the operator's says no.
        case refused
        /// The data directory of another version, or output we do not understand.
        case unsupported
    }

    public var code: Code
    /// What happened, what it means and what to do; no secrets.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
