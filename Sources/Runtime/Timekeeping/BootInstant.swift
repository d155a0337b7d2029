/// A moment on CLOCK_BOOTTIME: nanoseconds since the host booted, suspended time included.
///
/// Leases and every deadline that protects data are kept on this clock, because wall time jumps and
/// CLOCK_MONOTONIC stands still while a host is suspended. The type is a value only; reading the clock
/// is the business of `Kernel`.
public struct BootInstant: Hashable, Comparable, Sendable, InstantProtocol {
    /// Nanoseconds since boot.
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

    public func advanced(by duration: Duration) -> Self {
        Self(nanoseconds: nanoseconds + duration.wholeNanoseconds)
    }

    public func duration(to other: Self) -> Duration { .nanoseconds(other.nanoseconds - nanoseconds) }

    public static func + (a: Self, b: Duration) -> Self { a.advanced(by: b) }
    public static func - (a: Self, b: Duration) -> Self { a.advanced(by: .zero - b) }
    public static func - (a: Self, b: Self) -> Duration { b.duration(to: a) }
}

extension Duration {
    /// The duration in nanoseconds, attoseconds cut off. Range: about 292 years either way.
    public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    /// The duration in seconds, for people and for arithmetic that may round.
    public var inSeconds: Double { Double(wholeNanoseconds) / 1e9 }
}
