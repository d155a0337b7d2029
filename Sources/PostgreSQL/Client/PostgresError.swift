/// A conversation with PostgreSQL that failed. The text never holds a password.
public struct PostgresError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: Equatable, Sendable {
        /// No connection: refused, unknown host, login failed, server starting up (`sqlState` tells 57P03).
        case cannotConnect
        /// The connection broke, or was closed.
        case connectionLost
        /// The server answered with an error; `sqlState` says which.
        case server
        /// The deadline came first.
        case deadline
        /// The server answered with something this client does not speak (COPY).
        case unsupported
    }

    public var code: Code
    /// PostgreSQL's five-character error code (appendix A of its manual).
    public var sqlState: String?
    /// The primary message, without detail and hint.
    public var message: String

    public init(_ code: Code, sqlState: String? = nil, _ message: String) {
        self.code = code
        self.sqlState = sqlState
        self.message = message
    }

    public var description: String { sqlState.map { "\(message) (SQLSTATE \($0))" } ?? message }

    /// 57P03: the server is there and does not accept connections now (starting, stopping, in recovery).
    public var isCannotConnectNow: Bool {
        sqlState == "57P03" || (code == .cannotConnect && Self.startupMessages.contains { message.contains($0) })
    }

    /// libpq keeps no SQLSTATE of a failed connection, only its text; the agent's connections ask for English.
    private static let startupMessages = [
        "the database system is starting up", "the database system is shutting down",
        "the database system is in recovery mode", "the database system is not yet accepting connections",
        "the database system is not accepting connections",
    ]
}
