/// A condition of a transaction, on one key.
public struct Compare: Hashable, Sendable, RequestMessage {
    public enum Target: Hashable, Sendable {
        case version(Int64)
        /// 0: the key does not exist.
        case createRevision(Int64)
        case modRevision(Int64)
        case value([UInt8])
        case lease(Int64)
    }

    public enum Relation: Int64, Hashable, Sendable { case equal, greater, less, notEqual }

    public var key: String
    public var target: Target
    public var relation: Relation

    public init(_ key: String, _ target: Target, _ relation: Relation = .equal) {
        self.key = key
        self.target = target
        self.relation = relation
    }

    /// The key does not exist.
    public static func absent(_ key: String) -> Self { Self(key, .createRevision(0)) }

    func encode(to writer: inout ProtobufWriter) {
        writer.field(1, relation.rawValue)
        writer.field(3, key)
        switch target {
        case .version(let value):
            writer.required(4, value)
        case .createRevision(let value):
            writer.field(2, Int64(1))
            writer.required(5, value)
        case .modRevision(let value):
            writer.field(2, Int64(2))
            writer.required(6, value)
        case .value(let value):
            writer.field(2, Int64(3))
            writer.required(7, value)
        case .lease(let value):
            writer.field(2, Int64(4))
            writer.required(8, value)
        }
    }
}

/// One operation of a transaction.
public indirect enum RequestOperation: Hashable, Sendable, RequestMessage {
    case range(KeyRange)
    /// `lease` 0: the key stays until it is deleted.
    case put(key: String, value: [UInt8], lease: Int64 = 0)
    case delete(KeyRange)
    case transaction(Transaction)

    func encode(to writer: inout ProtobufWriter) {
        switch self {
        case .range(let range):
            writer.required(1, RangeRequest(range: range).encoded)
        case .put(let key, let value, let lease):
            writer.required(2, PutRequest(key: key, value: value, lease: lease).encoded)
        case .delete(let range):
            writer.required(3, DeleteRangeRequest(range: range).encoded)
        case .transaction(let transaction):
            writer.required(4, transaction.encoded)
        }
    }
}

/// If all `compares` hold, the operations of `success` are carried out, otherwise those of `failure`, as one.
public struct Transaction: Hashable, Sendable, RequestMessage {
    public var compares: [Compare]
    public var success: [RequestOperation]
    public var failure: [RequestOperation]

    public init(compares: [Compare], success: [RequestOperation], failure: [RequestOperation] = []) {
        self.compares = compares
        self.success = success
        self.failure = failure
    }

    func encode(to writer: inout ProtobufWriter) {
        for compare in compares { writer.required(1, compare.encoded) }
        for operation in success { writer.required(2, operation.encoded) }
        for operation in failure { writer.required(3, operation.encoded) }
    }
}

struct RangeRequest: RequestMessage {
    var range: KeyRange
    var isSerializable = false

    func encode(to writer: inout ProtobufWriter) {
        writer.field(1, range.key)
        writer.field(2, range.end)
        writer.field(7, isSerializable)
    }
}

struct PutRequest: RequestMessage {
    var key: String
    var value: [UInt8]
    var lease: Int64 = 0

    func encode(to writer: inout ProtobufWriter) {
        writer.field(1, key)
        writer.field(2, value)
        writer.field(3, lease)
    }
}

struct DeleteRangeRequest: RequestMessage {
    var range: KeyRange

    func encode(to writer: inout ProtobufWriter) {
        writer.field(1, range.key)
        writer.field(2, range.end)
    }
}

/// Keys as of one revision.
public struct RangeResult: Hashable, Sendable, HeadedResponse {
    public var header = ResponseHeader()
    public var keyValues: [KeyValue] = []
    public var count: Int64 = 0

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: header = try ResponseHeader(reading: try field.message())
        case 2: keyValues.append(try KeyValue(reading: try field.message()))
        case 4: count = try field.int64()
        default: break
        }
    }
}

public struct PutResult: Hashable, Sendable, HeadedResponse {
    public var header = ResponseHeader()

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        if field.number == 1 { header = try ResponseHeader(reading: try field.message()) }
    }
}

public struct DeleteResult: Hashable, Sendable, HeadedResponse {
    public var header = ResponseHeader()
    /// The number of keys deleted.
    public var deleted: Int64 = 0

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: header = try ResponseHeader(reading: try field.message())
        case 2: deleted = try field.int64()
        default: break
        }
    }
}

/// What one operation of a transaction gave.
public indirect enum OperationResult: Hashable, Sendable {
    case range(RangeResult)
    case put(PutResult)
    case delete(DeleteResult)
    case transaction(TransactionResult)
}

public struct TransactionResult: Hashable, Sendable, HeadedResponse {
    public var header = ResponseHeader()
    /// True when the compares held and `success` was carried out.
    public var succeeded = false
    /// One for each operation of the branch that was carried out.
    public var results: [OperationResult] = []

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: header = try ResponseHeader(reading: try field.message())
        case 2: succeeded = try field.bool()
        case 3:
            var operation = try field.message()
            while let member = try operation.next() {
                if let result = try Self.result(of: member) { results.append(result) }
            }
        default: break
        }
    }

    private static func result(of field: ProtobufReader.Field) throws -> OperationResult? {
        switch field.number {
        case 1: .range(try RangeResult(reading: try field.message()))
        case 2: .put(try PutResult(reading: try field.message()))
        case 3: .delete(try DeleteResult(reading: try field.message()))
        case 4: .transaction(try TransactionResult(reading: try field.message()))
        default: nil
        }
    }
}
