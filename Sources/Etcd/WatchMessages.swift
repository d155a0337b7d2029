struct WatchCreateRequest: RequestMessage {
    var range: KeyRange
    var startRevision: Int64

    func encode(to writer: inout ProtobufWriter) {
        writer.message(1) {
            $0.field(1, range.key)
            $0.field(2, range.end)
            $0.field(3, startRevision)
        }
    }
}

/// A change of one key.
public struct WatchEvent: Hashable, Sendable, ResponseMessage {
    public enum Kind: Hashable, Sendable { case put, delete }

    public var kind = Kind.put
    /// For a deletion: the key and, as `modRevision`, the revision of the deletion.
    public var keyValue = KeyValue()

    public init() {}

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: kind = try field.uint64() == 0 ? .put : .delete
        case 2: keyValue = try KeyValue(reading: try field.message())
        default: break
        }
    }
}

struct WatchResponse: HeadedResponse {
    var header = ResponseHeader()
    var watchID: Int64 = 0
    var isCreated = false
    var isCancelled = false
    var compactRevision: Int64 = 0
    var cancelReason = ""
    var events: [WatchEvent] = []

    mutating func decode(_ field: ProtobufReader.Field) throws {
        switch field.number {
        case 1: header = try ResponseHeader(reading: try field.message())
        case 2: watchID = try field.int64()
        case 3: isCreated = try field.bool()
        case 4: isCancelled = try field.bool()
        case 5: compactRevision = try field.int64()
        case 6: cancelReason = try field.string()
        case 11: events.append(try WatchEvent(reading: try field.message()))
        default: break
        }
    }
}
