/// A moment of the calendar in UTC, to the second; RFC 3339 as text.
public struct UTCTime: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// Seconds since 1970-01-01T00:00:00Z.
    public var seconds: Int64

    public init(seconds: Int64) { self.seconds = seconds }

    /// `2026-11-28T02:00Z` or `2026-11-28T02:00:00Z`, also with an offset such as `+02:00` instead of `Z`.
    /// Nil for anything else, days that do not exist among them.
    public init?(_ text: String) {
        guard let (date, rest) = text.splitOnce(at: "T"), let day = Self.day(date) else { return nil }
        let zoneStart = rest.firstIndex { $0 == "Z" || $0 == "+" || $0 == "-" } ?? rest.endIndex
        let clock = rest[..<zoneStart].split(separator: ":", omittingEmptySubsequences: false).map(Self.number)
        guard let offset = Self.offset(rest[zoneStart...]), (2...3).contains(clock.count),
            let hour = clock[0], let minute = clock[1], let second = clock.count == 3 ? clock[2] : 0,
            hour < 24, minute < 60, second < 60
        else { return nil }
        seconds = day * 86_400 + hour * 3600 + minute * 60 + second - offset
    }

    public static func < (a: Self, b: Self) -> Bool { a.seconds < b.seconds }

    public var description: String {
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        let (year, month, day) = Self.date(days)
        let fields = [month, day, rest / 3600, rest / 60 % 60, rest % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return "\(year)-\(fields[0])-\(fields[1])T\(fields[2]):\(fields[3]):\(fields[4])Z"
    }

    /// `2026-11-28`
    public var day: String { String(description.prefix { $0 != "T" }) }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let time = UTCTime(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a time in UTC")
        }
        self = time
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    // MARK: The proleptic Gregorian calendar, with years that begin in March so that leap days come last.

    private static func day(_ text: Substring) -> Int64? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(number)
        guard parts.count == 3, text.count == 10, let year = parts[0], let month = parts[1], let day = parts[2],
            (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
        return date(days) == (year, month, day) ? days : nil
    }

    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let ofEra = shifted - era * 146_097
        let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        let isEarly = month >= 10
        let day = ofYear - (153 * month + 2) / 5 + 1
        return (year + era * 400 + (isEarly ? 1 : 0), isEarly ? month - 9 : month + 3, day)
    }

    private static func offset(_ text: Substring) -> Int64? {
        if text == "Z" { return 0 }
        guard let sign = text.first, let (hours, minutes) = String(text.dropFirst()).splitOnce(at: ":"),
            let hour = number(hours), let minute = number(minutes), hour <= 14, minute < 60, sign == "+" || sign == "-"
        else { return nil }
        return (hour * 3600 + minute * 60) * (sign == "-" ? -1 : 1)
    }

    private static func number(_ text: Substring) -> Int64? {
        text.count <= 4 && !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
    }
}

extension String {
    /// The parts before and after the first such character.
    func splitOnce(at separator: Character) -> (Substring, Substring)? {
        firstIndex(of: separator).map { (self[..<$0], self[index(after: $0)...]) }
    }
}
