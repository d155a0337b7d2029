import NIOCore
import NIOHTTP1

/// What of a request decides the bytes of its answer, beside what is asked for.
struct AnswerForm: Hashable {
    var isHTTP10: Bool
    var keepAlive: Bool
    /// HEAD: no body, and no word of its length.
    var withoutBody: Bool
}

/// Headers that every answer carries.
struct CommonHeaders: Sendable {
    var server: String
    var extra: [HTTPExtraHeader]
}

extension APIResponse {
    /// The whole answer as it goes over the wire.
    func bytes(_ form: AnswerForm, common: CommonHeaders, date: WallTime) -> ByteBuffer {
        var head = form.isHTTP10 ? "HTTP/1.0 " : "HTTP/1.1 "
        head += "\(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)\r\n"
        head += "Server: \(common.server)\r\nDate: \(date.httpDate)\r\n"
        if let contentType { head += "Content-Type: \(contentType)\r\n" }
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { head += "\(name): \(value)\r\n" }
        for header in common.extra { head += "\(header.name): \(header.value)\r\n" }
        if !form.withoutBody { head += "Content-Length: \(body.utf8.count)\r\n" }
        if !form.keepAlive {
            head += "Connection: close\r\n"
        } else if form.isHTTP10 {
            head += "Connection: keep-alive\r\n"
        }
        head += "\r\n"
        var buffer = ByteBuffer()
        buffer.reserveCapacity(head.utf8.count + body.utf8.count)
        buffer.writeString(head)
        if !form.withoutBody { buffer.writeString(body) }
        return buffer
    }
}

/// A header of the configuration (`http_extra_headers`, `https_extra_headers`).
public struct HTTPExtraHeader: Equatable, Sendable {
    public let name: String
    public let value: String

    /// Nil when this cannot be a header: a name with blanks or colons, a value with line breaks.
    public init?(name: String, value: String) {
        let isToken = name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
        let isText = value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
        guard !name.isEmpty, isToken, isText else { return nil }
        self.name = name
        self.value = value
    }
}

/// Answers to reads, ready to be sent. They hold until a moment: the next at which some answer may change by itself,
/// or the next second, because the Date header shows seconds.
struct ResponseCache {
    struct Key: Hashable {
        var target: String
        /// GET, not HEAD or OPTIONS.
        var isGet: Bool
        var form: AnswerForm
    }

    private var entries: [Key: ByteBuffer] = [:]
    private var validUntil: Int64 = 0

    /// - Parameter now: nanoseconds since boot.
    func find(_ key: Key, at now: Int64) -> ByteBuffer? { now < validUntil ? entries[key] : nil }

    mutating func store(_ buffer: ByteBuffer, for key: Key, at now: Int64, until: Int64) {
        // A client that invents queries must not fill the memory.
        guard key.target.utf8.count <= 256, buffer.readableBytes <= 64 * 1024 else { return }
        if now >= validUntil || entries.count >= 64 { entries.removeAll(keepingCapacity: true) }
        validUntil = entries.isEmpty ? until : min(validUntil, until)
        entries[key] = buffer
    }

    mutating func clear() {
        entries.removeAll(keepingCapacity: true)
        validUntil = 0
    }
}
