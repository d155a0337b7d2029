import CKernel
import Glibc
import Kernel

/// The guard's address: a SOCK_SEQPACKET unix socket, mode 0600.
enum GuardSocket {
    /// Connects without waiting.
    /// - Throws: `KernelError` with code `notFound` or ECONNREFUSED when no guard listens there.
    static func connect(to path: String) throws(KernelError) -> Int32 {
        let fd = try make()
        let result = withAddress(path) { Glibc.connect(fd, $0, $1) }
        guard result == 0 else {
            let error = errno
            close(fd)
            throw KernelError("connect to \(path)", errno: error)
        }
        return fd
    }

    /// Listens on `path`; a socket left there by a dead guard is replaced. The caller holds the lock.
    static func listen(on path: String) throws(KernelError) -> Int32 {
        let fd = try make()
        unlink(path)
        let mask = umask(0o177)
        let bound = withAddress(path) { bind(fd, $0, $1) }
        let error = errno
        umask(mask)
        guard bound == 0 else {
            close(fd)
            throw KernelError("listen on \(path)", errno: error)
        }
        guard Glibc.listen(fd, 16) == 0 else { throw KernelError("listen on \(path)", errno: errno) }
        return fd
    }

    /// The next connection of our own user or root; nil when there is none.
    static func accept(on listener: Int32) -> Int32? {
        let fd = ck_accept_own_user(listener)
        return fd < 0 ? nil : fd
    }

    enum Received: Equatable { case packet([UInt8]), nothing, closed }

    static func receive(on fd: Int32) -> Received {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = recv(fd, &buffer, buffer.count, 0)
        if count > 0 { return .packet(Array(buffer[..<count])) }
        if count < 0, errno == EAGAIN || errno == EINTR { return .nothing }
        return .closed
    }

    /// False when the peer is gone, or does not read.
    static func send(_ packet: [UInt8], on fd: Int32) -> Bool {
        Glibc.send(fd, packet, packet.count, Int32(MSG_NOSIGNAL)) == packet.count
    }

    private static func make() throws(KernelError) -> Int32 {
        let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let fd = socket(AF_UNIX, type, 0)
        guard fd >= 0 else { throw KernelError("make a unix socket", errno: errno) }
        return fd
    }

    /// -1 with ENAMETOOLONG when the path does not fit into an address (107 bytes).
    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return -1
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
