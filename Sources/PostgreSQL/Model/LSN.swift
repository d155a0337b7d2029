/// A position in the write-ahead log, in bytes. Printed as PostgreSQL prints it, `16/B374D848`.
public struct LSN: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public var rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Reads `XXXXXXXX/XXXXXXXX` (pg_lsn's text form); nil for anything else.
    public init?(_ text: some StringProtocol) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, let high = UInt32(halves[0], radix: 16), let low = UInt32(halves[1], radix: 16)
        else { return nil }
        self.init(rawValue: UInt64(high) << 32 | UInt64(low))
    }

    public static let zero = LSN(rawValue: 0)

    public var description: String {
        let high = String(rawValue >> 32, radix: 16, uppercase: true)
        let low = String(rawValue & 0xFFFF_FFFF, radix: 16, uppercase: true)
        return "\(high)/\(low)"
    }

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// Bytes from `other` up to this position; zero when this one is not ahead.
    public func bytes(ahead other: LSN) -> ByteCount {
        ByteCount(rawValue > other.rawValue ? Int64(clamping: rawValue - other.rawValue) : 0)
    }
}

/// A timeline of the write-ahead log: 1 after initdb, one more after each promotion.
public struct Timeline: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public init(_ value: UInt32) { rawValue = value }
    public var description: String { String(rawValue) }
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// The identity initdb gives a data directory; all physical copies share it. Decimal text in the store.
public struct SystemIdentifier: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// Reads the decimal text of pg_controldata and of the store's `initialize` key.
    public init?(_ text: some StringProtocol) {
        guard let value = UInt64(text) else { return nil }
        rawValue = value
    }
    public var description: String { String(rawValue) }
}
