/// SplitMix64: small, fast, and the same everywhere. The one source of chance in a simulation.
struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 ^ 0x5851_F42D_4C95_7F2D }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Below `limit`, which is above 0.
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    /// True with a probability of `permille` in a thousand.
    mutating func chance(_ permille: Int) -> Bool { permille > 0 && below(1000) < permille }
    mutating func pick<T>(_ items: [T]) -> T { items[below(items.count)] }
    /// Between the two moments or durations, the first included.
    mutating func between(_ low: Span, _ high: Span) -> Span {
        high.rawValue <= low.rawValue ? low : Span(rawValue: low.rawValue + Int64(next() % UInt64(high.rawValue - low.rawValue)))
    }
}

/// Nanoseconds of virtual time, as a plain integer: the simulator adds millions of them.
struct Span: RawRepresentable, Hashable, Comparable, Sendable {
    var rawValue: Int64

    init(rawValue: Int64) { self.rawValue = rawValue }

    static func ms(_ value: Double) -> Span { Span(rawValue: Int64(value * 1e6)) }
    static func s(_ value: Double) -> Span { Span(rawValue: Int64(value * 1e9)) }
    static let zero = Span(rawValue: 0)

    var seconds: Double { Double(rawValue) / 1e9 }
    var duration: Duration { .nanoseconds(rawValue) }

    static func < (a: Span, b: Span) -> Bool { a.rawValue < b.rawValue }
    static func + (a: Span, b: Span) -> Span { Span(rawValue: a.rawValue + b.rawValue) }
    static func - (a: Span, b: Span) -> Span { Span(rawValue: a.rawValue - b.rawValue) }
    static func * (a: Span, b: Int64) -> Span { Span(rawValue: a.rawValue * b) }
    static func / (a: Span, b: Int64) -> Span { Span(rawValue: a.rawValue / b) }
}
