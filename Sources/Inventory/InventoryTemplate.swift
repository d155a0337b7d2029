import YAML

extension Inventory {
    /// The commented start that `pgadopt init` writes. It is a valid inventory as it stands; names and addresses
    /// are to be replaced. Help texts come from the schema.
    public static func template(cluster: String = "orders") -> String {
        var lines = header
        lines += ["clusters:", "  \(quoted(cluster)):  # the cluster's name: in etcd, in unit names, in cluster_name"]
        lines += InventorySchema.cluster.templateLines(indent: 4, values: ["rto": "normal"], only: ["rto"])
        lines += section("store", InventorySchema.store, values: [
            "endpoints": "[10.0.0.1:2379, 10.0.0.2:2379, 10.0.0.3:2379]",
        ], only: ["endpoints", "namespace", "username", "password_file", "password_env"])
        lines += commented(["tls:"] + plain(InventorySchema.tls), indent: 6)
        lines += [
            "      # Without an etcd of your own, instead of all this 'store: managed', or here instead of endpoints",
            "      # and tls 'managed: {client_port: 2379, peer_port: 2380, directory: orders-store}'",
        ]
        lines += [
            "", "    # PostgreSQL as it runs on the primary. Nothing is needed here: what is absent is discovered.",
        ]
        lines += commented(["postgres:"] + plain(InventorySchema.postgres), indent: 4)
        lines += ["", "    # How the replicas are built."]
        lines += commented(
            ["replicas:"] + plain(InventorySchema.replicas) + ["  pgbackrest:"]
                + plain(InventorySchema.pgBackRest).map { "  " + $0 }, indent: 4)
        lines += [
            "", "    # How to log in; what is absent comes from ~/.ssh/config. A host may have its own ssh section.",
        ]
        lines += section("ssh", InventorySchema.ssh, values: ["user": "root"])
        lines += [
            "", "    # Member names; a name that ~/.ssh/config or DNS knows needs no address.", "    hosts:",
        ]
        lines += host("db1", "primary", "10.0.0.1", comment: "the server that runs today")
        lines += host("db2", "replica", "10.0.0.2", comment: "an empty host with the same PostgreSQL packages")
        lines += host("db3", "replica", "10.0.0.3", comment: nil)
        lines += commented(["  tags:"] + plain(InventorySchema.tags).map { "  " + $0 }, indent: 6)
        return lines.map { $0.droppingTrailingSpaces }.joined(separator: "\n") + "\n"
    }

    private static let header = [
        "# pgadopt inventory: which servers are to become highly available clusters.",
        "#   pgadopt check FILE    what stands in the way; changes nothing",
        "#   pgadopt plan FILE     what apply would do; changes nothing",
        "# Lines that begin with '#' show what else can be said; what is absent is discovered or has a default.",
        "# Secrets do not belong here: name a file or an environment variable that holds them.",
        "# Relative file names are relative to this file.",
        "",
    ]

    private static func quoted(_ name: String) -> String {
        // The emitter knows when a name needs quotes: 'on', '12', ...
        String(YAMLValue.map([YAMLField(name, .null)]).yamlText.dropLast(": null\n".count))
    }

    private static func section(
        _ name: String, _ schema: Schema, values: [String: String], only: Set<String>? = nil
    ) -> [String] {
        ["    \(name):"] + schema.templateLines(indent: 6, values: values, only: only)
    }

    /// The keys that hold no section of their own.
    private static func plain(_ schema: Schema) -> [String] {
        let keys = schema.keys.filter { if case .section = $0.type { false } else { true } }
        let values = keys.map { ($0.name, $0.defaultText ?? $0.example ?? $0.type.sample) }
        return schema.templateLines(
            indent: 2, values: Dictionary(uniqueKeysWithValues: values), only: Set(keys.map(\.name)))
    }

    private static func commented(_ lines: [String], indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        return lines.map { "\(margin)# \($0)" }
    }

    private static func host(_ name: String, _ role: String, _ address: String, comment: String?) -> [String] {
        ["      \(name):" + (comment.map { "  # \($0)" } ?? ""), "        role: \(role)", "        address: \(address)"]
    }
}

extension ValueType {
    /// A value to show where there is no default.
    fileprivate var sample: String {
        switch self {
        case .bool: "true"
        case .integer: "1"
        default: "db1"
        }
    }
}

extension String {
    fileprivate var droppingTrailingSpaces: String {
        var result = self
        while result.hasSuffix(" ") { result.removeLast() }
        return result
    }
}
