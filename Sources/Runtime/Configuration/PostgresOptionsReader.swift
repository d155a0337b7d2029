import JSON
import YAML

/// The `postgresql` section's shared keys -> `PostgresOptions`. One reader for the file and for the cluster's
/// configuration; the schema has reported what has the wrong form, which here yields nil.
struct PostgresOptionsReader {
    var report: Diagnostics
    let section: YAMLNode?

    init(_ section: YAMLNode?, report: Diagnostics) {
        self.section = section
        self.report = report
    }

    mutating func read() -> PostgresOptions {
        var result = PostgresOptions()
        result.binDirectory = text("bin_dir")
        for entry in section?["bin_name"]?.mapping?.entries ?? [] { result.binNames[entry.key] = entry.value.asText }
        result.database = text("database")
        result.krbsrvname = text("krbsrvname")
        result.useUnixSocket = bool("use_unix_socket")
        result.useUnixSocketForReplication = bool("use_unix_socket_repl")
        readSettings(into: &result)
        result.pgCtlTimeout = section?["pg_ctl_timeout"]?.asDuration
        result.usePgRewind = bool("use_pg_rewind")
        result.rewindOptions = options("rewind", refused: Self.refusedByRewind)
        result.removeDataDirectoryOnRewindFailure = bool("remove_data_directory_on_rewind_failure")
        result.removeDataDirectoryOnDivergedTimelines = bool("remove_data_directory_on_diverged_timelines")
        result.createReplicaMethods = replicaMethods()
        let named = Set(result.createReplicaMethods?.map(\.name) ?? [])
        for name in AgentSchema.methodNames(in: section) where !named.contains(name) {
            result.otherMethods[name] = script(section?[name], named: name)
        }
        result.basebackupOptions = options("basebackup", refused: Self.refusedByBasebackup)
        result.callbacks = callbacks()
        result.prePromote = command("pre_promote")
        result.beforeStop = command("before_stop")
        return result
    }

    private mutating func readSettings(into result: inout PostgresOptions) {
        result.parameters = Self.settings(section?["parameters"], &report)
        result.pgHBA = lines("pg_hba")
        result.pgIdent = lines("pg_ident")
        for role in ServerRole.allCases {
            let suffix = "_\(role.rawValue)"
            if let node = section?["parameters\(suffix)"], !node.isNull {
                result.parametersByRole[role] = Self.settings(node, &report)
            }
            result.pgHBAByRole[role] = lines("pg_hba\(suffix)")
            result.pgIdentByRole[role] = lines("pg_ident\(suffix)")
        }
        result.configBaseName = text("config_base_name")
        result.customConf = text("custom_conf")
        result.recoveryConf = recoveryConf(section?["recovery_conf"])
    }

    /// PostgreSQL reads the text as it was written: `on`, `0x10` and `1.0` stay what they are.
    static func settings(_ node: YAMLNode?, _ report: inout Diagnostics) -> [String: String] {
        var settings: [String: String] = [:]
        for entry in node?.mapping?.entries ?? [] {
            guard let scalar = entry.value.scalar else {
                report.error(
                    "the parameter '\(entry.key.excerpt)' is \(entry.value.kindText)", at: entry.value.position,
                    allowed: "text, a number, on or off")
                continue
            }
            if !scalar.isNull { settings[entry.key] = scalar.text }
        }
        return settings
    }

    /// Without what the agent decides itself (compatibility sheet d.2).
    mutating func recoveryConf(_ node: YAMLNode?) -> [String: String] {
        var result = Self.settings(node, &report)
        for entry in node?.mapping?.entries ?? [] where Self.isDecidedByAgent(entry.key) {
            result[entry.key] = nil
            report.warning("'\(entry.key.excerpt)' has no effect: the agent decides it", at: entry.keyPosition)
        }
        return result
    }

    private static func isDecidedByAgent(_ name: String) -> Bool {
        let name = name.lowercased()
        let decided = ["primary_conninfo", "primary_slot_name", "standby_mode", "trigger_file", "promote_trigger_file"]
        return name.hasPrefix("recovery_target") || decided.contains(name)
    }

    private func text(_ key: String) -> String? { section?[key]?.givenText }
    private func bool(_ key: String) -> Bool? { section?[key]?.asBool }

    private func lines(_ key: String) -> [String]? {
        section?[key]?.sequence?.compactMap(\.asText)
    }

    private mutating func command(_ key: String) -> CommandWords? { command(section?[key], named: key) }

    mutating func command(_ node: YAMLNode?, named name: String) -> CommandWords? {
        guard let node, let text = node.givenText else { return nil }
        if let words = CommandWords(text) { return words }
        report.error(
            "'\(name)' is no command: a quote or a backslash has no partner",
            at: node.position, allowed: "a program with its arguments, quoted as in a shell")
        return nil
    }

    private mutating func callbacks() -> Callbacks {
        var result = Callbacks()
        for event in Callbacks.Event.allCases {
            result.commands[event] = command(section?["callbacks"]?[event.rawValue], named: event.rawValue)
        }
        return result
    }
}

extension PostgresOptionsReader {
    static let refusedByBasebackup: Set = [
        "pgdata", "format", "wal-method", "xlog-method", "gzip", "version", "dbname", "host", "port", "username",
        "password", "help",
    ]

