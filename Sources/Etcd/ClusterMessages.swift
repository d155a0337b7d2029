struct EmptyRequest: RequestMessage {
    func encode(to writer: inout ProtobufWriter) {}
}

struct MemberListRequest: RequestMessage {
    /// Read by servers from 3.5 on; older ones answer from their own state.
    var isLinearizable = true

    func encode(to writer: inout ProtobufWriter) { writer.field(1, isLinearizable) }
}

/// A server of the etcd cluster.
public struct EtcdMember: Hashable, Sendable, ResponseMessage {
    public var id: UInt64 = 0
    /// Empty while the server has not started yet.
    public var name = ""
    public var peerURLs: [String] = []
    public var clientURLs: [String] = []
    public var isLearner = false

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: id = try field.uint64()
        case 2: name = try field.string()
        case 3: peerURLs.append(try field.string())
        case 4: clientURLs.append(try field.string())
        case 5: isLearner = try field.bool()
        default: break
        }
    }
}

public struct MemberList: Hashable, Sendable, HeadedResponse {
    public var header = ResponseHeader()
    public var members: [EtcdMember] = []

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: header = try ResponseHeader(reading: try field.message())
        case 2: members.append(try EtcdMember(reading: try field.message()))
        default: break
        }
    }
}

/// The state of one server.
public struct EtcdStatus: Hashable, Sendable, HeadedResponse {
    public var header = ResponseHeader()
    /// For instance `3.4.23`.
    public var version = ""
    /// Bytes on disk.
    public var databaseSize: Int64 = 0
    /// Bytes in use; the rest can be freed by defragmentation. 0 from servers before 3.4.
    public var databaseSizeInUse: Int64 = 0
    /// The leader's member id, 0 when there is none.
    public var leader: UInt64 = 0
    public var raftIndex: UInt64 = 0
    public var raftTerm: UInt64 = 0
    public var raftAppliedIndex: UInt64 = 0
    /// Alarms: for instance that the space quota is used up.
    public var errors: [String] = []
    public var isLearner = false

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: header = try ResponseHeader(reading: try field.message())
        case 2: version = try field.string()
        case 3: databaseSize = try field.int64()
        case 4: leader = try field.uint64()
        case 5: raftIndex = try field.uint64()
        case 6: raftTerm = try field.uint64()
        case 7: raftAppliedIndex = try field.uint64()
        case 8: errors.append(try field.string())
        case 9: databaseSizeInUse = try field.int64()
        case 10: isLearner = try field.bool()
        default: break
        }
    }
}

struct MoveLeaderRequest: RequestMessage {
    /// A member's id.
    var target: UInt64

    func encode(to writer: inout ProtobufWriter) { writer.field(1, target) }
}

struct AuthenticateRequest: RequestMessage {
    var name: String
    var password: String

    func encode(to writer: inout ProtobufWriter) {
        writer.field(1, name)
        writer.field(2, password)
    }
}

struct AuthenticateResponse: HeadedResponse {
    var header = ResponseHeader()
    var token = ""

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: header = try ResponseHeader(reading: try field.message())
        case 2: token = try field.string()
        default: break
        }
    }
}
