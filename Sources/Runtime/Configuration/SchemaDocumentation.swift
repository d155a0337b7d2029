import YAML

extension AgentSchema {
    /// Every key of the file, of the cluster's configuration and of the environment, with what becomes of it here.
    public static var documentation: String {
        var text = header("The configuration file")
        text += rows(file, path: "")
        for (key, reason) in file.refused.sorted(by: { $0.key < $1.key }) { text += row(key, "", "refused: \(reason.cut)") }
        text += "\n" + header("The cluster's configuration (`config` in the store, `bootstrap.dcs` in the file)")
        for key in dynamicKeys {
            let state = dynamicKeysNotApplied[key.name].map { "no effect: \($0)" } ?? "applied"
            text += row(key.name, key.standard, state, help: key.help)
        }
        text += "\nBelow `postgresql` it takes every key of the file's section but "
            + memberOnlyKeys.map { "`\($0)`" }.joined(separator: ", ") + ".\n"
        text += "\n### Environment variables\n\n"
        text += EnvironmentVariables.all.map { "`\($0.name)`" }.joined(separator: ", ") + "\n"
        return text
    }

    private static func header(_ title: String) -> String {
        "### \(title)\n\n| key | default | meaning | state |\n|---|---|---|---|\n"
    }

    private static func row(_ key: String, _ fallback: String, _ state: String, help: String = "") -> String {
        "| `\(key)` | \(fallback) | \(help) | \(state) |\n"
    }

    private static func rows(_ schema: Schema, path: String) -> String {
        schema.keys.map { key in
            let name = path.isEmpty ? key.name : "\(path).\(key.name)"
            let fallback = key.isRequired ? "required" : key.defaultText ?? ""
            let state = key.notApplied.map { "no effect: \($0)" } ?? "applied"
            let own = row(name, fallback, state, help: key.notApplied == nil ? key.help : "")
            guard case .section(let inner) = key.type else { return own }
            let refused = inner.refused.sorted { $0.key < $1.key }.map {
                row("\(name).\($0.key)", "", "refused: \($0.value.cut)")
            }
            return own + rows(inner, path: name) + refused.joined()
        }.joined()
    }

    /// Those of `dynamicKeys` that do nothing here, and why.
    static let dynamicKeysNotApplied = [
        "primary_race_backoff": "a leader without its lock is fenced before anybody can take it; nobody need wait for it"
    ]

    /// The keys `DynamicConfiguration` reads; a test holds this list to it.
    static let dynamicKeys: [(name: String, standard: String, help: String)] = [
        ("rto", "none", "pgadopt's own: fast, normal, safe, wide; sets the four times below together"),
        ("ttl", "30", "Seconds a lease lives; from 3, Patroni from 20"),
        ("loop_wait", "10", "The longest sleep between two cycles, from 1"),
        ("retry_timeout", "10", "How long a request to the store is tried, from 1; Patroni from 3"),
        ("maximum_lag_on_failover", "1048576", "Bytes a new leader may be behind"),
        ("maximum_lag_on_syncnode", "-1", "Bytes a synchronous standby may be behind; -1: any"),
        ("max_timelines_history", "0", "Entries kept in `history`; 0: all"),
        ("primary_start_timeout", "300", "How long a crashed leader may recover; also `master_start_timeout`"),
        ("primary_stop_timeout", "0", "How long a stop may take in synchronous mode; also `master_stop_timeout`"),
        ("primary_race_backoff", "0", "How long a replica that still receives waits"),
        ("synchronous_mode", "off", "off, on, quorum"),
        ("synchronous_mode_strict", "off", "Without a synchronous standby nothing is written"),
        ("synchronous_node_count", "1", "Synchronous standbys"),
        ("failsafe_mode", "on", "An outage of the store alone demotes nobody; Patroni: off"),
        ("check_timeline", "on", "Nobody on an older timeline leads; Patroni: off"),
        ("pause", "off", "Nothing happens by itself"),
        ("slots", "none", "Permanent slots; also `permanent_slots`, `permanent_replication_slots`"),
        ("ignore_slots", "none", "Slots that nobody touches"),
        ("member_slots_ttl", "1800", "How long the slot of an absent member is kept"),
        ("standby_cluster", "none", "host, port, primary_slot_name, create_replica_methods, restore_command, "
            + "archive_cleanup_command, recovery_min_apply_delay"),
        ("postgresql", "none", "See below"),
        ("postgresql.use_slots", "on", "Slots for members; only here"),
    ]
}

extension String {
    /// Without what follows the reason in a message.
    fileprivate var cut: String { split(separator: ";").first.map { String($0) } ?? self }
}
