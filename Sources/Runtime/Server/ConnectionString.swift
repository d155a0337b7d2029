/// libpq's `keyword=value` text (libpq, "Keyword/Value Connection Strings").
public struct ConnectionString: Equatable, Sendable, CustomStringConvertible {
    /// In the order given.
    public var settings: [(name: String, value: String)]

    public init(_ settings: [(name: String, value: String)]) { self.settings = settings }

    public static func == (a: Self, b: Self) -> Bool {
        a.settings.elementsEqual(b.settings) { $0.name == $1.name && $0.value == $1.value }
    }

    public subscript(_ name: String) -> String? { settings.last { $0.name == name }?.value }

    /// Values in single quotes where needed, `'` and `\` escaped.
    public var description: String {
        settings.map { "\($0.name)=\(Self.quoted($0.value))" }.joined(separator: " ")
    }

    /// Nil when it is not of this form.
    public init?(parsing text: String) {
        settings = []
        var rest = Array(text)[...]
        func isSpace(_ c: Character) -> Bool { c.isWhitespace }
        while true {
            rest = rest.drop(while: isSpace)
            if rest.isEmpty { return }
            guard let equals = rest.firstIndex(of: "=") else { return nil }
            let name = String(rest[..<equals].filter { !isSpace($0) })
            rest = rest[(equals + 1)...].drop(while: isSpace)
            let isQuoted = rest.first == "'"
            if isQuoted { rest = rest.dropFirst() }
            var value = ""
            while let c = rest.first, isQuoted ? c != "'" : !isSpace(c) {
                rest = rest.dropFirst()
                guard c == "\\" else {
                    value.append(c)
                    continue
                }
                guard let escaped = rest.popFirst() else { return nil }
                value.append(escaped)
            }
            if isQuoted { guard rest.popFirst() == "'" else { return nil } }
            settings.append((name, value))
        }
    }

    private static func quoted(_ value: String) -> String {
        let plain = !value.isEmpty && value.allSatisfy { !$0.isWhitespace && $0 != "'" && $0 != "\\" }
        if plain { return value }
        var text = "'"
        for c in value {
            if c == "'" || c == "\\" { text.append("\\") }
            text.append(c)
        }
        return text + "'"
    }
}
