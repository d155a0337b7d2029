/// The settings that are the same on all members, because a standby must not have less of them than the primary:
/// only the dynamic configuration may set them (compatibility sheet d.4).
public enum ClusterParameters {
    /// A setting with Patroni's default and what it accepts.
    struct Definition: Sendable {
        var name: String
        var standard: String
        var accepts: @Sendable (String) -> Bool
    }

    /// Patroni 4.1, config.py `CMDLINE_OPTIONS`; defaults and bounds as there.
    static let definitions: [Definition] = [
        .init(name: "wal_level", standard: "replica") { ["hot_standby", "replica", "logical"].contains($0.lowercased()) },
        .init(name: "hot_standby", standard: "on") { SettingValue.flag($0) == true },
        .init(name: "max_connections", standard: "100", atLeast: 25),
        .init(name: "max_wal_senders", standard: "10", atLeast: 3),
        .init(name: "max_prepared_transactions", standard: "0", atLeast: 0),
        .init(name: "max_locks_per_transaction", standard: "64", atLeast: 32),
        .init(name: "max_replication_slots", standard: "10", atLeast: 4),
        .init(name: "max_worker_processes", standard: "8", atLeast: 2),
        .init(name: "track_commit_timestamp", standard: "off") { SettingValue.flag($0) != nil },
        .init(name: "wal_log_hints", standard: "on") { SettingValue.flag($0) != nil },
    ]

    /// Names that a member's own file may not set.
    public static let names: Set<String> = Set(definitions.map(\.name)).union(["listen_addresses", "port", "cluster_name"])

    /// Of these a standby must have at least what its primary has; the names in the control file.
    /// https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-ADMIN
    static let standbyLimits: [(setting: String, controlData: String)] = [
        ("max_connections", "max_connections"), ("max_worker_processes", "max_worker_processes"),
        ("max_wal_senders", "max_wal_senders"), ("max_prepared_transactions", "max_prepared_xacts"),
        ("max_locks_per_transaction", "max_locks_per_xact"),
    ]

    /// The command line for what the dynamic configuration says.
    /// - Parameters:
    ///   - cluster: `postgresql.parameters` of the dynamic configuration.
    ///   - isOurs: the cluster was made by us, and has Patroni's defaults where nothing is said. False for adopted
    ///     servers: what nobody says stays as the owner has it.
    /// - Returns: the settings, and a sentence for each that cannot be used.
    public static func commandLine(
        cluster: [String: String], isOurs: Bool
    ) -> (settings: [String: String], warnings: [String]) {
        var settings: [String: String] = [:]
        var warnings: [String] = []
        for definition in definitions {
            let said = cluster.first { $0.key.lowercased() == definition.name }?.value
            if let said, definition.accepts(said) {
                settings[definition.name] = said
                continue
            }
            if let said {
                let instead = isOurs ? "\(definition.standard) is used" : "the server keeps its own"
                warnings.append("\(definition.name) = '\(said)' cannot be used in a cluster; \(instead)")
            }
            if isOurs { settings[definition.name] = definition.standard }
        }
        return (settings, warnings)
    }

    /// A member's parameters without those that only the cluster decides.
    /// - Returns: what is left, and a sentence for each that is left out.
    public static func local(_ parameters: [String: String]) -> (settings: [String: String], warnings: [String]) {
        let refused = parameters.keys.filter { names.contains($0.lowercased()) }.sorted()
        return (
            parameters.filter { !names.contains($0.key.lowercased()) },
            refused.map { "\($0) is the same on all members: only the cluster's configuration sets it" }
        )
    }

    /// Whether standbys have to restart before the primary for this change: they must never have less than it.
    /// True for a raise, false for a lowering (then the primary restarts first), nil where the order does not matter.
    public static func standbysFirst(_ change: PendingRestart) -> Bool? {
        guard standbyLimits.contains(where: { $0.setting == change.name }), let old = Int(change.oldValue),
            let new = Int(change.newValue), new != old
        else { return nil }
        return new > old
    }
}

extension ClusterParameters.Definition {
    fileprivate init(name: String, standard: String, atLeast minimum: Int) {
        self.init(name: name, standard: standard) { Int($0).map { $0 >= minimum } ?? false }
    }
}
