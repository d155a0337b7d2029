import YAML

/// A repository of pgBackRest that the owner has, from which replicas are restored.
public struct BackrestSpec: Hashable, Sendable, Codable {
    /// pgBackRest's name for the cluster.
    public var stanza: String
    /// Nil: where pgBackRest itself looks.
    public var configFile: String?
    /// 1...256; nil: the first that has a backup.
    public var repository: Int?
    /// How many files are restored at a time, 1...999; nil: what the configuration says.
    public var processes: Int?

    public init(stanza: String, configFile: String? = nil, repository: Int? = nil, processes: Int? = nil) {
        self.stanza = stanza
        self.configFile = configFile
        self.repository = repository
        self.processes = processes
    }
}

extension InventorySchema {
    public static let pgBackRest = Schema("pgbackrest", refused: secrets, [
        KeySpec("stanza", .name, required: true, example: "orders",
            "The stanza; its backups and its archive are those of the primary"),
        KeySpec("config", .absolutePath, example: "/etc/pgbackrest.conf",
            "pgBackRest's configuration on the hosts; absent: where pgBackRest itself looks"),
        KeySpec("repo", .integer(1...256), example: "1", "Which repository; absent: the first that has a backup"),
        KeySpec("processes", .integer(1...999), example: "4",
            "How many files are restored at a time; absent: what its configuration says"),
    ])
}

/// Nil: absent or malformed, which the schema has reported.
func readBackrest(_ node: YAMLNode?) -> BackrestSpec? {
    guard let node, node.mapping != nil, let stanza = node["stanza"]?.asText else { return nil }
    return BackrestSpec(
        stanza: stanza, configFile: node["config"]?.asText, repository: node["repo"]?.asInt,
        processes: node["processes"]?.asInt)
}
