/// Events -> nodes. Aliases share their anchor's value, so memory does not grow with them; what does grow, the
/// number of nodes a reader walks, is counted and bounded.
struct YAMLComposer {
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
                    .badAlias, file: file, at: position,
                    "'<<' merges mappings only; allowed: an alias as in <<: *defaults")
            }
            for entry in mapping.entries where mergedKeys.insert(entry.key).inserted { merged.append(entry) }
        }
    }

    var mapping: YAMLMapping { YAMLMapping(own + merged.filter { ownKeys[$0.key] == nil }) }
}
