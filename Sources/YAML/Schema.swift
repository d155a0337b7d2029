/// The keys a mapping may have. One table drives reading, suggestions, templates and documentation.
public struct Schema: Sendable {
    public enum Unknown: Sendable { case error, warning }

    /// How a person calls this mapping, such as `a host`.
    public var title: String
    public var keys: [KeySpec]
    /// What an unknown key is: an error in our own files, a warning in files that others define.
    public var unknown: Unknown
    /// Keys that begin so are left alone, for anchors that several places share; nil: none.
    public var freePrefix: String?
    /// Keys that must never hold a value here, with the reason and what to write instead.
    public var refused: [String: String]

    public init(
        _ title: String, unknown: Unknown = .error, freePrefix: String? = nil, refused: [String: String] = [:],
        _ keys: [KeySpec]
    ) {
        self.title = title
        self.unknown = unknown
        self.freePrefix = freePrefix
        self.refused = refused
        self.keys = keys
    }

    public subscript(name: String) -> KeySpec? { keys.first { $0.name == name } }
}

/// One key of a mapping.
public struct KeySpec: Sendable {
    public var name: String
    public var type: ValueType
    public var isRequired: Bool
    /// The default as a person reads it; nil: none, or said in `help`.
    public var defaultText: String?
    /// A value to show where there is no default.
    public var example: String?
    /// One sentence without a full stop.
    public var help: String
    /// Known, but without effect here: the reason is shown as a warning.
    public var notApplied: String?

    public init(
        _ name: String, _ type: ValueType, required: Bool = false, default defaultText: String? = nil,
        example: String? = nil, notApplied: String? = nil, _ help: String
    ) {
        self.name = name
        self.type = type
        self.isRequired = required
        self.defaultText = defaultText
        self.example = example
        self.notApplied = notApplied
        self.help = help
    }
}

/// What a value may be.
public indirect enum ValueType: Sendable {
    /// One line of text without control characters.
    case text
    case integer(ClosedRange<Int>)
    case bool
    case oneOf([String])
    case duration
    case bytes
    /// Text that a function judges; `allowed` says what it accepts.
    case checked(allowed: String, @Sendable (String) -> TextVerdict)
    case list(of: ValueType, minimum: Int)
    case section(Schema)
    /// A mapping whose keys the person chooses.
    case map(key: ValueType, value: ValueType)
    /// The first of these that fits; for keys with two forms.
    case either(ValueType, ValueType)
    case any
}

/// What a check says of a text.
public enum TextVerdict: Sendable {
    case good
    /// The problem after "'key' ", such as "has no port"; and what was probably meant.
    case bad(String, suggestion: String? = nil)
}

extension ValueType {
    /// For messages and documentation.
    public var allowed: String {
        switch self {
        case .text: "text"
        case .integer(let range) where range == 1...65535: "a port, 1...65535"
        case .integer(let range) where range.upperBound == .max && range.lowerBound == .min: "a whole number"
        case .integer(let range) where range.upperBound == .max: "a whole number from \(range.lowerBound)"
        case .integer(let range): "\(range.lowerBound)...\(range.upperBound)"
        case .bool: "true or false"
        case .oneOf(let words): words.joined(separator: ", ")
        case .duration: "a time such as 30, 30s, 5min"
        case .bytes: "a size such as 100MB, 16kB, 2GB"
        case .checked(let allowed, _): allowed
        case .list(let type, _): "a list of: \(type.allowed)"
        case .section(let schema): "a section with \(schema.keys.map(\.name).joined(separator: ", "))"
        case .map(_, let value): "a section of: \(value.allowed)"
        case .either(let a, let b): "\(a.allowed), or \(b.allowed)"
        case .any: "anything"
        }
    }

    public static let port = ValueType.integer(1...65535)

    public static func list(of type: ValueType) -> ValueType { .list(of: type, minimum: 0) }
}
