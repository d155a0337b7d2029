/// A value without its place: what the emitter writes, and what a node means by YAML's own rules.
public indirect enum YAMLValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case list([YAMLValue])
    case map([YAMLField])
}

/// One key of a mapping, with a comment to be written above it.
public struct YAMLField: Hashable, Sendable {
    public var key: String
    public var value: YAMLValue
    public var comment: String?

    public init(_ key: String, _ value: YAMLValue, comment: String? = nil) {
        self.key = key
        self.value = value
        self.comment = comment
    }
}

extension YAMLNode {
    /// The meaning of this node, typed by YAML's rules.
    public var value: YAMLValue {
        switch content {
        case .scalar(let scalar): scalar.resolved
        case .sequence(let items): .list(items.map(\.value))
        case .mapping(let mapping): .map(mapping.entries.map { YAMLField($0.key, $0.value.value) })
        }
    }
}

extension YAMLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: YAMLValue...) { self = .list(elements) }
}
