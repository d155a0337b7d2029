/// A log line's form in Python's `%(name)s` notation, as `log.format` has it.
public struct LogFormat: Hashable, Sendable {
    public enum Field: String, CaseIterable, Hashable, Sendable {
        case time = "asctime"
        case level = "levelname"
        case message
        case logger = "name"
        case process, module, funcName, lineno, filename, threadName
    }

    public enum Piece: Hashable, Sendable {
        case text(String)
        /// A width pads: right-aligned when positive, left-aligned when negative.
        case field(Field, width: Int)
    }

    /// A field of the JSON form with the name it gets there.
    public struct NamedField: Hashable, Sendable {
        public var field: Field
        public var name: String

        public init(field: Field, name: String) {
            self.field = field
            self.name = name
        }
    }

    public var pieces: [Piece]

    /// The fields in order, under their own names.
    public var fields: [NamedField] {
        pieces.compactMap { if case .field(let field, _) = $0 { .init(field: field, name: field.rawValue) } else { nil } }
    }

    /// Patroni's default, `%(asctime)s %(levelname)s: %(message)s`.
    public static let standard = LogFormat(pieces: [
        .field(.time, width: 0), .text(" "), .field(.level, width: 0), .text(": "), .field(.message, width: 0),
    ])

    public init(pieces: [Piece]) { self.pieces = pieces }

    /// The notation this was read from.
    public var text: String {
        pieces.map { piece in
            switch piece {
            case .text(let text): text.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%")
            case .field(let field, let width): "%(\(field.rawValue))\(width == 0 ? "" : String(width))s"
            }
        }.joined()
    }

    /// Nil: a `%` that begins neither `%%` nor a field of ours.
    public init?(_ text: String) {
        pieces = []
        var plain = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            guard character == "%" else {
                plain.append(character)
                continue
            }
            if rest.first == "%" {
                plain.append(rest.removeFirst())
                continue
            }
            guard let piece = Self.field(&rest) else { return nil }
            if !plain.isEmpty { pieces.append(.text(plain)) }
            plain = ""
            pieces.append(piece)
        }
        if !plain.isEmpty { pieces.append(.text(plain)) }
    }

    /// `(levelname)-8s` -> the field and its width.
    private static func field(_ rest: inout Substring) -> Piece? {
        guard rest.first == "(", let close = rest.firstIndex(of: ")") else { return nil }
        let name = String(rest[rest.index(after: rest.startIndex)..<close])
        rest = rest[rest.index(after: close)...]
        let digits = rest.prefix { $0 == "-" || $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(digits.count)
        guard let field = Field(rawValue: name), let kind = rest.popFirst(), kind == "s" || kind == "d" else { return nil }
        guard digits.isEmpty || Int(digits).map({ abs($0) <= 200 }) ?? false else { return nil }
        return .field(field, width: Int(digits) ?? 0)
    }

    /// The line for these values; fields that a caller does not know are empty.
    public func line(_ value: (Field) -> String) -> String {
        var result = ""
        for piece in pieces {
            switch piece {
            case .text(let text): result += text
            case .field(let field, let width):
                let text = value(field)
                let padding = String(repeating: " ", count: max(0, abs(width) - text.count))
                result += width < 0 ? text + padding : padding + text
            }
        }
        return result
    }
}
