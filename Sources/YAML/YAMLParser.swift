import CLibYAML

/// One YAML document. Duplicate keys are collected rather than thrown, so that they can be reported together
/// with everything else that is wrong in a file; the first of the duplicates counts.
public struct YAMLDocument: Sendable {
    /// Nil: the text is empty or holds only comments.
    public var root: YAMLNode?
    public var duplicates: [YAMLError]

    /// Reads a text. Throws at what cannot be read on from: syntax, a second document, limits, bad aliases.
    public init(collecting bytes: [UInt8], file: String, limits: YAMLLimits = .init()) throws(YAMLError) {
        guard bytes.count <= limits.size else {
            throw YAMLError(
                .tooLarge, file: file, at: .start, "the file has \(bytes.count) bytes; allowed: \(limits.size)")
        }
        var composer = YAMLComposer(file: file, limits: limits)
        do throws(YAMLError) {
            root = try composer.compose(bytes)
        } catch {
            throw error.explainingTab(in: bytes)
        }
        duplicates = composer.duplicates
    }

    /// Reads a text; a duplicate key is an error too.
    public static func parse(_ bytes: [UInt8], file: String, limits: YAMLLimits = .init()) throws(YAMLError) -> YAMLNode? {
        let document = try YAMLDocument(collecting: bytes, file: file, limits: limits)
        if let duplicate = document.duplicates.first { throw duplicate }
        return document.root
    }

    public static func parse(_ text: String, file: String, limits: YAMLLimits = .init()) throws(YAMLError) -> YAMLNode? {
        try parse(Array(text.utf8), file: file, limits: limits)
    }
}

extension YAMLError {
    /// libyaml's words for a tab used as indentation do not mention the tab.
    fileprivate func explainingTab(in bytes: [UInt8]) -> YAMLError {
        guard code == .syntax else { return self }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard position.line >= 1, position.line <= lines.count else { return self }
        let indentation = lines[position.line - 1].prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let tab = indentation.firstIndex(of: UInt8(ascii: "\t")) else { return self }
        let place = YAMLPosition(line: position.line, column: tab - indentation.startIndex + 1)
        return YAMLError(code, file: file, at: place, "a tab indents this line; allowed: spaces only")
    }
}

/// libyaml's parser, released at the end of its life.
private final class EventSource {
    private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    private let input: UnsafeBufferPointer<UInt8>

    /// `input` must outlive the source. Nil: no memory.
    init?(_ input: UnsafeBufferPointer<UInt8>) {
        self.input = input
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            return nil
        }
        yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    func next(file: String) throws(YAMLError) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure(file) }
        defer { yaml_event_delete(&event) }
        return Event(event)
    }

    private func failure(_ file: String) -> YAMLError {
        let state = parser.pointee
        let problem = state.problem.map { String(cString: $0) } ?? "cannot be read"
        switch state.error {
        case YAML_MEMORY_ERROR:
            return YAMLError(.outOfMemory, file: file, at: .start, "not enough memory to read the file")
        case YAML_READER_ERROR:
            // The reader knows only a byte offset.
            let place = position(ofByte: Int(clamping: state.problem_offset))
            return YAMLError(.syntax, file: file, at: place, "\(problem); allowed: UTF-8 text")
        default:
            let context = state.context.map { " (\(String(cString: $0)))" } ?? ""
            return YAMLError(.syntax, file: file, at: YAMLPosition(state.problem_mark), problem + context)
        }
    }

    private func position(ofByte offset: Int) -> YAMLPosition {
        let before = input.prefix(offset)
        let line = before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        // Continuation bytes do not begin a character.
        let column = before[lineStart...].reduce(1) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
        return YAMLPosition(line: line, column: column)
    }
}

extension YAMLPosition {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
    }
}

/// What the composer needs of libyaml's event.
private struct Event {
    enum Kind {
        case streamStart, documentStart, documentEnd, streamEnd
        case alias(String)
        case scalar(YAMLScalar, anchor: String?)
        case sequenceStart(anchor: String?)
        case mappingStart(anchor: String?)
        case collectionEnd
    }

    var kind: Kind
    var position: YAMLPosition

