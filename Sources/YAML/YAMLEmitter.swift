extension YAMLValue {
    /// Block-style YAML, two spaces a level, always the same text for the same value. Strings are quoted
    /// whenever any YAML reader (1.1 or 1.2) could take them for something else.
    public var yamlText: String {
        switch self {
        case .map(let fields) where !fields.isEmpty: fieldsText(fields, indent: 0)
        case .list(let items) where !items.isEmpty: itemsText(items, indent: 0)
        default: inlineText + "\n"
        }
    }

    private func fieldsText(_ fields: [YAMLField], indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var text = ""
        for field in fields {
            if let comment = field.comment { text += commentText(comment, margin: margin) }
            text += "\(margin)\(quotedIfNeeded(field.key)):" + nestedText(field.value, indent: indent)
        }
        return text
    }

    private func nestedText(_ value: YAMLValue, indent: Int) -> String {
        switch value {
        case .map(let fields) where !fields.isEmpty: "\n" + fieldsText(fields, indent: indent + 2)
        case .list(let items) where !items.isEmpty: "\n" + itemsText(items, indent: indent + 2)
        default: " " + value.inlineText + "\n"
        }
    }

    private func itemsText(_ items: [YAMLValue], indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        return items.map { item in
            switch item {
            // The first key of a mapping stands on the dash's line, unless a comment stands above it.
            case .map(let fields) where !fields.isEmpty && fields[0].comment == nil:
                margin + "- " + fieldsText(fields, indent: indent + 2).dropFirst(indent + 2)
            default: margin + "-" + nestedText(item, indent: indent)
            }
        }.joined()
    }

    private var inlineText: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .double(let value): "\(value)"
        case .string(let value): quotedIfNeeded(value)
        case .list: "[]"
        case .map: "{}"
        }
    }
}

/// Comment lines; whatever the text holds, nothing of it leaves the comment.
func commentText(_ comment: String, margin: String) -> String {
    let lines = comment.split(omittingEmptySubsequences: false) { $0.isNewline }
    return lines.map { $0.isEmpty ? "\(margin)#\n" : "\(margin)# \($0.filter { !$0.isControl })\n" }.joined()
}

extension Character {
    fileprivate var isControl: Bool {
        unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) || isUnprintable($0) }
    }
}

/// Plain where that is safe for every reader, double-quoted otherwise.
func quotedIfNeeded(_ text: String) -> String { isSafePlain(text) ? text : doubleQuoted(text) }

private func isSafePlain(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, let last = bytes.last, bytes.count <= 512 else { return false }
    guard isLetterOrDigit(first) || first == UInt8(ascii: "/") || first == UInt8(ascii: "_") else { return false }
    guard last != UInt8(ascii: " "), last != UInt8(ascii: ":") else { return false }
    for (index, byte) in bytes.enumerated() {
        switch byte {
        case _ where isLetterOrDigit(byte): continue
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "@"),
            UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "%"):
            continue
        case UInt8(ascii: ":"): guard bytes[index + 1] != UInt8(ascii: " ") else { return false }
        case UInt8(ascii: " "): continue
        default: return false
        }
    }
    return !couldBeTyped(text)
}

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
}

/// Whether a YAML 1.1 or 1.2 reader could see a null, boolean, number, sexagesimal, date or merge key.
private func couldBeTyped(_ text: String) -> Bool {
    if ["null", "y", "n", "yes", "no", "on", "off", "true", "false"].contains(text.lowercased()) { return true }
    guard let first = text.utf8.first else { return true }
    guard (0x30...0x39).contains(first) else { return false }
    // Only digits and what numbers and dates are made of. Some readers of YAML 1.1 even take 10.0.0.1 for a number.
    return text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
            || "xobXOB_.:+- TtZz".utf8.contains(byte)
    }
}

/// Neither YAML nor every reader of it takes these unescaped.
private func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x85, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: true
    default: scalar.value >= 0x1_0000 && scalar.value & 0xFFFE == 0xFFFE
    }
}

func doubleQuoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case "\r": result += "\\r"
        case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
            result += "\\x" + hex(scalar, digits: 2)
        case _ where isUnprintable(scalar):
            result += scalar.value > 0xFFFF ? "\\U" + hex(scalar, digits: 8) : "\\u" + hex(scalar, digits: 4)
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

private func hex(_ scalar: Unicode.Scalar, digits: Int) -> String {
    let text = String(scalar.value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}
