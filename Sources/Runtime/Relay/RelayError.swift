/// Why a connection is not relayed, or why the relay cannot serve. The message is for the client and for the log:
/// it names files and what was asked for, never what is in a file or a packet beyond that.
public struct RelayError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: Equatable, Sendable {
        /// What came is no PostgreSQL client's first message.
        case malformed
        /// The client would speak without TLS.
        case noTLS
        /// It asks for something else than physical replication.
        case notReplication
        case wrongRole
        case cancelRequest
        /// As many connections as the relay carries at once.
        case tooMany
        /// The server's socket does not answer.
        case serverUnavailable
        /// The server let the login in without asking for its password.
        case noPassword
        /// A certificate, key or authority cannot be read or used.
        case files
        /// The address cannot be listened at.
        case address
    }

    public var code: Code
    public var message: String
    /// What to do; may be empty.
    public var hint: String

    public init(_ code: Code, _ message: String, hint: String = "") {
        self.code = code
        self.message = message
        self.hint = hint
    }

    public var description: String { hint.isEmpty ? message : "\(message). \(hint)" }

    /// PostgreSQL's class of the error (PostgreSQL documentation, appendix "PostgreSQL Error Codes").
    var sqlState: String {
        switch code {
        case .malformed: "08P01"
        case .noTLS, .wrongRole, .noPassword: "28000"
        case .notReplication, .cancelRequest: "0A000"
        case .tooMany: "53300"
        case .serverUnavailable: "57P03"
        case .files, .address: "58000"
        }
    }

    /// An ErrorResponse that ends the connection (PostgreSQL documentation, "Message Formats").
    public var response: [UInt8] {
        var fields: [UInt8] = []
        func put(_ kind: Character, _ text: String) {
            guard let letter = kind.asciiValue, !text.isEmpty else { return }
            fields.append(letter)
            fields += text.utf8.filter { $0 != 0 }
            fields.append(0)
        }
        put("S", "FATAL")
        put("V", "FATAL")
        put("C", sqlState)
        put("M", message)
        put("H", hint)
        fields.append(0)
        let length = UInt32(fields.count + 4)
        return [UInt8(ascii: "E")] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + fields
    }
}
