/// The server's first words to a startup packet. The relay goes on only when the server asks for the password: a rule
/// of pg_hba.conf that trusts the local socket must not let anybody in from the network, whoever wrote it and when.
public enum ServerGreeting: Equatable, Sendable {
    /// It asks for the password (SCRAM, MD5 or as it is).
    case asksForPassword
    /// It refuses; its own words are for the client.
    case refuses

    /// How much of a server's answer is looked at.
    static let maximumLength = 65_536

    /// Reads the beginning of the server's answer.
    /// - Returns: nil: more bytes are needed.
    /// - Throws: `noPassword`; `serverUnavailable` when this is no PostgreSQL server.
    public static func parse(_ bytes: some RandomAccessCollection<UInt8>) throws(RelayError) -> ServerGreeting? {
        var rest = bytes[...]
        while true {
            guard rest.count >= 5, let type = rest.first else { return nil }
            let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard (4...maximumLength).contains(length) else { throw unknown }
            switch type {
            case UInt8(ascii: "E"): return .refuses
            // NegotiateProtocolVersion and NoticeResponse may come before.
            case UInt8(ascii: "v"), UInt8(ascii: "N"):
                guard rest.count > length else { return nil }
                rest = rest.dropFirst(length + 1)
            case UInt8(ascii: "R"):
                guard rest.count >= 9 else { return nil }
                return try authentication(rest.dropFirst(5).prefix(4).reduce(0) { $0 << 8 | UInt32($1) })
            default: throw unknown
            }
        }
    }

    private static func authentication(_ method: UInt32) throws(RelayError) -> ServerGreeting {
        switch method {
        // Cleartext, MD5, SASL.
        case 3, 5, 10: return .asksForPassword
        case 0:
            throw RelayError(
                .noPassword, "the server let the relay in without a password",
                hint: "A rule of pg_hba.conf trusts this login on the socket; it must come after pgadopt's block")
        default:
            throw RelayError(
                .noPassword, "the server asks the relay's login for something else than a password (method \(method))",
                hint: "pgadopt's block must come first in pg_hba.conf")
        }
    }

    private static var unknown: RelayError {
        RelayError(.serverUnavailable, "what answers at the server's socket is no PostgreSQL server")
    }
}