    init(_ event: yaml_event_t) {
        position = YAMLPosition(event.start_mark)
        switch event.type {
        case YAML_STREAM_START_EVENT: kind = .streamStart
        case YAML_DOCUMENT_START_EVENT: kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_ALIAS_EVENT: kind = .alias(Self.text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let data = event.data.scalar
            let bytes = UnsafeBufferPointer(start: data.value, count: data.length)
            let scalar = YAMLScalar(
                String(decoding: bytes, as: UTF8.self), style: Self.style(data.style), tag: Self.text(data.tag))
            kind = .scalar(scalar, anchor: Self.text(data.anchor))
        case YAML_SEQUENCE_START_EVENT: kind = .sequenceStart(anchor: Self.text(event.data.sequence_start.anchor))
        case YAML_MAPPING_START_EVENT: kind = .mappingStart(anchor: Self.text(event.data.mapping_start.anchor))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: kind = .collectionEnd
        default: kind = .streamEnd
        }
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    private static func style(_ style: yaml_scalar_style_t) -> YAMLScalar.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: .literal
        case YAML_FOLDED_SCALAR_STYLE: .folded
        default: .plain
        }
    }
}

/// Events -> nodes. Aliases share their anchor's value, so memory does not grow with them; what does grow, the
/// number of nodes a reader walks, is counted and bounded.
private struct YAMLComposer {
    /// A finished node with what it adds to the bounds.
    struct Composed {
        var node: YAMLNode
        var nodes: Int
        var height: Int
    }

    let file: String
    let limits: YAMLLimits
    var duplicates: [YAMLError] = []
    var anchors: [String: Composed] = [:]
    var openAnchors: Set<String> = []
    var nodes = 0

    init(file: String, limits: YAMLLimits) {
        self.file = file
        self.limits = limits
    }

    mutating func compose(_ bytes: [UInt8]) throws(YAMLError) -> YAMLNode? {
        // Not withUnsafeBufferPointer: its closure cannot carry the typed error and a mutable self.
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        defer { copy.deallocate() }
        _ = copy.initialize(from: bytes)
        guard let source = EventSource(UnsafeBufferPointer(rebasing: copy[..<bytes.count])) else {
            throw YAMLError(.outOfMemory, file: file, at: .start, "not enough memory to read the file")
        }
        return try document(source)
    }

    private mutating func document(_ source: EventSource) throws(YAMLError) -> YAMLNode? {
        var root: YAMLNode?
        while true {
            let event = try source.next(file: file)
            switch event.kind {
            case .streamStart, .documentEnd, .collectionEnd: continue
            case .streamEnd: return root
            case .documentStart:
                guard root == nil else {
                    throw fail(.severalDocuments, event, "a second document begins here; allowed: one document a file")
                }
            case .alias, .scalar, .sequenceStart, .mappingStart:
                root = try node(event, source, depth: 1).node
            }
        }
    }

    private mutating func node(_ event: Event, _ source: EventSource, depth: Int) throws(YAMLError) -> Composed {
        guard depth <= limits.depth else {
            throw fail(.tooLarge, event, "nested too deeply; allowed: \(limits.depth) levels")
        }
        switch event.kind {
        case .alias(let name): return try alias(name, event, depth: depth)
        case .scalar(let scalar, let anchor):
            try count(1, event)
            let result = Composed(node: YAMLNode(.scalar(scalar), at: event.position), nodes: 1, height: 1)
            if let anchor { anchors[anchor] = result }
            return result
        case .sequenceStart(let anchor):
            return try collection(anchor, event) { (composer) throws(YAMLError) in
                try composer.sequence(event, source, depth: depth)
            }
        case .mappingStart(let anchor):
            return try collection(anchor, event) { (composer) throws(YAMLError) in
                try composer.mapping(event, source, depth: depth)
            }
        case .streamStart, .documentStart, .documentEnd, .streamEnd, .collectionEnd:
            throw fail(.syntax, event, "a value is missing")
        }
    }

    private mutating func collection(
        _ anchor: String?, _ event: Event, _ body: (inout Self) throws(YAMLError) -> Composed
    ) throws(YAMLError) -> Composed {
        try count(1, event)
        guard let anchor else { return try body(&self) }
        openAnchors.insert(anchor)
        let result = try body(&self)
        openAnchors.remove(anchor)
        anchors[anchor] = result
        return result
    }

