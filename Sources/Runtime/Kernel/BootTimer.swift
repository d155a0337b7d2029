import CKernel
import Timekeeping

/// A timer of CLOCK_BOOTTIME, backed by a timerfd. It closes its descriptor when released.
public final class BootTimer: Sendable {
    /// Readable once the timer has fired; for poll(2).
    public let fileDescriptor: Int32

    public init() throws(KernelError) {
        let fd = ck_timerfd_boottime()
        guard fd >= 0 else { throw KernelError("create a timer on CLOCK_BOOTTIME", errno: -fd) }
        fileDescriptor = fd
    }

    deinit { closeDescriptor(fileDescriptor) }

    /// Fires at `instant`, at once when that is past; nil stops the timer.
    public func set(_ instant: BootInstant?) {
        // 0 would disarm: an instant at or before boot becomes the first nanosecond.
        _ = ck_timerfd_set(fileDescriptor, instant.map { max(1, $0.nanoseconds) } ?? 0)
    }

    /// Returns when the timer has fired. Throws CancellationError.
    public func fired() async throws {
        try await readable(fileDescriptor)
        withExtendedLifetime(self) {}
    }
}
