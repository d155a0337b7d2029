extension JSON {
    /// Compact text, no blanks: the form Patroni writes to the store.
    public var text: String {
        var out = ""
        write(to: &out, indent: nil)
        return out
    }

    /// Two-blank indentation, for people.
    public var prettyText: String {
        var out = ""
        write(to: &out, indent: 0)
        return out
    }

    private func write(to out: inout String, indent: Int?) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .int(let value): out += String(value)
        case .double(let value): out += value.isFinite ? "\(value)" : "null"
        case .string(let value): Self.write(value, to: &out)
        case .array(let items):
            Self.writeList(items.map { (nil, $0) }, brackets: ("[", "]"), to: &out, indent: indent)
        case .object(let object):
            Self.writeList(object.map { ($0.key, $0.value) }, brackets: ("{", "}"), to: &out, indent: indent)
        }
    }

    private static func writeList(
        _ items: [(String?, JSON)], brackets: (String, String), to out: inout String, indent: Int?
    ) {
        out += brackets.0
        for (index, (key, value)) in items.enumerated() {
            if index > 0 { out += "," }
            newline(to: &out, indent: indent.map { $0 + 1 })
            if let key {
                write(key, to: &out)
                out += indent == nil ? ":" : ": "
            }
            value.write(to: &out, indent: indent.map { $0 + 1 })
        }
        if !items.isEmpty { newline(to: &out, indent: indent) }
        out += brackets.1
    }

    private static func newline(to out: inout String, indent: Int?) {
        guard let indent else { return }
        out += "\n" + String(repeating: "  ", count: indent)
    }

    private static func write(_ string: String, to out: inout String) {
        out += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case let s where s.value < 0x20:
                let hex = String(s.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}