    private mutating func alias(_ name: String, _ event: Event, depth: Int) throws(YAMLError) -> Composed {
        if openAnchors.contains(name) { throw fail(.badAlias, event, "*\(name) lies inside &\(name) itself") }
        guard let target = anchors[name] else {
            throw fail(.badAlias, event, "*\(name) has no anchor &\(name) before it")
        }
        guard depth + target.height - 1 <= limits.depth else {
            throw fail(.tooLarge, event, "*\(name) nests too deeply; allowed: \(limits.depth) levels")
        }
        try count(target.nodes, event)
        return target
    }

    private mutating func sequence(_ start: Event, _ source: EventSource, depth: Int) throws(YAMLError) -> Composed {
        var items: [YAMLNode] = []
        var nodes = 1
        var height = 0
        while true {
            let event = try source.next(file: file)
            if case .collectionEnd = event.kind { break }
            let item = try node(event, source, depth: depth + 1)
            items.append(item.node)
            nodes += item.nodes
            height = max(height, item.height)
        }
        return Composed(node: YAMLNode(.sequence(items), at: start.position), nodes: nodes, height: height + 1)
    }

    private mutating func mapping(_ start: Event, _ source: EventSource, depth: Int) throws(YAMLError) -> Composed {
        var builder = MappingBuilder()
        var nodes = 1
        var height = 0
        while true {
            let keyEvent = try source.next(file: file)
            if case .collectionEnd = keyEvent.kind { break }
            let key = try node(keyEvent, source, depth: depth + 1)
            guard let scalar = key.node.scalar else {
                throw fail(.complexKey, keyEvent, "this key is a list or a mapping; allowed: plain text as a key")
            }
            let value = try node(try source.next(file: file), source, depth: depth + 1)
            nodes += key.nodes + value.nodes
            height = max(height, value.height)
            if scalar.text == "<<", scalar.style == .plain {
                try builder.merge(value.node, at: keyEvent.position, file: file)
            } else if let first = builder.add(scalar.text, at: keyEvent.position, value.node) {
                duplicates.append(fail(
                    .duplicateKey, keyEvent, "the key '\(scalar.text.excerpt)' is already there at line \(first.line)"))
            }
        }
        let content = YAMLNode(.mapping(builder.mapping), at: start.position)
        return Composed(node: content, nodes: nodes, height: height + 1)
    }

    private mutating func count(_ more: Int, _ event: Event) throws(YAMLError) {
        nodes += more
        guard nodes <= limits.nodes else {
            throw fail(.tooLarge, event, "too many values after aliases are expanded; allowed: \(limits.nodes)")
        }
    }

    private func fail(_ code: YAMLError.Code, _ event: Event, _ message: String) -> YAMLError {
        YAMLError(code, file: file, at: event.position, message)
    }
}

/// Own keys in their order, then those that merge keys (`<<`) bring and that are not there already.
private struct MappingBuilder {
    private var own: [YAMLMapping.Entry] = []
    private var merged: [YAMLMapping.Entry] = []
    private var ownKeys: [String: YAMLPosition] = [:]
    private var mergedKeys: Set<String> = []

    /// Where the key already is; nil when it is new.
    mutating func add(_ key: String, at position: YAMLPosition, _ value: YAMLNode) -> YAMLPosition? {
        if let first = ownKeys[key] { return first }
        ownKeys[key] = position
        own.append(.init(key: key, keyPosition: position, value: value))
        return nil
    }

    mutating func merge(_ value: YAMLNode, at position: YAMLPosition, file: String) throws(YAMLError) {
        for source in value.sequence ?? [value] {
            guard let mapping = source.mapping else {
                throw YAMLError(
                    .badAlias, file: file, at: position, "'<<' merges mappings only; allowed: an alias such as *defaults")
            }
            for entry in mapping.entries where mergedKeys.insert(entry.key).inserted { merged.append(entry) }
        }
    }

    var mapping: YAMLMapping { YAMLMapping(own + merged.filter { ownKeys[$0.key] == nil }) }
}

extension String {
    /// Short enough for a message, and without characters that could disturb a terminal.
    public var excerpt: String {
        var result = ""
        for scalar in unicodeScalars.prefix(60) {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            if isControl { result += "?" } else { result.unicodeScalars.append(scalar) }
        }
        return unicodeScalars.count > 60 ? result + "..." : result
    }
}
