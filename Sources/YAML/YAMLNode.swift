/// A place in a file; line and column count from 1, the column in Unicode scalars. Zero: made, not read.
public struct YAMLPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var line: Int
    public var column: Int
    /// Which of several files, by its index in `Diagnostics.files`.
    public var source: Int

    public init(line: Int, column: Int, source: Int = 0) {
        self.line = line
        self.column = column
        self.source = source
    }

    public static let start = YAMLPosition(line: 1, column: 1)

    public var description: String { "\(line):\(column)" }

    public static func < (a: Self, b: Self) -> Bool { (a.source, a.line, a.column) < (b.source, b.line, b.column) }
}

/// One node of a document, with the place where it was written. Aliases and merge keys are already resolved;
/// a node that came through an alias keeps the place of its anchor, because that is where a mistake in it is.
public struct YAMLNode: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        case mapping(YAMLMapping)
    }

    public var position: YAMLPosition
    public var content: Content

    public init(_ content: Content, at position: YAMLPosition) {
        self.content = content
        self.position = position
    }

    public var scalar: YAMLScalar? { if case .scalar(let scalar) = content { scalar } else { nil } }
    public var sequence: [YAMLNode]? { if case .sequence(let items) = content { items } else { nil } }
    public var mapping: YAMLMapping? { if case .mapping(let mapping) = content { mapping } else { nil } }

    /// The value below `key` when this is a mapping.
    public subscript(key: String) -> YAMLNode? { mapping?[key]?.value }
}

/// A scalar as it was written: its text, how it was quoted, and an explicit tag such as `!!str`.
public struct YAMLScalar: Hashable, Sendable {
    public enum Style: Hashable, Sendable { case plain, singleQuoted, doubleQuoted, literal, folded }

    public var text: String
    public var style: Style
    /// The full tag (`tag:yaml.org,2002:str`), nil when none was written.
    public var tag: String?

    public init(_ text: String, style: Style = .plain, tag: String? = nil) {
        self.text = text
        self.style = style
        self.tag = tag
    }
}

/// A mapping with its entries in the order of the file. Keys are unique scalars.
public struct YAMLMapping: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        public var key: String
        public var keyPosition: YAMLPosition
        public var value: YAMLNode

        public init(key: String, keyPosition: YAMLPosition, value: YAMLNode) {
            self.key = key
            self.keyPosition = keyPosition
            self.value = value
        }
    }

    public var entries: [Entry]

    public init(_ entries: [Entry] = []) { self.entries = entries }

    public subscript(key: String) -> Entry? { entries.first { $0.key == key } }
}
