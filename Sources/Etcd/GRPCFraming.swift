import NIOCore
import NIOHPACK

/// Cuts the bytes of a stream into gRPC messages: one byte "compressed", four bytes length, the message.
/// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
struct GRPCDeframer {
    struct Malformed: Error, Equatable {
        var reason: String
    }

    /// Far above anything below one cluster's prefix; a larger length is an error of the sender.
    static let maximumLength = 64 << 20

    private var buffer = ByteBuffer()

    mutating func append(_ bytes: ByteBuffer) {
        var bytes = bytes
        buffer.discardReadBytes()
        buffer.writeBuffer(&bytes)
    }

    /// The next complete message, nil until more bytes come.
    mutating func next() throws -> [UInt8]? {
        let start = buffer.readerIndex
        guard let compressed = buffer.getInteger(at: start, as: UInt8.self) else { return nil }
        guard compressed == 0 else { throw Malformed(reason: "a compressed message nobody asked for") }
        guard let length = buffer.getInteger(at: start + 1, as: UInt32.self) else { return nil }
        guard length <= Self.maximumLength else { throw Malformed(reason: "a message of \(length) bytes") }
        guard let message = buffer.getBytes(at: start + 5, length: Int(length)) else { return nil }
        buffer.moveReaderIndex(forwardBy: 5 + Int(length))
        return message
    }

    /// Bytes of a message that is not complete.
    var pending: Int { buffer.readableBytes }

    static func frame(_ message: [UInt8], allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: message.count + 5)
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt32(message.count))
        buffer.writeBytes(message)
        return buffer
    }
}

/// What a call sends.
struct GRPCRequest: Sendable {
    /// For instance `/etcdserverpb.KV/Range`.
    var path: String
    var message: [UInt8]
    /// Nil: a stream that lives until it is closed.
    var timeout: TimeAmount?
    var token: String?
    /// Ask etcd to refuse, and to end the stream later, while its member sees no leader.
    var requiresLeader = false

    /// A call with a deadline sends one message and is done with sending.
    var endsAfterMessage: Bool { timeout != nil }

    func headers(authority: String, scheme: String) -> HPACKHeaders {
        var headers: HPACKHeaders = [
            ":method": "POST", ":scheme": scheme, ":path": path, ":authority": authority,
            "content-type": "application/grpc", "te": "trailers", "user-agent": "pgadopt",
        ]
        if let timeout { headers.add(name: "grpc-timeout", value: Self.timeoutText(timeout)) }
        if let token { headers.add(name: "token", value: token, indexing: .neverIndexed) }
        if requiresLeader { headers.add(name: "hasleader", value: "true") }
        return headers
    }

    /// At most eight digits and a unit.
    static func timeoutText(_ timeout: TimeAmount) -> String {
        let milliseconds = max(1, timeout.nanoseconds / 1_000_000)
        return milliseconds < 100_000_000 ? "\(milliseconds)m" : "\(min(milliseconds / 1000, 99_999_999))S"
    }
}

/// The end of a call as the server tells it.
struct GRPCStatus: Equatable {
    var code: Int
    var message: String

    /// Nil when the headers carry no status. An HTTP status other than 200 counts as "unavailable".
    init?(_ headers: HPACKHeaders) {
        if let text = headers.first(name: "grpc-status") {
            code = Int(text) ?? 2
            message = Self.percentDecoded(headers.first(name: "grpc-message") ?? "")
        } else if let status = headers.first(name: ":status"), status != "200" {
            code = status == "401" ? 16 : status == "403" ? 7 : 14
            message = "HTTP status \(status)"
        } else {
            return nil
        }
    }

    static func percentDecoded(_ text: String) -> String {
        var out: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                out.append(value)
                rest = rest.dropFirst(2)
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
