import CLibSSH2
import Glibc

/// Socket buffers between the poll loop and libssh2.
///
/// libssh2 keeps half-sent packets inside the session when a send would block, and then fails every other call
/// until that very call is repeated. With many channels on one session that is a trap, so its sends always
/// succeed here, into memory, and whoever feeds a channel looks at ``outboundBacklog`` first.
final class Transport {
    private(set) var descriptor: Int32
    private var inbound: [UInt8] = []
    private var inboundStart = 0
    private var outbound: [UInt8] = []
    private var outboundStart = 0
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 16)
    private(set) var ended: String?
    /// libssh2 took bytes: packets for any channel may have been among them.
    var consumed = false
    var lastReceived = ContinuousClock.now

    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit {
        close(descriptor)
        scratch.deallocate()
    }

    var outboundBacklog: Int { outbound.count - outboundStart }
    var wantsInput: Bool { ended == nil && inbound.count - inboundStart < 4 << 20 }

    func end(_ reason: String) { if ended == nil { ended = reason } }

    /// Reads what the socket has. True when something came, the end included.
    func fill() -> Bool {
        guard wantsInput else { return false }
        var changed = false
        if inboundStart > 0 {
            inbound.removeFirst(inboundStart)
            inboundStart = 0
        }
        while inbound.count < 4 << 20 {
            let count = recv(descriptor, scratch.baseAddress!, scratch.count, 0)
            let problem = errno
            if count > 0 {
                inbound.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch[..<count]))
                changed = true
                lastReceived = .now
            }
            if count == scratch.count { continue }
            if count == 0 { end("the other side closed the connection"); return true }
            if count < 0, problem != EAGAIN, problem != EINTR { end(String(cString: strerror(problem))); return true }
            return changed
        }
        return changed
    }

    /// Sends what is waiting. True when the backlog became smaller.
    func flush() -> Bool {
        guard outboundBacklog > 0, ended == nil else { return false }
        let count = outbound.withUnsafeBytes {
            send(descriptor, $0.baseAddress! + outboundStart, outboundBacklog, Int32(MSG_NOSIGNAL))
        }
        if count < 0 {
            if errno != EAGAIN, errno != EINTR { end(String(cString: strerror(errno))); return true }
            return false
        }
        outboundStart += count
        if outboundStart == outbound.count {
            outbound.removeAll(keepingCapacity: true)
            outboundStart = 0
        } else if outboundStart > 1 << 20 {
            outbound.removeFirst(outboundStart)
            outboundStart = 0
        }
        return true
    }

    fileprivate func take(_ buffer: UnsafeMutableRawPointer, _ length: Int) -> Int {
        let count = min(length, inbound.count - inboundStart)
        guard count > 0 else { return ended == nil ? -Int(EAGAIN) : 0 }
        inbound.withUnsafeBytes { buffer.copyMemory(from: $0.baseAddress! + inboundStart, byteCount: count) }
        inboundStart += count
        if inboundStart == inbound.count {
            inbound.removeAll(keepingCapacity: true)
            inboundStart = 0
        }
        consumed = true
        return count
    }

    fileprivate func put(_ buffer: UnsafeRawPointer, _ length: Int) -> Int {
        if ended != nil { return -Int(EPIPE) }
        outbound.append(contentsOf: UnsafeRawBufferPointer(start: buffer, count: length))
        return length
    }
}

/// A libssh2 session over a ``Transport``; freed with the last reference.
final class Session {
    let raw: OpaquePointer
    let transport: Transport

    init?(_ transport: Transport) {
        let context = Unmanaged.passUnretained(transport).toOpaque()
        guard libssh2_init(0) == 0, let raw = pg_ssh2_session_init(context) else { return nil }
        self.raw = raw
        self.transport = transport
        libssh2_session_set_blocking(raw, 0)
        pg_ssh2_set_io(raw, { _, buffer, length, _, context in
            guard let buffer, let context = context?.pointee else { return -Int(EINVAL) }
            return Unmanaged<Transport>.fromOpaque(context).takeUnretainedValue().take(buffer, length)
        }, { _, buffer, length, _, context in
            guard let buffer, let context = context?.pointee else { return -Int(EINVAL) }
            return Unmanaged<Transport>.fromOpaque(context).takeUnretainedValue().put(buffer, length)
        })
    }

    deinit {
        transport.end("closed")
        var attempts = 0
        while libssh2_session_free(raw) == LIBSSH2_ERROR_EAGAIN, attempts < 100 { attempts += 1 }
    }

    /// libssh2's words for the last failure.
    var lastError: String {
        var text: UnsafeMutablePointer<CChar>?
        let code = libssh2_session_last_error(raw, &text, nil, 0)
        return "\(text.map { String(cString: $0) } ?? "no message") (libssh2 \(code))"
    }
}

/// The version of the libssh2 that was loaded, for messages.
var libraryVersion: String { String(cString: libssh2_version(0)) }
