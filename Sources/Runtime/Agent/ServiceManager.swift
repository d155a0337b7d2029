import Glibc

/// Tells systemd how the service fares (sd_notify's protocol: one datagram of `KEY=VALUE` lines to NOTIFY_SOCKET).
struct ServiceManager: Sendable {
    private let path: String?

    /// - Parameter path: the value of NOTIFY_SOCKET; nil when nobody listens. A leading `@` is an abstract name.
    init(path: String?) { self.path = path }

    /// Said again with each new status: readiness that is known already changes nothing.
    func ready(_ status: String) { send("READY=1\nSTATUS=\(line(status))") }
    /// The configuration is being read again; `ready` ends it.
    func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(Self.monotonicMicroseconds)") }
    func stopping() { send("STOPPING=1") }
    /// The loop turns. systemd kills and restarts an agent that has not said so for `limit`.
    func alive(for limit: Duration) {
        send("WATCHDOG=1\nWATCHDOG_USEC=\(limit.components.seconds * 1_000_000)")
    }

    private static var monotonicMicroseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }

    private func line(_ text: String) -> String { text.replacing("\n", with: " ") }

    private func send(_ message: String) {
        guard let path, !path.isEmpty else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                message.utf8CString.withUnsafeBytes { bytes in
                    sendto(descriptor, bytes.baseAddress, bytes.count - 1, Int32(MSG_NOSIGNAL), address, length)
                }
            }
        }
    }
}
