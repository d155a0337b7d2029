import YAML

/// The `postgresql` section, in a member's file and in the cluster's configuration.
extension AgentSchema {
    /// Keys of the section that only a member's own file may hold (compatibility sheet d.1).
    static let memberOnlyKeys = [
        "listen", "connect_address", "proxy_address", "data_dir", "config_dir", "pgpass", "authentication",
    ]

    static func postgresql(methods: [String]) -> Schema {
        Schema("postgresql", unknown: .warning, [
            KeySpec("listen", listen(defaultPort: 5432), required: true, "Where to listen: addr[,addr]:port"),
            KeySpec("connect_address", hostPort(defaultPort: 5432), required: true, "Where others reach it"),
            KeySpec("proxy_address", hostPort(defaultPort: 5432), "A proxy in front, published as proxy_url"),
            KeySpec("data_dir", .text, required: true, "The data directory"),
            KeySpec("config_dir", .text, default: "data_dir", "Where postgresql.conf lies"),
            KeySpec("pgpass", .text, "Password file that the agent writes"),
            KeySpec("authentication", .section(authentication), "The agent's users"),
            notApplied("use_slots", "only the cluster's configuration (bootstrap.dcs, edit-config) switches slots off"),
        ] + sharedKeys + scripts(methods))
    }

    /// The section as the cluster's configuration may hold it.
    static func sharedPostgres(methods: [String]) -> Schema {
        Schema("postgresql", unknown: .warning, sharedKeys + scripts(methods))
    }

    private static let setAside = "a directory that cannot be rewound is always set aside and copied anew, never removed"

    private static let sharedKeys: [KeySpec] = [
        KeySpec("bin_dir", .text, default: "PATH", "Where the server's programs lie"),
        KeySpec("bin_name", .section(binaries), "Other names of the server's programs"),
        KeySpec("database", .text, default: "postgres", "Database of the agent's own connections"),
        KeySpec("krbsrvname", .text, "Kerberos' service name of the servers"),
        KeySpec("use_unix_socket", .bool, default: "true without a password, or after adoption",
            "The agent connects through the local socket, not by TCP"),
        KeySpec("use_unix_socket_repl", .bool, notApplied: "the agent's connections to its server go one way, that of "
            + "'use_unix_socket'", "Patroni's own replication connections"),
        KeySpec("parameters", settings, "Settings of the server"),
        KeySpec("parameters_primary", settings, "Over 'parameters' on a primary"),
        KeySpec("parameters_replica", settings, "Over 'parameters' on a replica"),
        KeySpec("parameters_standby_leader", settings, "Over 'parameters' on a standby leader"),
        KeySpec("pg_hba", .list(of: .text), "The lines of pg_hba.conf"),
        KeySpec("pg_hba_primary", .list(of: .text), "Instead of 'pg_hba' on a primary"),
        KeySpec("pg_hba_replica", .list(of: .text), "Instead of 'pg_hba' on a replica"),
        KeySpec("pg_hba_standby_leader", .list(of: .text), "Instead of 'pg_hba' on a standby leader"),
        KeySpec("pg_ident", .list(of: .text), "The lines of pg_ident.conf"),
        KeySpec("pg_ident_primary", .list(of: .text), "Instead of 'pg_ident' on a primary"),
        KeySpec("pg_ident_replica", .list(of: .text), "Instead of 'pg_ident' on a replica"),
        KeySpec("pg_ident_standby_leader", .list(of: .text), "Instead of 'pg_ident' on a standby leader"),
        KeySpec("config_base_name", .text, default: "postgresql", "The name of postgresql.conf without .conf"),
        KeySpec("custom_conf", .text, "A file of settings below the agent's; not on adopted servers"),
        KeySpec("recovery_conf", settings, "Settings of recovery, such as restore_command"),
        KeySpec("pg_ctl_timeout", .duration, notApplied: "the cluster's primary_start_timeout and "
            + "primary_stop_timeout say how long a start or a stop may take", "How long a start or a stop may take"),
        KeySpec("use_pg_rewind", .bool, default: "false", "A former leader is rewound before it is rebuilt"),
        KeySpec("rewind", .any, "Further options of pg_rewind, as a list or a section"),
        KeySpec("remove_data_directory_on_rewind_failure", .bool, notApplied: setAside, "After a failed rewind"),
        KeySpec("remove_data_directory_on_diverged_timelines", .bool, notApplied: setAside, "Without a rewind"),
        KeySpec("create_replica_methods", .either(.list(of: .text), .text), default: "basebackup",
            "How a replica is made, in the order of trying"),
        KeySpec("create_replica_method", .either(.list(of: .text), .text), "The older name of create_replica_methods"),
        KeySpec("basebackup", .any, "Further options of pg_basebackup, as a list or a section"),
        KeySpec("callbacks", .section(callbacks), "Commands run after the server did something"),
        KeySpec("pre_promote", command, "Run before a promotion; a failure gives the lock to somebody else"),
        KeySpec("before_stop", command, "Run before every stop"),
    ]

