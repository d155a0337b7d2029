extension Schema {
    /// The keys as lines of a commented file. Keys in `values` are written with their value, the others as a
    /// comment with their default, each with its help at the end of the line.
    public func templateLines(indent: Int, values: [String: String] = [:], only: Set<String>? = nil) -> [String] {
        let shown = keys.filter { only?.contains($0.name) ?? true }
        let margin = String(repeating: " ", count: indent)
        let left = shown.map { key in
            if let value = values[key.name] { return "\(margin)\(key.name): \(value)" }
            return "\(margin)# \(key.name): \(key.defaultText ?? key.example ?? "")".trimmingTrailingSpaces
        }
        let width = min(44, left.map(\.count).max() ?? 0)
        return zip(shown, left).map { key, line in
            line + String(repeating: " ", count: max(2, width + 2 - line.count)) + "# " + key.templateHelp
        }
    }

    /// A Markdown table of the keys, then of every section below, for the documentation.
    public func markdown(path: String = "") -> String {
        var text = "| key | value | default | meaning |\n|---|---|---|---|\n"
        var below = ""
        for key in keys {
            let name = path.isEmpty ? key.name : "\(path).\(key.name)"
            let (allowed, nested) = key.type.documentation(path: name)
            let fallback = key.isRequired ? "required" : key.defaultText ?? ""
            let note = key.notApplied.map { ". No effect: \($0)" } ?? ""
            text += "| `\(name)` | \(allowed) | \(fallback) | \(key.help)\(note) |\n"
            below += nested
        }
        return text + below
    }
}

extension KeySpec {
    fileprivate var templateHelp: String {
        switch type {
        case .oneOf, .duration, .bytes: "\(help) (\(type.allowed))"
        case .text, .integer, .bool, .checked, .list, .section, .map, .either, .any: help
        }
    }
}

extension ValueType {
    /// The cell for the table, and the tables of sections below.
    fileprivate func documentation(path: String) -> (String, String) {
        switch self {
        case .section(let schema): ("section", "\n\(schema.markdown(path: path))")
        case .map(_, .section(let schema)): ("one section a name", "\n\(schema.markdown(path: path + ".NAME"))")
        case .either(let first, let second):
            (allowed, first.documentation(path: path).1 + second.documentation(path: path).1)
        default: (allowed, "")
        }
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var result = self
        while result.hasSuffix(" ") { result.removeLast() }
        return result
    }
}
