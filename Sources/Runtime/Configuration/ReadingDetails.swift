import YAML

extension AgentConfigurationReading {
    /// Something that only a look at the host can find; placed where the key is written.
    public struct Problem: Hashable, Sendable {
        public var severity: Diagnostic.Severity
        /// Dotted, such as `restapi.listen`.
        public var key: String
        /// After "'key' " of the message.
        public var text: String
        public var allowed: String?

        public init(_ severity: Diagnostic.Severity, _ key: String, _ text: String, allowed: String? = nil) {
            self.severity = severity
            self.key = key
            self.text = text
            self.allowed = allowed
        }
    }

    /// Adds them at their keys' places; at the nearest section's where a key is not written.
    public mutating func add(_ found: [Problem]) {
        for problem in found {
            var place = root?.position ?? .start
            var node = root
            for name in problem.key.split(separator: ".") {
                guard let entry = node?.mapping?[String(name)] else { break }
                place = entry.value.mapping == nil ? entry.value.position : entry.keyPosition
                node = entry.value
            }
            let file = files.indices.contains(place.source) ? files[place.source] : files.first ?? ""
            problems.append(Diagnostic(
                problem.severity, file: file, at: place, "'\(problem.key)' \(problem.text)", allowed: problem.allowed))
        }
        problems = problems.enumerated().sorted {
            ($0.element.position, $0.offset) < ($1.element.position, $1.offset)
        }.map(\.element)
    }

    /// The configuration in force as YAML, without its secrets.
    public var printed: String? { root?.value.withoutSecrets.yamlText }
}

extension YAMLValue {
    private static let secretKeys: Set = ["password", "keyfile_password", "sslpassword"]

    fileprivate var withoutSecrets: YAMLValue {
        switch self {
        case .map(let fields):
            return .map(fields.map { field in
                if Self.secretKeys.contains(field.key) { return YAMLField(field.key, "(a secret)") }
                return YAMLField(field.key, field.value.withoutSecrets)
            })
        case .list(let items): return .list(items.map(\.withoutSecrets))
        case .null, .bool, .int, .double, .string: return self
        }
    }
}
