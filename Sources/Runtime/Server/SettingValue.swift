/// Values of PostgreSQL's settings, as far as two spellings of one value have to be told from two values
/// (documentation, "Parameter Names and Values").
enum SettingValue {
    /// `on`, `true`, `yes`, `1` and what begins unambiguously like them; nil: no boolean.
    static func flag(_ text: String) -> Bool? {
        let word = text.lowercased()
        guard !word.isEmpty else { return nil }
        if word == "1" || "true".hasPrefix(word) || "yes".hasPrefix(word) || word == "on" { return true }
        if word == "0" || "false".hasPrefix(word) || "no".hasPrefix(word) || word == "of" || word == "off" { return false }
        return nil
    }

    /// True when both mean the same to the server.
    /// - Parameters:
    ///   - kind: `vartype` of pg_settings.
    ///   - unit: `unit` of pg_settings; a bare number counts in it.
    static func same(_ a: String, _ b: String, kind: String, unit: String?) -> Bool {
        switch kind {
        case "bool": return flag(a) == flag(b) && flag(a) != nil
        case "integer", "real":
            guard let x = number(a, unit), let y = number(b, unit) else { return a == b }
            return kind == "integer" ? x.rounded() == y.rounded() : x == y
        case "enum": return level(a) == level(b)
        default: return a == b
        }
    }

    /// Both words have meant `replica` since PostgreSQL 9.6.
    private static func level(_ text: String) -> String {
        let word = text.lowercased()
        return ["hot_standby", "archive"].contains(word) ? "replica" : word
    }

    /// In the setting's unit.
    private static func number(_ text: String, _ unit: String?) -> Double? {
        let digits = text.prefix { $0.isNumber || ".+-eExX".contains($0) && $0 != "B" }
        let word = text.dropFirst(digits.count).filter { $0 != " " }
        guard let value = digits.lowercased().hasPrefix("0x") ? Int(digits.dropFirst(2), radix: 16).map(Double.init)
            : Double(digits) else { return nil }
        guard !word.isEmpty else { return value }
        guard let unit, let from = size(of: String(word)), let to = size(of: unit), from.isTime == to.isTime else { return nil }
        return value * from.factor / to.factor
    }

    /// Bytes, or microseconds.
    private static func size(of unit: String) -> (factor: Double, isTime: Bool)? {
        let bytes: [(String, Double)] = [("TB", 0x1p40), ("GB", 0x1p30), ("MB", 0x1p20), ("kB", 1024), ("B", 1)]
        let times: [(String, Double)] = [
            ("us", 1), ("ms", 1e3), ("s", 1e6), ("min", 6e7), ("h", 3.6e9), ("d", 8.64e10),
        ]
        // `8kB`, the unit of settings counted in blocks.
        let count = unit.prefix { $0.isNumber }
        let multiple = count.isEmpty ? 1 : Double(count) ?? 1
        let word = unit.dropFirst(count.count)
        if let found = bytes.first(where: { $0.0 == word }) { return (found.1 * multiple, false) }
        if let found = times.first(where: { $0.0 == word }) { return (found.1 * multiple, true) }
        return nil
    }
}
