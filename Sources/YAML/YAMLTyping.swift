/// Typed readings of a scalar, on demand: the reader of a key says what it expects. YAML 1.2's core types, and
/// `on`, `off`, `yes`, `no` as booleans, because PostgreSQL's people write them and Patroni's files mean them.
extension YAMLNode {
    /// The text of a scalar however quoted; nil for null, lists and mappings.
    public var asText: String? {
        guard let scalar, !scalar.isNull else { return nil }
        return scalar.text
    }

    /// A whole number, also when quoted. A leading zero is not one: some read it as octal.
    public var asInt: Int? { scalar.flatMap { parseInteger($0.text) } }

    /// `true`, `on`, `yes` and their opposites, in any case and also when quoted.
    public var asBool: Bool? { scalar.flatMap { parseBool($0.text) } }

    /// A time with PostgreSQL's units (`us`, `ms`, `s`, `min`, `h`, `d`); seconds without one.
    public var asDuration: Duration? { scalar.flatMap { parseDuration($0.text) } }

    /// Bytes with PostgreSQL's units (`B`, `kB`, `MB`, `GB`, `TB`, powers of 1024); bytes without one.
    public var asByteCount: Int64? { scalar.flatMap { parseByteCount($0.text) } }

    public var isNull: Bool { scalar?.isNull ?? false }
}

extension YAMLScalar {
    /// Nothing, `~` or `null`, unquoted.
    public var isNull: Bool {
        guard style == .plain, tag == nil || tag == "tag:yaml.org,2002:null" else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// What a plain scalar is by YAML's rules; quoted ones and those tagged `!!str` are text.
    public var resolved: YAMLValue {
        if isNull { return .null }
        guard style == .plain, tag != "tag:yaml.org,2002:str", tag != "!" else { return .string(text) }
        if let value = parseBool(text) { return .bool(value) }
        if let value = parseInteger(text) { return .int(value) }
        if looksLikeDecimal(text), let value = Double(text), value.isFinite { return .double(value) }
        return .string(text)
    }
}

func parseInteger(_ text: String) -> Int? {
    let digits = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    guard digits.count == 1 || digits.first != "0" else { return nil }
    return Int(text)
}

func parseBool(_ text: String) -> Bool? {
    guard text.utf8.count <= 5 else { return nil }
    return switch text.lowercased() {
    case "true", "on", "yes": true
    case "false", "off", "no": false
    default: nil
    }
}

/// Digits with a point or an exponent, so that `nan`, `inf` and hexadecimal stay text.
func looksLikeDecimal(_ text: String) -> Bool {
    let unsigned = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
    guard let first = unsigned.utf8.first, (0x30...0x39).contains(first) else { return false }
    guard unsigned.contains(where: { ".eE".contains($0) }) else { return false }
    return unsigned.utf8.allSatisfy { (0x30...0x39).contains($0) || ".eE+-".utf8.contains($0) }
}

/// A time of at least zero; seconds when no unit is given.
public func parseDuration(_ text: String) -> Duration? {
    guard let (number, unit) = splitQuantity(text) else { return nil }
    let microseconds: Double? = switch unit {
    case "us": 1
    case "ms": 1e3
    case "", "s", "sec", "second", "seconds": 1e6
    case "min", "minute", "minutes": 60e6
    case "h", "hour", "hours": 3600e6
    case "d", "day", "days": 86_400e6
    default: nil
    }
    guard let microseconds, let value = Int64(exactly: (number * microseconds).rounded()) else { return nil }
    // Beyond a century a time is a mistake, and later arithmetic could overflow.
    return value <= 100 * 366 * 86_400_000_000 ? .microseconds(value) : nil
}

/// A number of bytes of at least zero. `k`, `M` and `G` alone are pg_basebackup's spelling of the same units.
public func parseByteCount(_ text: String) -> Int64? {
    guard let (number, unit) = splitQuantity(text) else { return nil }
    let power: Int? = switch unit.lowercased() {
    case "", "b": 0
    case "k", "kb", "kib": 1
    case "m", "mb", "mib": 2
    case "g", "gb", "gib": 3
    case "t", "tb", "tib": 4
    default: nil
    }
    guard let power else { return nil }
    return Int64(exactly: (number * Double(Int64(1) << (10 * power))).rounded())
}

/// `5min`, `1.5 GB` -> the number and the unit.
private func splitQuantity(_ text: String) -> (Double, String)? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let first = digits.first, first != ".", digits.last != ".", digits.count <= 18 else { return nil }
    guard let number = Double(digits) else { return nil }
    let rest = text.dropFirst(digits.count)
    let unit = rest.first == " " ? rest.dropFirst() : rest
    return (number, String(unit))
}
