import YAML

/// A text that holds a configuration, with the name that messages give it.
public struct ConfigurationSource: Hashable, Sendable {
    public var name: String
    public var bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

extension AgentConfiguration {
    /// The configuration in force from what an agent is started with (compatibility sheet d.1): the files in their
    /// order, later keys over earlier ones, then the environment over them. Without a file, `PATRONI_CONFIGURATION`
    /// holds all of it and hides the other variables; without that, the variables alone.
    public static func read(
        _ files: [ConfigurationSource], environment: [String: String]
    ) -> AgentConfigurationReading {
        var sources = files
        let whole = environment[EnvironmentVariables.whole] ?? ""
        let isWhole = files.isEmpty && !whole.isEmpty
        if isWhole { sources = [.init(name: EnvironmentVariables.whole, bytes: Array(whole.utf8))] }
        var reader = AgentConfigurationReader(path: sources.first?.name ?? "environment")
        var root: YAMLNode?
        for (index, source) in sources.enumerated() {
            if index > 0 { _ = reader.report.addSource(source.name) }
            guard let node = reader.document(source.bytes, source: index) else { continue }
            root = root?.merging(node) ?? node
        }
        var consumed = isWhole ? [EnvironmentVariables.whole] : []
        if !isWhole {
            let (node, names) = EnvironmentVariables.read(environment, into: &reader.report)
            consumed += names
            if let node { root = root?.withoutRivals(of: node).merging(node) ?? node }
        }
        let configuration = reader.configuration(root)
        var reading = AgentConfigurationReading(
            configuration: reader.report.hasErrors ? nil : configuration, problems: reader.report.sorted)
        reading.consumedVariables = consumed
        reading.root = root
        reading.files = reader.report.files
        return reading
    }
}

extension YAMLNode {
    /// Without the file's `password_file` where the environment has a `password`, and the other way round.
    fileprivate func withoutRivals(of patch: YAMLNode) -> YAMLNode {
        guard let mapping, let changes = patch.mapping else { return self }
        let rivals = ["password": "password_file", "password_file": "password"]
        let gone = Set(changes.entries.compactMap { rivals[$0.key] })
        let entries = mapping.entries.filter { !gone.contains($0.key) }.map { entry in
            let value = changes[entry.key].map { entry.value.withoutRivals(of: $0.value) } ?? entry.value
            return YAMLMapping.Entry(key: entry.key, keyPosition: entry.keyPosition, value: value)
        }
        return YAMLNode(.mapping(YAMLMapping(entries)), at: position)
    }
}
