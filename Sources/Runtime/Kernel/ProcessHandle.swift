import CKernel
import Glibc

/// A running process held by a pidfd: signals reach it and nothing else, even when its pid is used again, and its
/// end is known in milliseconds whether or not it is our child.
public final class ProcessHandle: Sendable {
    public let identity: ProcessIdentity
    /// Readable once the process has ended; for poll(2).
    public let fileDescriptor: Int32

    /// - Throws: `KernelError` with code `notFound` when this very process does not run any more.
    public init(_ identity: ProcessIdentity) throws(KernelError) {
        let fd = ck_pidfd_open(identity.pid, 0)
        guard fd >= 0 else { throw KernelError("watch \(identity)", errno: -fd) }
        // Checked after the open: from here on the descriptor cannot change its process.
        guard identity.isRunning else {
            closeDescriptor(fd)
            throw KernelError("watch \(identity)", errno: ESRCH)
        }
        self.identity = identity
        fileDescriptor = fd
    }

    deinit { closeDescriptor(fileDescriptor) }

    /// Sends a signal.
    /// - Throws: `notFound` when it has ended, `notPermitted`.
    public func send(signal: Int32) throws(KernelError) {
        let result = ck_pidfd_send_signal(fileDescriptor, signal)
        if result < 0 { throw KernelError("send signal \(signal) to \(identity)", errno: -result) }
    }

    /// True once the process has ended; a zombie has. Does not wait.
    public var hasExited: Bool {
        var watched = pollfd(fd: fileDescriptor, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, 0) == 1
    }

    /// Returns when the process has ended. Throws CancellationError.
    public func exited() async throws {
        try await readable(fileDescriptor)
        withExtendedLifetime(self) {}
    }
}