    static let refusedByRewind: Set = [
        "target-pgdata", "source-pgdata", "source-server", "write-recovery-conf", "dry-run", "restore-target-wal",
        "config-file", "no-ensure-shutdown", "version", "help",
    ]

    private mutating func options(_ key: String, refused: Set<String>) -> [ProgramOption] {
        options(section?[key], named: key, refused: refused)
    }

    /// A map (`max-rate: 100M`) or a list (`- verbose`, `- checkpoint: fast`). Options that the agent gives itself
    /// are left out with a warning.
    mutating func options(_ node: YAMLNode?, named name: String, refused: Set<String>) -> [ProgramOption] {
        guard let node, !node.isNull else { return [] }
        if let mapping = node.mapping { return options(mapping, named: name, refused: refused) }
        guard let items = node.sequence else {
            report.error("'\(name)' is \(node.kindText)", at: node.position, allowed: "a list or a section of options")
            return []
        }
        var result: [ProgramOption] = []
        for item in items {
            if let mapping = item.mapping {
                result += options(mapping, named: name, refused: refused)
            } else if let text = item.asText {
                let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
                result += option(sides[0], sides.count == 2 ? sides[1] : nil, at: item.position, name, refused)
            } else if !item.isNull {
                report.error("an option of '\(name)' is \(item.kindText)", at: item.position, allowed: "name or name: value")
            }
        }
        return result
    }

    private mutating func options(_ mapping: YAMLMapping, named name: String, refused: Set<String>) -> [ProgramOption] {
        var result: [ProgramOption] = []
        for entry in mapping.entries where !entry.value.isNull {
            guard let value = entry.value.asText else {
                report.error(
                    "the option '\(entry.key.excerpt)' is \(entry.value.kindText)", at: entry.value.position,
                    allowed: "text or a number")
                continue
            }
            result += option(entry.key, value, at: entry.keyPosition, name, refused)
        }
        return result
    }

    private mutating func option(
        _ name: String, _ value: String?, at position: YAMLPosition, _ list: String, _ refused: Set<String>
    ) -> [ProgramOption] {
        let bare = String(name.drop { $0 == "-" })
        guard !refused.contains(bare) else {
            report.warning("'\(bare)' in '\(list)' has no effect: the agent gives this option itself", at: position)
            return []
        }
        let isName = !bare.isEmpty && bare.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "-_".utf8.contains(byte)
        }
        guard isName else {
            report.error("'\(name.excerpt)' in '\(list)' is no option's name", at: position, allowed: "such as max-rate")
            return []
        }
        return [ProgramOption(bare, value)]
    }

    private mutating func replicaMethods() -> [ReplicaMethod]? {
        // The singular is the name of Patroni's first versions.
        guard let node = section?["create_replica_methods"] ?? section?["create_replica_method"], !node.isNull
        else { return nil }
        let names = node.sequence?.compactMap(\.asText) ?? node.asText.map { [$0] } ?? []
        return names.map { name in
            name == "basebackup" ? .basebackup : ReplicaMethod(name: name, script: script(section?[name], named: name))
        }
    }

    /// The section of a custom method; without one, the method's name is the command.
    mutating func script(_ node: YAMLNode?, named name: String) -> CustomScript {
        let given = command(node?["command"], named: "command")
        var result = CustomScript(command: given ?? CommandWords(program: name))
        result.noParams = node?["no_params"]?.asBool ?? false
        result.keepData = node?["keep_data"]?.asBool ?? false
        result.noLeader = node?["no_leader"]?.asBool ?? false
        result.keepsExistingRecoveryConf = node?["keep_existing_recovery_conf"]?.asBool ?? false
        if let conf = node?["recovery_conf"], !conf.isNull { result.recoveryConf = Self.settings(conf, &report) }
        let own: Set = ["command", "no_params", "keep_existing_recovery_conf", "recovery_conf"]
        // As Patroni: these two are passed on too unless the script wants no parameters of ours.
        let ours: Set = result.noParams ? own.union(["no_leader", "keep_data"]) : own
        for entry in node?.mapping?.entries ?? [] where !ours.contains(entry.key) {
            guard let text = entry.value.argumentText else { continue }
            result.arguments.append(ProgramOption(entry.key, text))
        }
        return result
    }
}

extension PostgresOptions {
    /// The section `postgresql` of the cluster's configuration. What has the wrong form is left out and named.
    static func read(shared section: JSONObject) -> (options: PostgresOptions, warnings: [String]) {
        let node = YAMLNode(.object(section))
        var checked = Diagnostics(file: "")
        let methods = AgentSchema.methodNames(in: node)
        AgentSchema.sharedPostgres(methods: methods).check(node, named: "postgresql", &checked)
        var reader = PostgresOptionsReader(node, report: checked)
        let options = reader.read()
        return (options, reader.report.sorted.map { $0.message + ($0.severity == .error ? "; it is ignored" : "") })
    }
}

extension YAMLNode {
    /// The text of an argument; booleans in the spelling that scripts written for Patroni expect.
    fileprivate var argumentText: String? {
        if case .bool(let value) = scalar?.resolved { return value ? "True" : "False" }
        return asText
    }
}
