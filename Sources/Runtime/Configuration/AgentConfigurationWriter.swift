import JSON
import PostgresModel
import YAML

extension AgentConfiguration {
    /// The file `apply` puts on a host: always the same text for the same value, with a comment above every
    /// section. Throws when the value holds a secret itself: such files hold references only.
    public func yamlText() throws(ConfigurationError) -> String {
        var writer = SectionWriter()
        writer.put("scope", scope)
        writer.put("name", name)
        writer.put("namespace", namespace)
        writer.put("restapi", try restSection(), comment: "Health checks, patronictl and other members come here.")
        writer.put("etcd3", try etcdSection(), comment: "The store that decides who leads.")
        writer.put("postgresql", try postgresSection(), comment: "The server on this host.")
        if !bootstrap.dcs.isEmpty {
            var section = SectionWriter()
            section.fields.append(YAMLField("dcs", YAMLValue(.object(bootstrap.dcs))))
            writer.put("bootstrap", section, comment: "Read once, for a new cluster.")
        }
        if !tags.isEmpty {
            let value = YAMLValue(.object(tags))
            writer.fields.append(YAMLField("tags", value, comment: "Published to the other members."))
        }
        writer.put("watchdog", watchdogSection, comment: "The kernel's watchdog, beside the guard process.")
        writer.put("log", logSection)
        writer.put("pgadopt", ownSection, comment: "What Patroni has no word for.")
        return Self.header + YAMLValue.map(writer.fields).yamlText
    }

    private static let header = """
        # The configuration of pgadopt-agent on this host, written by 'pgadopt apply'.
        # The format is Patroni's; the section 'pgadopt' is our own. Settings of the whole cluster are not here but
        # in the store: GET and PATCH /config of any agent's API. After a change of this file: restart the agent.

        """

    private func restSection() throws(ConfigurationError) -> SectionWriter {
        var section = SectionWriter()
        section.put("listen", restapi.listen.description)
        section.put("connect_address", restapi.connectAddress.description)
        section.put("certfile", restapi.certificateFile)
        section.put("keyfile", restapi.keyFile)
        section.put("cafile", restapi.caFile)
        if restapi.verifyClient != .none { section.put("verify_client", restapi.verifyClient.rawValue) }
        if let login = restapi.authentication {
            section.put("authentication", try login.section("restapi.authentication.password"))
        }
        return section
    }

    private func etcdSection() throws(ConfigurationError) -> SectionWriter {
        var section = SectionWriter()
        section.put("hosts", etcd.endpoints.map(\.description))
        if etcd.usesTLS { section.put("protocol", "https") }
        section.put("cacert", etcd.caFile)
        section.put("cert", etcd.certificateFile)
        section.put("key", etcd.keyFile)
        if let login = etcd.login { section.fields += try login.section("etcd3.password").fields }
        return section
    }

    private func postgresSection() throws(ConfigurationError) -> SectionWriter {
        var section = SectionWriter()
        section.put("listen", postgresql.listen.description)
        section.put("connect_address", postgresql.connectAddress.description)
        section.put("data_dir", postgresql.dataDirectory)
        section.put("config_dir", postgresql.configDirectory)
        section.put("bin_dir", postgresql.binDirectory)
        section.put("pgpass", postgresql.pgpass)
        section.put("database", postgresql.database)
        var users = SectionWriter()
        for (role, login) in [
            ("superuser", postgresql.superuser), ("replication", postgresql.replication), ("rewind", postgresql.rewind),
        ] {
            guard let login else { continue }
            users.put(role, try login.section("postgresql.authentication.\(role).password"))
        }
        section.put("authentication", users)
        section.put("use_unix_socket", postgresql.useUnixSocket)
        section.put("use_pg_rewind", postgresql.usePgRewind)
        section.put("pg_ctl_timeout", postgresql.pgCtlTimeout)
        var parameters = SectionWriter()
        for (name, value) in postgresql.parameters.sorted(by: { $0.key < $1.key }) { parameters.put(name, value) }
        section.put("parameters", parameters)
        return section
    }

    private var watchdogSection: SectionWriter {
        var section = SectionWriter()
        let standard = Watchdog()
        if watchdog.mode != standard.mode { section.put("mode", watchdog.mode.rawValue) }
        if watchdog.device != standard.device { section.put("device", watchdog.device) }
        if watchdog.safetyMargin != standard.safetyMargin { section.put("safety_margin", watchdog.safetyMargin) }
        return section
    }

    private var logSection: SectionWriter {
        var section = SectionWriter()
        if log.level != .info { section.put("level", log.level.rawValue) }
        if log.form != .plain { section.put("type", log.form.rawValue) }
        return section
    }

    private var ownSection: SectionWriter {
        var section = SectionWriter()
        section.put("runtime_dir", pgadopt.runtimeDirectory)
        section.put("state_dir", pgadopt.stateDirectory)
        section.put("guard", pgadopt.guardProgram)
        section.put("config_file", pgadopt.configFile)
        section.put("hba_file", pgadopt.hbaFile)
        section.put("ident_file", pgadopt.identFile)
        section.put("include_file", pgadopt.includeFile)
        section.put("legacy_unit", pgadopt.legacyUnit)
        if !pgadopt.postmasterOptions.isEmpty { section.put("postmaster_options", pgadopt.postmasterOptions) }
        return section
    }
}

extension Login {
    fileprivate func section(_ key: String) throws(ConfigurationError) -> SectionWriter {
        var section = SectionWriter()
        section.put("username", username)
        switch password {
        case .inline: throw ConfigurationError(.secretInside(key: key))
        case .file(let path): section.put("password_file", path)
        case nil: break
        }
        return section
    }
}

/// Fields in the order they were put; absent values and empty sections leave no trace.
private struct SectionWriter {
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

    mutating func put(_ key: String, _ section: SectionWriter, comment: String? = nil) {
        if !section.fields.isEmpty { fields.append(YAMLField(key, .map(section.fields), comment: comment)) }
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
