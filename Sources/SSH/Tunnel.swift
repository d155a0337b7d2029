import CLibSSH2
import Glibc

/// Connections through this one: direct-tcpip channels pumped to a local socket.
extension Connection {
    /// Connects from this host to `host:port` and returns a local socket that speaks to it. The caller closes it.
    func tunnel(to host: String, port: Int, until deadline: Instant) async throws -> Int32 {
        try await ready(until: deadline)
        let channel = try await openForward(to: host, port: port, until: deadline)
        var pair: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &pair) == 0 else {
            release(channel)
            throw fault(.channel, "no local socket could be made: \(String(cString: strerror(errno))).")
        }
        let local = pair[0]
        Task { await pump(channel, local) }
        return pair[1]
    }

    func openForward(to host: String, port: Int, until deadline: Instant) async throws -> OpaquePointer {
        do {
            return try await openChannel(until: deadline) {
                libssh2_channel_direct_tcpip_ex($0, host, Int32(port), "127.0.0.1", 22)
            }
        } catch let error as SSHError where error.code == .channel {
            throw fault(.unreachable, """
                \(target.host) could not connect to \(host):\(port): \(error.message) Is \(host) reachable from there, \
                and does its sshd allow AllowTcpForwarding?
                """)
        }
    }

    /// Carries bytes both ways until both sides ended or either broke; closes both.
    func pump(_ channel: OpaquePointer, _ local: Int32) async {
        defer {
            interest[local] = nil
            Glibc.close(local)
            release(channel)
        }
        var up = PumpBuffer(), down = PumpBuffer()
        while true {
            var progress = false
            // Local to remote.
            if up.isEmpty, !up.ended, let count = up.fill({ recv(local, $0, $1, 0) }) {
                if count == 0 { up.ended = true }
                if count < 0, errno != EAGAIN, errno != EINTR { return }
                progress = count >= 0
            }
            if !up.isEmpty, (session?.transport.outboundBacklog ?? 0) < 512 << 10 {
                let count = up.drain { libssh2_channel_write_ex(channel, 0, $0.assumingMemoryBound(to: CChar.self), $1) }
                if count < 0, count != Int(LIBSSH2_ERROR_EAGAIN) { return }
                progress = progress || count > 0
            }
            if up.ended, up.isEmpty, !up.closed {
                libssh2_channel_send_eof(channel)
                up.closed = true
            }
            // Remote to local.
            if down.isEmpty, !down.ended {
                let count = down.fill { libssh2_channel_read_ex(channel, 0, $0.assumingMemoryBound(to: CChar.self), $1) } ?? 0
                if count < 0, count != Int(LIBSSH2_ERROR_EAGAIN) { return }
                if count <= 0, libssh2_channel_eof(channel) != 0 { down.ended = true }
                progress = progress || count > 0
            }
            if !down.isEmpty {
                let count = down.drain { send(local, $0, $1, Int32(MSG_NOSIGNAL)) }
                if count < 0, errno != EAGAIN, errno != EINTR { return }
                progress = progress || count > 0
            }
            if down.ended, down.isEmpty, !down.closed {
                shutdown(local, Int32(SHUT_WR))
                down.closed = true
            }
            if up.closed, down.closed { return }
            guard case .ready = state else { return }
            var events: Int16 = 0
            if up.isEmpty, !up.ended { events |= Int16(POLLIN) }
            if !down.isEmpty { events |= Int16(POLLOUT) }
            // A descriptor without wishes would still report a hang-up, again and again.
            interest[local] = events == 0 ? nil : events
            if progress { await Task.yield() } else {
                do { try await activity(until: nil) } catch { return }
            }
        }
    }
}

private struct PumpBuffer {
    private var bytes = [UInt8](repeating: 0, count: 64 << 10)
    private var start = 0
    private var end = 0
    /// The source has no more.
    var ended = false
    /// The sink was told so.
    var closed = false

    var isEmpty: Bool { start == end }

    mutating func fill(_ read: (UnsafeMutableRawPointer, Int) -> Int) -> Int? {
        let count = bytes.withUnsafeMutableBytes { read($0.baseAddress!, $0.count) }
        start = 0
        end = max(0, count)
        return count
    }

    mutating func drain(_ write: (UnsafeRawPointer, Int) -> Int) -> Int {
        let count = bytes.withUnsafeBytes { write($0.baseAddress! + start, end - start) }
        if count > 0 { start += count }
        return count
    }
}
