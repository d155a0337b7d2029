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
        writer.put("ctl", try controlSection(), comment: "How this member speaks to the API of others.")
        writer.put("bootstrap", bootstrapSection, comment: "Read once, for a new cluster.")
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
            section.put("authentication", try login.section("restapi.authentication"))
        }
        try section.put(secret: restapi.keyFilePassword, "keyfile_password", in: "restapi")
        section.put("ciphers", restapi.ciphers)
        if !restapi.allowlist.isEmpty { section.put("allowlist", restapi.allowlist) }
        if restapi.allowlistIncludeMembers { section.put("allowlist_include_members", true) }
        section.put("http_extra_headers", headers(restapi.extraHeaders))
        section.put("https_extra_headers", headers(restapi.tlsExtraHeaders))
        section.put("request_queue_size", restapi.requestQueueSize.map { String($0) })
        if restapi.serverTokens != .original { section.put("server_tokens", restapi.serverTokens.rawValue) }
        return section
    }

    private func headers(_ headers: [RestAPI.Header]) -> SectionWriter {
        var section = SectionWriter()
        for header in headers { section.put(header.name, header.value) }
        return section
    }

    private func controlSection() throws(ConfigurationError) -> SectionWriter {
        var section = SectionWriter()
        if let login = ctl.authentication { section.put("authentication", try login.section("ctl.authentication")) }
        if ctl.insecure { section.put("insecure", true) }
        section.put("cacert", ctl.caFile)
        section.put("certfile", ctl.certificateFile)
        section.put("keyfile", ctl.keyFile)
        try section.put(secret: ctl.keyFilePassword, "keyfile_password", in: "ctl")
        return section
    }

    private var bootstrapSection: SectionWriter {
        var section = SectionWriter()
        if !bootstrap.dcs.isEmpty {
            section.fields.append(YAMLField("dcs", YAMLValue(.object(bootstrap.dcs))))
        } else if bootstrap.isPresent {
            section.fields.append(YAMLField("dcs", .map([])))
        }
        if case .custom(let name, let script) = bootstrap.method {
            section.put("method", name)
            section.put(name, SectionWriter(script))
        }
        section.put("initdb", bootstrap.initdbOptions)
        if !bootstrap.pgHBA.isEmpty { section.put("pg_hba", bootstrap.pgHBA) }
        section.put("post_bootstrap", bootstrap.postBootstrap)
        return section
    }

    private func etcdSection() throws(ConfigurationError) -> SectionWriter {
        var section = SectionWriter()
        section.put("hosts", etcd.endpoints.map(\.description))
        if etcd.usesTLS { section.put("protocol", "https") }
        section.put("cacert", etcd.caFile)
        section.put("cert", etcd.certificateFile)
        section.put("key", etcd.keyFile)
        if let login = etcd.login { section.fields += try login.section("etcd3").fields }
        return section
    }

    private func postgresSection() throws(ConfigurationError) -> SectionWriter {
        var section = SectionWriter()
        section.put("listen", postgresql.listen.description)
        section.put("connect_address", postgresql.connectAddress.description)
        section.put("proxy_address", postgresql.proxyAddress?.description)
        section.put("data_dir", postgresql.dataDirectory)
        section.put("config_dir", postgresql.configDirectory)
        section.put("pgpass", postgresql.pgpass)
        var users = SectionWriter()
        for (role, login) in [
            ("superuser", postgresql.superuser), ("replication", postgresql.replication), ("rewind", postgresql.rewind),
        ] {
            guard let login else { continue }
            users.put(role, try login.section("postgresql.authentication.\(role)"))
        }
        section.put("authentication", users)
        section.fields += SectionWriter(postgresql.options).fields
        return section
    }

    private var watchdogSection: SectionWriter {
        var section = SectionWriter()
        let standard = Watchdog()
        if watchdog.mode != standard.mode { section.put("mode", watchdog.mode.rawValue) }
        if watchdog.device != standard.device { section.put("device", watchdog.device) }
        if watchdog.safetyMargin == nil { section.put("safety_margin", "-1") }
        if watchdog.safetyMargin != standard.safetyMargin { section.put("safety_margin", watchdog.safetyMargin) }
        return section
    }

    private var logSection: SectionWriter {
        var section = SectionWriter()
        if log.level != .info { section.put("level", log.level.rawValue) }
        if log.form != .plain { section.put("type", log.form.rawValue) }
        if log.jsonFields != log.format.fields {
            section.fields.append(YAMLField("format", .list(log.jsonFields.map { field in
                field.name == field.field.rawValue
                    ? .string(field.name) : .map([YAMLField(field.field.rawValue, .string(field.name))])
            })))
        } else if log.format != .standard {
            section.put("format", log.format.text)
        }
        section.put("dateformat", log.dateFormat)
        if !log.staticFields.isEmpty {
            section.fields.append(YAMLField("static_fields", YAMLValue(.object(log.staticFields))))
        }
        if let file = log.file {
            section.put("dir", file.directory)
            section.put("mode", file.mode.map { String($0) })
            let standard = Log.File(directory: "")
            if file.count != standard.count { section.put("file_num", String(file.count)) }
            if file.size != standard.size { section.put("file_size", String(file.size)) }
        }
        var loggers = SectionWriter()
        for (name, level) in log.loggers.sorted(by: { $0.key < $1.key }) { loggers.put(name, level.rawValue) }
        section.put("loggers", loggers)
        if log.deduplicatesHeartbeats { section.put("deduplicate_heartbeat_logs", true) }
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
        if pgadopt.storeLeaderApart { section.put("store_leader_apart", true) }
        if let relay = pgadopt.relay {
            var part = SectionWriter()
            part.put("listen", relay.listen?.description)
            part.put("certfile", relay.certificateFile)
            part.put("keyfile", relay.keyFile)
            part.put("cafile", relay.authorityFile)
            if !relay.members.isEmpty { part.put("members", relay.members.map(\.description)) }
            section.put("relay", part)
        }
        return section
    }
}
