import Glibc

/// A moment of wall time as somebody wrote it: for schedules, and for the epoch seconds of metrics. Nothing that
/// protects data is decided by wall time.
public struct WallTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public var microseconds: Int64
    /// The offset from UTC in minutes that the text had; kept, because Patroni shows a schedule as it was given.
    public var offsetMinutes: Int

    public init(microseconds: Int64, offsetMinutes: Int = 0) {
        self.microseconds = microseconds
        self.offsetMinutes = offsetMinutes
    }

    /// The host's clock.
    public static var now: WallTime {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return WallTime(microseconds: Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000)
    }

    public static func < (a: Self, b: Self) -> Bool { a.microseconds < b.microseconds }

    /// Whole seconds since 1970.
    public var seconds: Int64 { microseconds >= 0 ? microseconds / 1_000_000 : (microseconds - 999_999) / 1_000_000 }

    /// Why a text is no moment.
    public enum Failure: Error, Equatable, Sendable {
        /// Date and time are there, the zone is not: different hosts would read it differently.
        case zoneMissing
        case unreadable
    }

    /// Reads ISO 8601 and PostgreSQL's output: `2026-11-22T10:20:30.5+01:00`, `2026-11-22 10:20+01`, `...Z`, `... UTC`.
    public init(parsing text: String) throws(Failure) {
        var reader = Reader(text)
        let year = try reader.number(4)
        try reader.expect("-")
        let month = try reader.number(2)
        try reader.expect("-")
        let day = try reader.number(2)
        guard !reader.isAtEnd else { throw .zoneMissing }
        guard reader.accept("T") || reader.accept(" ") || reader.accept("t") else { throw .unreadable }
        let hour = try reader.number(2)
        try reader.expect(":")
        let minute = try reader.number(2)
        var second: Int64 = 0
        var fraction: Int64 = 0
        if reader.accept(":") {
            second = try reader.number(2)
            if reader.accept(".") || reader.accept(",") { fraction = try reader.microseconds() }
        }
        guard (1...12).contains(month), (1...Self.days(month: month, year: year)).contains(day), hour < 24, minute < 60,
            second < 60
        else { throw .unreadable }
        let offset = try reader.zone()
        guard reader.isAtEnd else { throw .unreadable }
        let local = Self.daysSince1970(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second
        self.init(microseconds: (local - Int64(offset) * 60) * 1_000_000 + fraction, offsetMinutes: offset)
    }

    /// ISO 8601 with zone, the form that Python's isoformat has and patronictl shows:
    /// `2026-11-22T10:20:30+01:00`, microseconds only when there are any.
    public var description: String {
        let local = seconds + Int64(offsetMinutes) * 60
        let day = local >= 0 ? local / 86_400 : (local - 86_399) / 86_400
        let (year, month, date) = Self.civil(daysSince1970: day)
        let time = local - day * 86_400
        let micros = microseconds - seconds * 1_000_000
        let fraction = micros == 0 ? "" : "." + Self.padded(micros, 6)
        let sign = offsetMinutes < 0 ? "-" : "+"
        let offset = Int64(abs(offsetMinutes))
        let zone = "\(sign)\(Self.padded(offset / 60, 2)):\(Self.padded(offset % 60, 2))"
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(date, 2))T\(Self.padded(time / 3600, 2))"
            + ":\(Self.padded(time / 60 % 60, 2)):\(Self.padded(time % 60, 2))\(fraction)\(zone)"
    }

    /// The Date header's form, `Sun, 22 Nov 2026 10:20:30 GMT` (RFC 9110, 5.6.7).
    var httpDate: String {
        let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let (year, month, date) = Self.civil(daysSince1970: day)
        let time = seconds - day * 86_400
        let names = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let weekday = names[Int(((day % 7) + 7) % 7)]
        return "\(weekday), \(Self.padded(date, 2)) \(months[Int(month) - 1]) \(Self.padded(year, 4)) "
            + "\(Self.padded(time / 3600, 2)):\(Self.padded(time / 60 % 60, 2)):\(Self.padded(time % 60, 2)) GMT"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func days(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Proleptic Gregorian calendar; years begin in March, so that the leap day is a year's last.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = daysSince1970 + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * dayOfYear + 2) / 153
        let month = march < 10 ? march + 3 : march - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * march + 2) / 5 + 1)
    }
}

private struct Reader {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = text[...].utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func accept(_ character: Character) -> Bool {
        guard let next = rest.first, next == character.asciiValue else { return false }
        rest.removeFirst()
        return true
    }

    mutating func expect(_ character: Character) throws(WallTime.Failure) {
        guard accept(character) else { throw .unreadable }
    }

    private mutating func digit() -> Int64? {
        guard let next = rest.first, (0x30...0x39).contains(next) else { return nil }
        rest.removeFirst()
        return Int64(next - 0x30)
    }

    mutating func number(_ digits: Int) throws(WallTime.Failure) -> Int64 {
        var value: Int64 = 0
        for _ in 0..<digits {
            guard let next = digit() else { throw .unreadable }
            value = value * 10 + next
        }
        return value
    }

    mutating func microseconds() throws(WallTime.Failure) -> Int64 {
        var value: Int64 = 0
        var count = 0
        while let next = digit() {
            if count < 6 { value = value * 10 + next }
            count += 1
        }
        guard count > 0 else { throw .unreadable }
        for _ in min(count, 6)..<6 { value *= 10 }
        return value
    }

    mutating func zone() throws(WallTime.Failure) -> Int {
        _ = accept(" ")
        if accept("Z") || accept("z") { return 0 }
        if rest.elementsEqual("UTC".utf8) || rest.elementsEqual("GMT".utf8) {
            rest = rest.suffix(0)
            return 0
        }
        let isEast = accept("+")
        guard isEast || accept("-") else { throw rest.isEmpty ? .zoneMissing : .unreadable }
        let hours = try number(2)
        var minutes: Int64 = 0
        if accept(":") || !rest.isEmpty { minutes = try number(2) }
        guard hours < 24, minutes < 60 else { throw .unreadable }
        return Int(hours * 60 + minutes) * (isEast ? 1 : -1)
    }
}
