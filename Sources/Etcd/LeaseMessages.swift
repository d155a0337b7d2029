struct LeaseGrantRequest: RequestMessage {
    var ttl: Int64

    func encode(to writer: inout ProtobufWriter) { writer.field(1, ttl) }
}

/// A lease that was granted.
public struct LeaseGrant: Hashable, Sendable, HeadedResponse {
    public var header = ResponseHeader()
    public var id: Int64 = 0
    /// Seconds; the server may grant more than was asked for (its minimum depends on its election timeout).
    public var ttl: Int64 = 0
    var error = ""

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: header = try ResponseHeader(reading: try field.message())
        case 2: id = try field.int64()
        case 3: ttl = try field.int64()
        case 4: error = try field.string()
        default: break
        }
    }
}

/// Revoke, keepalive and time-to-live all name the lease in field 1.
struct LeaseIDRequest: RequestMessage {
    var id: Int64

    func encode(to writer: inout ProtobufWriter) { writer.field(1, id) }
}

struct LeaseKeepAliveResponse: HeadedResponse {
    var header = ResponseHeader()
    /// Zero or absent: there is no such lease any more.
    var ttl: Int64 = 0

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: header = try ResponseHeader(reading: try field.message())
        case 3: ttl = try field.int64()
        default: break
        }
    }
}

/// The answer to a keepalive.
public enum LeaseKeepAlive: Hashable, Sendable {
    /// Renewed: this many seconds from the moment the server received the request.
    case renewed(ttl: Int64)
    /// The lease has expired or was revoked; its keys are gone or going.
    case lost
}

/// What the server knows of a lease.
public struct LeaseTimeToLive: Hashable, Sendable, HeadedResponse {
    public var header = ResponseHeader()
    /// Seconds left, -1 when there is no such lease.
    public var remaining: Int64 = 0
    /// Seconds the lease was granted for.
    public var granted: Int64 = 0

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: header = try ResponseHeader(reading: try field.message())
        case 3: remaining = try field.int64()
        case 4: granted = try field.int64()
        default: break
        }
    }
}
