/// Bytes per second over the last ten seconds or so.
struct RateMeter {
    private var samples: [(at: Duration, bytes: Int64)] = []
    private var count = 0

    /// Bytes per second between the two newest samples; nil: there are not two yet.
    var latest: Int64? {
        guard samples.count > 1 else { return nil }
        let (before, last) = (samples[samples.count - 2], samples[samples.count - 1])
        let seconds = (last.at - before.at) / .seconds(1)
        return seconds > 0.1 ? Int64(Double(max(0, last.bytes - before.bytes)) / seconds) : nil
    }

    /// The first seconds, in which small copies end.
    var isYoung: Bool { count < 20 }

    mutating func rate(_ bytes: Int64, at now: Duration) -> Int64 {
        count += 1
        samples.append((now, bytes))
        while samples.count > 2, now - samples[0].at > .seconds(10) { samples.removeFirst() }
        guard let first = samples.first, now > first.at, bytes > first.bytes else { return 0 }
        let seconds =
            Double((now - first.at).components.seconds) + Double((now - first.at).components.attoseconds) / 1e18
        return seconds > 0.1 ? Int64(Double(bytes - first.bytes) / seconds) : 0
    }
}
