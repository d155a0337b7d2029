/// One thing that is wrong, or suspicious, in a file a person wrote.
public struct Diagnostic: Hashable, Sendable, CustomStringConvertible {
    public enum Severity: String, Hashable, Sendable { case error, warning }

    public var severity: Severity
    public var file: String
    public var position: YAMLPosition
    /// What is wrong; never holds the value of a secret.
    public var problem: String
    /// What would be right, such as `1...65535` or a list of words.
    public var allowed: String?
    /// The nearest thing that would be right.
    public var suggestion: String?

    public init(
        _ severity: Severity = .error, file: String, at position: YAMLPosition, _ problem: String,
        allowed: String? = nil, suggestion: String? = nil
    ) {
        self.severity = severity
        self.file = file
        self.position = position
        self.problem = problem
        self.allowed = allowed
        self.suggestion = suggestion
    }

    public init(_ error: YAMLError) {
        self.init(file: error.file, at: error.position, error.message)
    }

    /// `file:line:column: what is wrong; allowed: what is right; did you mean 'x'?`
    public var description: String {
        var text = "\(file):\(position): "
        if severity == .warning { text += "warning: " }
        return text + message
    }

    /// `what is wrong; allowed: what is right; did you mean 'x'?`
    public var message: String {
        var text = problem
        if let allowed { text += "; allowed: \(allowed)" }
        if let suggestion { text += "; did you mean '\(suggestion)'?" }
        return text
    }
}

/// Collects what is wrong in one file, or in several that are read as one; hands it out in their order.
public struct Diagnostics: Sendable {
    public private(set) var files: [String]
    private var items: [Diagnostic] = []

    public init(file: String) { files = [file] }

    public var file: String { files[0] }

    /// Another source beside the first; its index is what positions in it carry.
    public mutating func addSource(_ name: String) -> Int {
        files.append(name)
        return files.count - 1
    }

    private func name(of position: YAMLPosition) -> String {
        files.indices.contains(position.source) ? files[position.source] : file
    }

    public mutating func error(
        _ problem: String, at position: YAMLPosition, allowed: String? = nil, suggestion: String? = nil
    ) {
        items.append(Diagnostic(
            .error, file: name(of: position), at: position, problem, allowed: allowed, suggestion: suggestion))
    }

    public mutating func warning(
        _ problem: String, at position: YAMLPosition, allowed: String? = nil, suggestion: String? = nil
    ) {
        items.append(Diagnostic(
            .warning, file: name(of: position), at: position, problem, allowed: allowed, suggestion: suggestion))
    }

    public mutating func append(_ error: YAMLError) { items.append(Diagnostic(error)) }

    public mutating func append(_ diagnostic: Diagnostic) { items.append(diagnostic) }

    public var hasErrors: Bool { items.contains { $0.severity == .error } }

    /// By position; what was found first at one place comes first. The same sentence appears once: a value
    /// that is used through several aliases would repeat it.
    public var sorted: [Diagnostic] {
        var seen: Set<Diagnostic> = []
        let unique = items.filter { seen.insert($0).inserted }
        return unique.enumerated().sorted { ($0.element.position, $0.offset) < ($1.element.position, $1.offset) }
            .map(\.element)
    }
}
