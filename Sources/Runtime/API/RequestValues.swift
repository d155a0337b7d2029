import JSON
import PostgresModel

/// Reading of single values in requests' bodies, as liberal as Patroni.
extension APISnapshot {
    /// A refusal on its way out.
    struct Refusal: Error {
        var answer: APIResponse
    }

    /// A time in the future with its zone.
    /// - Parameter action: `restart` or `switchover`, for the sentence.
    static func schedule(_ value: JSON, of action: String, wallTime: WallTime) -> Result<WallTime, Refusal> {
        func refused(_ sentence: String, _ status: Int) -> Result<WallTime, Refusal> {
            .failure(Refusal(answer: .text(sentence, status: status)))
        }
        let unreadable = "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"
        guard let text = value.string else { return refused(unreadable, 422) }
        do throws(WallTime.Failure) {
            let time = try WallTime(parsing: text)
            guard time >= wallTime else { return refused("Cannot schedule \(action) in the past", 422) }
            return .success(time)
        } catch {
            switch error {
            case .zoneMissing: return refused("Timezone information is mandatory for the scheduled \(action)", 400)
            case .unreadable: return refused(unreadable, 422)
            }
        }
    }

    /// `true`, `on`, `yes`, `1` and their kind; everything else is false.
    static func isTrue(_ value: JSON?) -> Bool {
        switch value {
        case .bool(let flag): flag
        case .int(let number): number == 1
        case .string(let text): ["true", "on", "yes", "t", "y", "1"].contains(text.lowercased())
        default: false
        }
    }

    /// Seconds: a number, or a text with one of PostgreSQL's units of time; rounded to whole seconds.
    static func seconds(_ value: JSON) -> Int64? {
        if let number = value.int { return number }
        if let number = value.double { return Int64(exactly: number.rounded()) }
        guard let text = value.string else { return nil }
        let digits = text.drop { $0 == " " }.prefix { ($0.isASCII && $0.isNumber) || $0 == "." }
        let unit = text.drop { $0 == " " }.dropFirst(digits.count).filter { $0 != " " }
        let factors = ["": 1, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86_400]
        guard let number = Double(digits), let factor = factors[unit] else { return nil }
        return Int64(exactly: (number * factor).rounded())
    }
}

extension ServerVersion {
    /// The version of a restart's filter, `15.4` or `9.6.24`; a major version alone is not enough (Patroni).
    init?(filter text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        let numbers = parts.compactMap(\.self)
        guard numbers.count == parts.count, numbers.allSatisfy({ (0...99).contains($0) }) else { return nil }
        switch numbers.count {
        case 2 where numbers[0] >= 10: self.init(numbers[0] * 10_000 + numbers[1])
        case 3: self.init(numbers[0] * 10_000 + numbers[1] * 100 + numbers[2])
        default: return nil
        }
    }
}
