import CKernel
import Timekeeping

/// A clock that shows boot time. The agent takes one as `any BootTimeClock`; tests pass a clock they move by hand.
public protocol BootTimeClock: Clock<Duration> where Instant == BootInstant {}

/// CLOCK_BOOTTIME: it goes on while the host is suspended, and setting the date does not move it.
public struct BootClock: BootTimeClock {
    public typealias Instant = BootInstant

    public init() {}

    public var now: BootInstant { BootInstant(nanoseconds: ck_boottime_ns()) }
    public var minimumResolution: Duration { .nanoseconds(1) }

    /// Sleeps on a timerfd of CLOCK_BOOTTIME: after a suspended host wakes, an overdue sleep ends at once.
    /// `tolerance` is not used. Throws CancellationError when the task is cancelled.
    public func sleep(until deadline: BootInstant, tolerance: Duration? = nil) async throws {
        try Task.checkCancellation()
        guard deadline > now else { return }
        let timer = try BootTimer()
        timer.set(deadline)
        try await timer.fired()
    }
}

extension BootTimeClock {
    /// The moment `duration` from now.
    public func deadline(after duration: Duration) -> BootInstant { now + duration }
}
