/// The first message of a PostgreSQL client, which has a length but no type (PostgreSQL documentation, "Message
/// Formats": SSLRequest, GSSENCRequest, CancelRequest, StartupMessage).
public enum StartupPacket: Equatable, Sendable {
    /// TLS is asked for; a StartupMessage follows inside it.
    case tls
    /// Encryption by GSSAPI is asked for.
    case gssEncryption
    /// A statement of another connection is to be ended.
    case cancel
    case startup(StartupParameters)

    /// The limit of the server itself (`MAX_STARTUP_PACKET_LENGTH`, the same in 12 to 18).
    public static let maximumLength = 10_000

    /// Reads one message from the beginning of `bytes`.
    /// - Returns: the message with its length in bytes; nil: more bytes are needed. No more than ``maximumLength``
    ///   are ever asked for.
    /// - Throws: `malformed`.
    public static func parse(
        _ bytes: some RandomAccessCollection<UInt8>
    ) throws(RelayError) -> (packet: StartupPacket, length: Int)? {
        let bytes = bytes.prefix(maximumLength)
        guard let length = number(bytes) else { return nil }
        guard (8...UInt32(maximumLength)).contains(length) else {
            throw RelayError(.malformed, "this is no PostgreSQL client's first message: its length is \(length) bytes")
        }
        guard let code = number(bytes.dropFirst(4)) else { return nil }
        guard bytes.count >= Int(length) else { return nil }
        let body = bytes.dropFirst(8).prefix(Int(length) - 8)
        return (try packet(code: code, body: body), Int(length))
    }

    private static func packet(
        code: UInt32, body: some RandomAccessCollection<UInt8>
    ) throws(RelayError) -> StartupPacket {
        let (major, minor) = (code >> 16, code & 0xFFFF)
        switch (major, minor) {
        case (1234, 5679) where body.isEmpty: return .tls
        case (1234, 5680) where body.isEmpty: return .gssEncryption
        // The key is 4 bytes, longer from protocol 3.2 on; it is not looked at.
        case (1234, 5678) where body.count >= 8: return .cancel
        case (3, _): return .startup(try StartupParameters(minorVersion: UInt16(minor), parsing: body))
        default:
            throw RelayError(.malformed, "protocol \(major).\(minor) is not PostgreSQL's protocol 3")
        }
    }

    private static func number(_ bytes: some RandomAccessCollection<UInt8>) -> UInt32? {
        guard bytes.count >= 4 else { return nil }
        return bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// What a StartupMessage asks for.
public struct StartupParameters: Equatable, Sendable {
    /// Of protocol 3; the server negotiates it.
    public var minorVersion: UInt16
    /// Each name once.
    public var values: [String: String]

    public init(minorVersion: UInt16 = 0, _ values: [String: String]) {
        self.minorVersion = minorVersion
        self.values = values
    }

    /// - Throws: `malformed`, also when a name comes twice: the server would go by another one of the two than the
    ///   relay (of `replication=database` and `replication=true` it keeps a part of each).
    init(minorVersion: UInt16, parsing body: some RandomAccessCollection<UInt8>) throws(RelayError) {
        self.init(minorVersion: minorVersion, [:])
        var rest = body[...]
        while true {
            let name = try Self.text(&rest)
            if name.isEmpty { break }
            let value = try Self.text(&rest)
            guard values.updateValue(value, forKey: name) == nil else {
                throw RelayError(.malformed, "the startup packet names \(Self.excerpt(name)) twice")
            }
        }
        guard rest.isEmpty else { throw RelayError(.malformed, "the startup packet goes on after its end") }
    }

    private static func text<Bytes: RandomAccessCollection<UInt8>>(
        _ rest: inout Bytes
    ) throws(RelayError) -> String where Bytes.SubSequence == Bytes {
        guard let end = rest.firstIndex(of: 0) else {
            throw RelayError(.malformed, "the startup packet ends in the middle of a parameter")
        }
        guard let text = String(validating: rest[..<end], as: UTF8.self) else {
            throw RelayError(.malformed, "the startup packet holds text that is not UTF-8")
        }
        rest = rest[rest.index(after: end)...]
        return text
    }

    /// Somebody else's text in a message of ours.
    static func excerpt(_ text: String) -> String {
        let plain = text.unicodeScalars.prefix(40).map { $0.value < 32 || $0.value == 127 ? "?" : Character($0) }
        return "'" + String(plain) + (text.unicodeScalars.count > 40 ? "…'" : "'")
    }
}

extension StartupParameters {
    /// Whether the relay carries this connection: physical replication, by our one login. What needs which was
    /// looked at in PostgreSQL 12 to 18 and tried in `Tests/Relay`:
    ///
    /// - walreceiver and pg_basebackup, with its second connection for the log, send `replication=true`.
    /// - `replication=database` runs any SQL by the simple query protocol. Only logical replication and the copying of
    ///   failover slots need it, and neither is what keeps a replica alive.
    /// - pg_rewind sends no `replication` and needs the extended query protocol, which a replication connection
    ///   refuses: it would take an ordinary SQL connection. The server behind the relay has led without a break since
    ///   its adoption, so nobody has to be rewound to it.
    ///
    /// - Throws: `notReplication`, `wrongRole`.
    public func admit(role: String) throws(RelayError) {
        let hint = "The server listens on its own host only until its next planned restart: "
            + "connect there, over its unix socket"
        guard let replication = values["replication"] else {
            let database = values["database"] ?? values["user"] ?? ""
            throw RelayError(
                .notReplication, "the replication relay of pgadopt carries physical replication only, and this "
                    + "connection asks for the database \(Self.excerpt(database))", hint: hint)
        }
        // The server takes more spellings (any prefix of `true`); the programs send this one, people one of these.
        guard ["true", "on", "yes", "1"].contains(replication.lowercased()) else {
            throw RelayError(
                .notReplication, "the replication relay of pgadopt carries physical replication only, and this "
                    + "connection asks for replication=\(Self.excerpt(replication))", hint: hint)
        }
        guard let user = values["user"], user == role else {
            throw RelayError(
                .wrongRole, "the replication relay of pgadopt lets in \(role) only, and this connection is for "
                    + Self.excerpt(values["user"] ?? ""))
        }
    }
}