    static let authentication = Schema("postgresql.authentication", unknown: .warning, [
        KeySpec("superuser", .section(databaseLogin("superuser")), "For everything that replication and rewind do not do"),
        KeySpec("replication", .section(databaseLogin("replication")), "Streams from the leader"),
        KeySpec("rewind", .section(databaseLogin("rewind")), default: "superuser", "Rewinds a former leader"),
    ])

    private static func databaseLogin(_ title: String) -> Schema {
        login(title, more: [
            KeySpec("sslmode", .oneOf(ConnectionSecurity.Mode.allCases.map(\.rawValue)), "libpq's sslmode"),
            KeySpec("sslcert", .text, "Client certificate"),
            KeySpec("sslkey", .text, "Its private key"),
            KeySpec("sslpassword", .text, notApplied: "the server's programs would show it on their command lines; give "
                + "a key without a password that only the server's user can read", "The password of an encrypted key"),
            KeySpec("sslrootcert", .text, "The authority that signed the servers' certificates"),
            KeySpec("sslcrl", .text, "Revoked certificates"),
            KeySpec("sslcrldir", .text, "Directory of revoked certificates"),
            KeySpec("gssencmode", .oneOf(["disable", "prefer", "require"]), "libpq's gssencmode"),
            KeySpec("channel_binding", .oneOf(["disable", "prefer", "require"]), "libpq's channel_binding"),
            KeySpec("sslnegotiation", .oneOf(["postgres", "direct"]), "libpq's sslnegotiation"),
        ])
    }

    private static let binaries = Schema("postgresql.bin_name", unknown: .warning, [
        "pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind",
    ].map { KeySpec($0, programName, "Another name of \($0)") })

    private static let programName = ValueType.checked(allowed: "a file's name without '/'") { text in
        text.isEmpty || text.contains("/") ? .bad("is '\(text.excerpt)'") : .good
    }

    private static let callbacks = Schema("postgresql.callbacks", unknown: .warning, [
        KeySpec("on_start", command, "After a start"),
        KeySpec("on_stop", command, "After a stop"),
        KeySpec("on_restart", command, "After a restart"),
        KeySpec("on_reload", command, "After a reload"),
        KeySpec("on_role_change", command, "After a promotion or a demotion"),
    ])

    static let scriptSection = ValueType.section(script)

    /// Keys beside these become arguments of the script.
    private static let script = Schema("the method", freePrefix: "", [
        KeySpec("command", command, default: "the method's name", "The program"),
        KeySpec("no_params", .bool, default: "false", "Without the agent's own arguments"),
        KeySpec("keep_data", .bool, default: "false", "The data directory is not emptied before"),
        KeySpec("no_leader", .bool, default: "false", "Usable while there is no leader"),
        KeySpec("recovery_conf", settings, "Written before the first start"),
        KeySpec("keep_existing_recovery_conf", .bool, default: "false", "The script's own recovery settings stay"),
    ])

    private static func scripts(_ methods: [String]) -> [KeySpec] {
        methods.filter { name in !sharedKeys.contains { $0.name == name } && !memberOnlyKeys.contains(name) }.map {
            KeySpec($0, scriptSection, "The section of the method '\($0.excerpt)'")
        }
    }

    /// The custom methods a `postgresql` section names, and further sections with a command: a standby cluster's
    /// configuration may name those.
    static func methodNames(in section: YAMLNode?) -> [String] {
        let node = section?["create_replica_methods"] ?? section?["create_replica_method"]
        let names = node?.sequence?.compactMap(\.asText) ?? node?.asText.map { [$0] } ?? []
        let known = Set(names + sharedKeys.map(\.name) + memberOnlyKeys)
        let others = (section?.mapping?.entries ?? []).filter { !known.contains($0.key) && $0.value["command"] != nil }
        return names.filter { $0 != "basebackup" } + others.map(\.key)
    }
}
