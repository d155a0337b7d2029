import YAML

/// Fields in the order they were put; absent values and empty sections leave no trace.
struct SectionWriter {
    var fields: [YAMLField] = []

    mutating func put(_ key: String, _ value: String?) {
        if let value { fields.append(YAMLField(key, .string(value))) }
    }

    mutating func put(_ key: String, _ value: Bool?) {
        if let value { fields.append(YAMLField(key, .bool(value))) }
    }

    mutating func put(_ key: String, _ value: Duration?) {
        if let value { fields.append(YAMLField(key, value.settingValue)) }
    }

    mutating func put(_ key: String, _ values: [String]) {
        fields.append(YAMLField(key, .list(values.map { .string($0) })))
    }

    mutating func put(_ key: String, _ command: CommandWords?) {
        put(key, command?.quoted)
    }

    mutating func put(_ key: String, _ options: [ProgramOption]) {
        guard !options.isEmpty else { return }
        let items: [YAMLValue] = options.map { option in
            option.value.map { .map([YAMLField(option.name, .string($0))]) } ?? .string(option.name)
        }
        fields.append(YAMLField(key, .list(items)))
    }

    mutating func put(_ key: String, _ settings: [String: String]) {
        var section = SectionWriter()
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) { section.put(name, value) }
        put(key, section)
    }

    mutating func put(_ key: String, _ section: SectionWriter, comment: String? = nil) {
        if !section.fields.isEmpty { fields.append(YAMLField(key, .map(section.fields), comment: comment)) }
    }

    /// A file of ours holds references only.
    mutating func put(secret: Credential?, _ key: String, in section: String) throws(ConfigurationError) {
        if secret != nil { throw ConfigurationError(.secretInside(key: "\(section).\(key)")) }
    }
}

extension SectionWriter {
    init(_ script: CustomScript) {
        put("command", script.command)
        if script.noParams { put("no_params", true) }
        if script.keepData, script.noParams { put("keep_data", true) }
        if script.noLeader, script.noParams { put("no_leader", true) }
        if let conf = script.recoveryConf { put("recovery_conf", conf) }
        if script.keepsExistingRecoveryConf { put("keep_existing_recovery_conf", true) }
        // Without no_params the two flags are among the arguments.
        for argument in script.arguments { put(argument.name, argument.value ?? "") }
    }

    init(_ options: PostgresOptions) {
        put("bin_dir", options.binDirectory)
        put("bin_name", options.binNames)
        put("database", options.database)
        put("krbsrvname", options.krbsrvname)
        put("use_unix_socket", options.useUnixSocket)
        put("use_unix_socket_repl", options.useUnixSocketForReplication)
        put("use_pg_rewind", options.usePgRewind)
        put("rewind", options.rewindOptions)
        put("remove_data_directory_on_rewind_failure", options.removeDataDirectoryOnRewindFailure)
        put("remove_data_directory_on_diverged_timelines", options.removeDataDirectoryOnDivergedTimelines)
        put("pg_ctl_timeout", options.pgCtlTimeout)
        put("parameters", options.parameters)
        putByRole("parameters", options.parametersByRole) { $0.put($1, $2) }
        if let lines = options.pgHBA { put("pg_hba", lines) }
        putByRole("pg_hba", options.pgHBAByRole) { $0.put($1, $2) }
        if let lines = options.pgIdent { put("pg_ident", lines) }
        putByRole("pg_ident", options.pgIdentByRole) { $0.put($1, $2) }
        put("config_base_name", options.configBaseName)
        put("custom_conf", options.customConf)
        put("recovery_conf", options.recoveryConf)
        if let methods = options.createReplicaMethods { put("create_replica_methods", methods.map(\.name)) }
        for method in options.createReplicaMethods ?? [] {
            if let script = method.script { put(method.name, SectionWriter(script)) }
        }
        for (name, script) in options.otherMethods.sorted(by: { $0.key < $1.key }) { put(name, SectionWriter(script)) }
        put("basebackup", options.basebackupOptions)
        var callbacks = SectionWriter()
        for event in Callbacks.Event.allCases { callbacks.put(event.rawValue, options.callbacks[event]) }
        put("callbacks", callbacks)
        put("pre_promote", options.prePromote)
        put("before_stop", options.beforeStop)
    }

    private mutating func putByRole<Value>(
        _ key: String, _ values: [ServerRole: Value], _ put: (inout SectionWriter, String, Value) -> Void
    ) {
        for role in ServerRole.allCases { if let value = values[role] { put(&self, "\(key)_\(role.rawValue)", value) } }
    }
}

extension Login {
    func section(_ path: String) throws(ConfigurationError) -> SectionWriter {
        var section = SectionWriter()
        section.put("username", username)
        switch password {
        case .inline: throw ConfigurationError(.secretInside(key: "\(path).password"))
        case .file(let file): section.put("password_file", file)
        case nil: break
        }
        for pair in security.settings { section.put(pair.keyword, pair.value) }
        try section.put(secret: security.sslpassword, "sslpassword", in: path)
        return section
    }
}

extension Duration {
    /// Whole seconds as a number, as Patroni writes them; anything finer in microseconds.
    fileprivate var settingValue: YAMLValue {
        let (seconds, attoseconds) = components
        if attoseconds == 0 { return .int(Int(seconds)) }
        return .string("\(seconds * 1_000_000 + attoseconds / 1_000_000_000_000)us")
    }
}
