extension Schema {
    /// Compares a mapping with the table and reports everything that does not fit. Afterwards the typed reader
    /// may ignore whatever has the wrong form: it has been reported.
    public func check(_ node: YAMLNode, named name: String, _ report: inout Diagnostics) {
        guard let mapping = node.mapping else {
            // The text is not repeated: somebody may have written `user:password` in place of a section.
            let found = node.isNull ? "is empty" : node.scalar != nil ? "is text" : "is \(node.kindText)"
            report.error("'\(name)' \(found)", at: node.position, allowed: ValueType.section(self).allowed)
            return
        }
        for entry in mapping.entries { check(entry, &report) }
        for key in keys where key.isRequired && mapping[key.name] == nil {
            report.error("\(title) has no '\(key.name)'", at: node.position, allowed: key.type.allowed)
        }
    }

    private func check(_ entry: YAMLMapping.Entry, _ report: inout Diagnostics) {
        if let freePrefix, entry.key.hasPrefix(freePrefix) { return }
        if let reason = refused[entry.key] {
            report.error("'\(entry.key)' \(reason)", at: entry.keyPosition)
            return
        }
        guard let spec = self[entry.key] else {
            unknownKey(entry, &report)
            return
        }
        if let reason = spec.notApplied {
            report.warning("'\(spec.name)' has no effect: \(reason)", at: entry.keyPosition)
        }
        // A key left empty is a key not given, as everywhere in the world of YAML, unless something must be there.
        // The same goes for an empty text in the files of others, where it says "the default".
        let isEmpty = entry.value.isNull || unknown == .warning && entry.value.asText == ""
        if isEmpty, !spec.isRequired { return }
        spec.type.check(entry.value, named: spec.name, &report)
    }

    private func unknownKey(_ entry: YAMLMapping.Entry, _ report: inout Diagnostics) {
        let problem = "unknown key '\(entry.key.excerpt)' in \(title)"
        let suggestion = nearest(to: entry.key, among: keys.map(\.name))
        let allowed = keys.map(\.name).joined(separator: ", ")
        switch unknown {
        case .error: report.error(problem, at: entry.keyPosition, allowed: allowed, suggestion: suggestion)
        case .warning:
            let problem = problem + ", ignored"
            report.warning(problem, at: entry.keyPosition, suggestion: suggestion)
        }
    }
}

extension ValueType {
    /// Reports whatever keeps `node` from being a value of this type.
    public func check(_ node: YAMLNode, named name: String, _ report: inout Diagnostics) {
        switch self {
        case .any: return
        case .section(let schema): schema.check(node, named: name, &report)
        case .list(let type, let minimum): checkList(node, named: name, of: type, minimum: minimum, &report)
        case .map(let key, let value): checkMap(node, named: name, key: key, value: value, &report)
        case .either(let first, let second):
            var trial = Diagnostics(file: report.file)
            first.check(node, named: name, &trial)
            guard trial.hasErrors else { return }
            // A word where a word or a section may stand is a misspelt word.
            if case .checked(_, let verdict) = first, case .section = second, node.asText?.isEmpty == false {
                ValueType.checked(allowed: allowed, verdict).check(node, named: name, &report)
            } else {
                second.check(node, named: name, &report)
            }
        case .text, .integer, .bool, .oneOf, .duration, .bytes, .checked:
            checkScalar(node, named: name, &report)
        }
    }

    private func checkScalar(_ node: YAMLNode, named name: String, _ report: inout Diagnostics) {
        guard let scalar = node.scalar, let text = node.asText else {
            let found = node.isNull ? "is empty" : "is \(node.kindText)"
            report.error("'\(name)' \(found)", at: node.position, allowed: allowed)
            return
        }
        if case .bad(let problem, let suggestion) = verdict(scalar, text) {
            report.error("'\(name)' \(problem)", at: node.position, allowed: allowed, suggestion: suggestion)
        }
    }

    private func verdict(_ scalar: YAMLScalar, _ text: String) -> TextVerdict {
        let quoted = "is '\(text.excerpt)'"
        switch self {
        case .text:
            if text.isEmpty { return .bad("is empty") }
            return text.isOneLine ? .good : .bad("holds a line break or a control character")
        case .integer(let range):
            guard let value = parseInteger(text) else { return .bad(quoted + ", not a whole number") }
            return range.contains(value) ? .good : .bad(quoted + ", out of range")
        case .bool:
            return parseBool(text) != nil ? .good : .bad(quoted, suggestion: nearest(to: text, among: boolWords))
        case .oneOf(let words):
            return words.contains(text) ? .good : .bad(quoted, suggestion: nearest(to: text, among: words))
        case .duration: return parseDuration(text) != nil ? .good : .bad(quoted + ", not a time")
        case .bytes: return parseByteCount(text) != nil ? .good : .bad(quoted + ", not a size")
        case .checked(_, let check):
            guard text.isOneLine else { return .bad("holds a line break or a control character") }
            return check(text)
        case .list, .section, .map, .either, .any: return .good
        }
    }

    private func checkList(
        _ node: YAMLNode, named name: String, of type: ValueType, minimum: Int, _ report: inout Diagnostics
    ) {
        guard let items = node.sequence else {
            let suggestion = node.asText.map { "[\($0.excerpt)]" }
            let found = node.isNull ? "is empty" : "is \(node.kindText)"
            report.error("'\(name)' \(found), not a list", at: node.position, allowed: allowed, suggestion: suggestion)
            return
        }
        if items.count < minimum {
            report.error(
                "'\(name)' is an empty list", at: node.position, allowed: "at least \(minimum) of: \(type.allowed)")
        }
        for item in items { type.check(item, named: name, &report) }
    }

    private func checkMap(
        _ node: YAMLNode, named name: String, key: ValueType, value: ValueType, _ report: inout Diagnostics
    ) {
        guard let mapping = node.mapping else {
            let found = node.isNull ? "is empty" : "is \(node.kindText)"
            report.error("'\(name)' \(found)", at: node.position, allowed: allowed)
            return
        }
        for entry in mapping.entries {
            let keyNode = YAMLNode(.scalar(YAMLScalar(entry.key, style: .doubleQuoted)), at: entry.keyPosition)
            key.check(keyNode, named: "name in \(name)", &report)
            value.check(entry.value, named: entry.key.excerpt, &report)
        }
    }
}

private let boolWords = ["true", "false", "on", "off", "yes", "no"]

extension YAMLNode {
    /// What kind of node this is, for messages.
    public var kindText: String {
        switch content {
        case .scalar(let scalar): scalar.isNull ? "empty" : "the text '\(scalar.text.excerpt)'"
        case .sequence: "a list"
        case .mapping: "a section"
        }
    }
}

extension String {
    /// No line break, no control character.
    public var isOneLine: Bool {
        !unicodeScalars.contains { scalar in
            scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || [0x2028, 0x2029].contains(scalar.value)
        }
    }
}
