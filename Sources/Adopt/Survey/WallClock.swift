import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// The control host's time of day, injected so that tests decide it.
public struct WallClock: Sendable {
    /// Seconds since 1970, UTC.
    public var secondsSince1970: @Sendable () -> Double

    public init(secondsSince1970: @escaping @Sendable () -> Double) { self.secondsSince1970 = secondsSince1970 }

    /// CLOCK_REALTIME.
    public static let system = WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// RFC 3339 in UTC, such as `2026-11-22T16:05:00Z`.
    public var timestamp: String { Date(timeIntervalSince1970: secondsSince1970()).formatted(.iso8601) }
}
