/// A message the client sends. Field numbers: etcd's api/etcdserverpb/rpc.proto (3.4 to 3.6).
protocol RequestMessage: Sendable {
    func encode(to writer: inout ProtobufWriter)
}

extension RequestMessage {
    var encoded: [UInt8] {
        var writer = ProtobufWriter()
        encode(to: &writer)
        return writer.bytes
    }
}

/// A message the server sends. Unknown fields are skipped.
protocol ResponseMessage: Sendable {
    init()
    mutating func decode(_ field: ProtobufReader.Field) throws
}

extension ResponseMessage {
    init(reading reader: ProtobufReader) throws {
        self.init()
        var reader = reader
        while let field = try reader.next() { try decode(field) }
    }

    init(decoding bytes: [UInt8]) throws {
        try self.init(reading: ProtobufReader(bytes))
    }
}

/// A reply that carries etcd's header.
protocol HeadedResponse: ResponseMessage {
    var header: ResponseHeader { get }
}

/// Who answered, and how far it was.
public struct ResponseHeader: Hashable, Sendable, ResponseMessage {
    public var clusterID: UInt64 = 0
    public var memberID: UInt64 = 0
    /// The store's revision when the request was carried out.
    public var revision: Int64 = 0
    public var raftTerm: UInt64 = 0

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: clusterID = try field.uint64()
        case 2: memberID = try field.uint64()
        case 3: revision = try field.int64()
        case 4: raftTerm = try field.uint64()
        default: break
        }
    }
}

/// A reply that says nothing but that it was done.
struct BareResponse: HeadedResponse {
    var header = ResponseHeader()

    mutating func decode(_ field: ProtobufReader.Field) throws {
        if field.number == 1 { header = try ResponseHeader(reading: try field.message()) }
    }
}

/// A key with its value and its revisions.
public struct KeyValue: Hashable, Sendable, ResponseMessage {
    public var key: [UInt8] = []
    public var value: [UInt8] = []
    public var createRevision: Int64 = 0
    public var modRevision: Int64 = 0
    /// Number of writes since the key was created.
    public var version: Int64 = 0
    /// The lease the key hangs on, 0 for none.
    public var lease: Int64 = 0

    public init() {}

    public var keyText: String { String(decoding: key, as: UTF8.self) }

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: key = try field.bytes()
        case 2: createRevision = try field.int64()
        case 3: modRevision = try field.int64()
        case 4: version = try field.int64()
        case 5: value = try field.bytes()
        case 6: lease = try field.int64()
        default: break
        }
    }
}

/// A key, or all keys from `key` up to `end` (not included).
public struct KeyRange: Hashable, Sendable {
    public var key: [UInt8]
    /// Empty: the one key only.
    public var end: [UInt8]

    public static func key(_ key: String) -> Self { Self(key: Array(key.utf8), end: []) }

    /// All keys that begin with `prefix`. The empty prefix means every key.
    public static func prefix(_ prefix: String) -> Self {
        var end = Array(prefix.utf8)
        while let last = end.popLast() {
            if last < 0xff {
                end.append(last + 1)
                return Self(key: Array(prefix.utf8), end: end)
            }
        }
        return Self(key: prefix.isEmpty ? [0] : Array(prefix.utf8), end: [0])
    }
}
