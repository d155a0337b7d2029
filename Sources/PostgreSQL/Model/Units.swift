/// A number of bytes, printed with binary prefixes for people.
public struct ByteCount: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public var rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
    public init(_ value: Int64) { rawValue = value }

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    public static func + (a: Self, b: Self) -> Self { Self(a.rawValue + b.rawValue) }
    public static func - (a: Self, b: Self) -> Self { Self(a.rawValue - b.rawValue) }

    /// `17 B`, `1.5 GiB`: three significant digits, the unit a DBA would choose.
    public var description: String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var value = Double(rawValue.magnitude)
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let sign = rawValue < 0 ? "-" : ""
        if unit == 0 || value >= 100 { return "\(sign)\(Int(value.rounded())) \(units[unit])" }
        let tenths = Int((value * 10).rounded())
        return "\(sign)\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}

/// `server_version_num`: 150018 for 15.18, 90624 for 9.6.24.
public struct ServerVersion: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public init(_ number: Int) { rawValue = number }
    /// The major version as people say it, 10 and later.
    public var major: Int { rawValue / 10_000 }
    public var minor: Int { rawValue % 10_000 }
    public var description: String { "\(major).\(minor)" }
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
