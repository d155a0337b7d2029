/// Why a text is not one YAML document that pgadopt reads.
public struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// Not YAML: a quote that does not end, a tab as indentation, bytes that are not UTF-8.
        case syntax
        /// More than one document in the file.
        case severalDocuments
        case duplicateKey
        /// A key that is a list or a mapping.
        case complexKey
        /// An alias without its anchor, inside its own anchor, or a merge of something that is not a mapping.
        case badAlias
        /// Too large, too deep, or too much after its aliases are expanded.
        case tooLarge
        case outOfMemory
    }

    public var code: Code
    public var file: String
    public var position: YAMLPosition
    public var message: String

    public init(_ code: Code, file: String, at position: YAMLPosition, _ message: String) {
        self.code = code
        self.file = file
        self.position = position
        self.message = message
    }

    public var description: String { "\(file):\(position): \(message)" }
}

/// What a text may cost. The defaults are far above any real configuration and far below what hurts.
public struct YAMLLimits: Sendable {
    /// Bytes of the text.
    public var size = 4 << 20
    /// Levels of nesting, aliases expanded.
    public var depth = 64
    /// Nodes, aliases and merges expanded.
    public var nodes = 200_000

    public init() {}
}
