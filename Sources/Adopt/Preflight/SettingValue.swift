import Facts

/// Values of settings as PostgreSQL compares them: `128MB` in a file and `16384` with the unit `8kB` are the same.
enum SettingValue {
    /// Bytes of a unit of pg_settings or of a file; nil when it counts something else.
    static func bytesPerUnit(_ unit: String?) -> Int64? {
        switch unit {
        case "B": 1
        case "kB": 1 << 10
        case "8kB": 8 << 10
        case "16kB": 16 << 10
        case "32kB": 32 << 10
        case "MB": 1 << 20
        case "16MB": 16 << 20
        case "GB": 1 << 30
        case "TB": 1 << 40
        default: nil
        }
    }

    static func secondsPerUnit(_ unit: String?) -> Double? {
        switch unit {
        case "us": 0.000_001
        case "ms": 0.001
        case "s": 1
        case "min": 60
        case "h": 3600
        case "d": 86_400
        default: nil
        }
    }

    /// True when a value written in a file means another one than the server runs with. Unknown spellings count as
    /// the same: a false alarm here costs trust.
    static func differs(written: String, from running: SettingFacts) -> Bool {
        switch running.type {
        case "bool":
            guard let wanted = truth(written), let value = truth(running.value) else { return false }
            return wanted != value
        case "integer", "real":
            guard let wanted = number(written, unit: running.unit), let value = Double(running.value) else { return false }
            // Rounding to the setting's own unit is no difference.
            return abs(wanted - value) >= 1 || running.type == "real" && abs(wanted - value) > 1e-6
        case "enum":
            if written.lowercased() == running.value.lowercased() { return false }
            return truth(written) == nil || truth(written) != truth(running.value)
        case "string": return written != running.value
        default: return false
        }
    }

    private static func truth(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "on", "true", "yes", "1", "t", "y": true
        case "off", "false", "no", "0", "f", "n": false
        default: nil
        }
    }

    /// A number with an optional unit, in `unit`.
    static func number(_ text: String, unit: String?) -> Double? {
        let digits = text.prefix { $0.isNumber || $0 == "." || $0 == "-" }
        guard let value = Double(digits) else { return nil }
        let suffix = text.dropFirst(digits.count).filter { $0 != " " }
        if suffix.isEmpty { return value }
        if let from = bytesPerUnit(suffix), let to = bytesPerUnit(unit) { return value * Double(from) / Double(to) }
        if let from = secondsPerUnit(suffix), let to = secondsPerUnit(unit) { return value * from / to }
        return nil
    }
}
