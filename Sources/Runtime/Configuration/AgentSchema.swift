import PostgresModel
import YAML

/// The keys of the agent's configuration: Patroni's (compatibility sheet d.2) and our own section. Keys that only
/// Patroni applies are listed with the reason, so that whoever brings a Patroni file reads what will differ.
public enum AgentSchema {
    public static let file = Schema("the configuration", unknown: .warning, refused: otherStores, [
        KeySpec("scope", name, required: true, "The cluster's name, the same for all members"),
        KeySpec("name", name, required: true, "This member's name, unique in the cluster"),
        KeySpec("namespace", .text, default: "service", "Keys lie below /NAMESPACE/SCOPE/"),
        KeySpec("restapi", .section(restapi), required: true, "The REST API"),
        KeySpec("etcd3", .section(etcd3), required: true, "The store: etcd with its v3 API"),
        KeySpec("postgresql", .section(postgresql), required: true, "The local PostgreSQL server"),
        KeySpec("bootstrap", .section(bootstrap), "What a new cluster begins with"),
        KeySpec("tags", .map(key: .text, value: .any), "Tags of this member"),
        KeySpec("watchdog", .section(watchdog), "The kernel's watchdog device"),
        KeySpec("log", .section(log), "Logging"),
        KeySpec("pgadopt", .section(own), "What Patroni has no word for"),
        // The agent does not read it, and need not: patronictl does.
        KeySpec("ctl", .any, "Settings of patronictl"),
        notApplied("citus", "pgadopt does not manage Citus"),
        notApplied("thread_pool_size", "the agent has no thread pool"),
        notApplied("thread_stack_size", "the agent has no thread pool"),
    ])

    public static let restapi = Schema("restapi", unknown: .warning, [
        KeySpec("listen", listen(defaultPort: nil), required: true, "Where to listen, such as 0.0.0.0:8008"),
        KeySpec("connect_address", hostPort(defaultPort: nil), required: true, "Where others reach it"),
        KeySpec("authentication", .section(login("restapi.authentication")),
            "Asked for by requests that change something"),
        KeySpec("certfile", .text, "Certificate; given: the API speaks TLS"),
        KeySpec("keyfile", .text, "Its private key"),
        KeySpec("cafile", .text, "Authority of client certificates"),
        KeySpec("verify_client", .oneOf(AgentConfiguration.RestAPI.ClientVerification.allCases.map(\.rawValue)),
            default: "none", "Which requests need a client certificate"),
    ] + ["keyfile_password", "ciphers", "allowlist", "allowlist_include_members", "http_extra_headers",
         "https_extra_headers", "request_queue_size", "thread_pool_size", "server_tokens"].map { notApplied($0) })

    public static let etcd3 = Schema("etcd3", unknown: .warning, [
        KeySpec("hosts", .either(.list(of: hostPort(defaultPort: 2379), minimum: 1), hostPortList),
            "Endpoints, as a list or with commas"),
        KeySpec("host", hostPort(defaultPort: 2379), "One endpoint"),
        KeySpec("url", url, "One endpoint with its scheme"),
        KeySpec("port", .port, default: "2379", "Port of an endpoint that names none"),
        KeySpec("protocol", .oneOf(["http", "https"]), default: "http", "https: TLS"),
        KeySpec("cacert", .text, "The authority that signed etcd's certificates"),
        KeySpec("cert", .text, "Client certificate"),
        KeySpec("key", .text, "Its private key"),
        KeySpec("username", .text, "etcd's user"),
        KeySpec("password", .text, "Its password; better 'password_file'"),
        KeySpec("password_file", .text, "File whose first line is the password"),
    ] + ["srv", "srv_suffix", "proxy", "use_proxies"].map { notApplied($0) })

    public static let postgresql = Schema("postgresql", unknown: .warning, [
        KeySpec("listen", listen(defaultPort: 5432), required: true, "Where to listen: addr[,addr]:port"),
        KeySpec("connect_address", hostPort(defaultPort: 5432), required: true, "Where others reach it"),
        KeySpec("data_dir", .text, required: true, "The data directory"),
        KeySpec("config_dir", .text, default: "data_dir", "Where postgresql.conf lies"),
        KeySpec("bin_dir", .text, default: "PATH", "Where the server's programs lie"),
        KeySpec("pgpass", .text, "Password file that the agent writes"),
        KeySpec("database", .text, default: "postgres", "Database of the agent's own connections"),
        KeySpec("authentication", .section(authentication), "The agent's users"),
        KeySpec("parameters", .map(key: .text, value: .any), "Settings of the server"),
        KeySpec("use_unix_socket", .bool, default: "false", "The agent connects through the local socket"),
        KeySpec("use_pg_rewind", .bool, default: "false", "A former leader is rewound before it is rebuilt"),
        KeySpec("pg_ctl_timeout", .duration, default: "60", "How long a start or a stop may take"),
    ] + ["proxy_address", "config_base_name", "bin_name", "parameters_primary", "parameters_replica",
         "parameters_standby_leader", "pg_hba", "pg_hba_primary", "pg_hba_replica", "pg_hba_standby_leader", "pg_ident",
         "use_unix_socket_repl", "krbsrvname", "rewind", "remove_data_directory_on_rewind_failure",
         "remove_data_directory_on_diverged_timelines", "create_replica_methods", "basebackup", "recovery_conf",
         "custom_conf", "callbacks", "pre_promote", "before_stop"].map { notApplied($0) })

    public static let authentication = Schema("postgresql.authentication", unknown: .warning, [
        KeySpec("superuser", .section(login("superuser")), "For everything that replication and rewind do not do"),
        KeySpec("replication", .section(login("replication")), "Streams from the leader"),
        KeySpec("rewind", .section(login("rewind")), default: "superuser", "Rewinds a former leader"),
    ])

    public static let bootstrap = Schema("bootstrap", unknown: .warning, [
        KeySpec("dcs", .map(key: .text, value: .any), "The first dynamic configuration"),
    ] + ["method", "initdb", "pg_hba", "post_bootstrap", "post_init"].map { notApplied($0) })

    public static let watchdog = Schema("watchdog", unknown: .warning, [
        KeySpec("mode", .oneOf(AgentConfiguration.Watchdog.Mode.allCases.map(\.rawValue)), default: "automatic",
            "Whether the device is used"),
        KeySpec("device", .text, default: "/dev/watchdog", "The device"),
        KeySpec("safety_margin", .duration, default: "5", "How long before the lease's end it must fire"),
        notApplied("driver", "the device is the only driver"),
    ])

    public static let log = Schema("log", unknown: .warning, [
        KeySpec("level", .oneOf(AgentConfiguration.Log.Level.allCases.map(\.rawValue)), default: "INFO", "Least level"),
        KeySpec("type", .oneOf(AgentConfiguration.Log.Form.allCases.map(\.rawValue)), default: "plain",
            "Form of a line"),
    ] + ["traceback_level", "format", "dateformat", "static_fields", "max_queue_size", "dir", "mode", "file_num",
         "file_size", "loggers", "deduplicate_heartbeat_logs"].map { notApplied($0) })

    public static let own = Schema("pgadopt", [
        KeySpec("runtime_dir", .text, default: "/run/pgadopt/SCOPE", "Sockets; gone at a reboot"),
        KeySpec("state_dir", .text, default: "/var/lib/pgadopt/SCOPE", "What must outlive a reboot"),
        KeySpec("guard", .text, default: "pgadopt-guard beside the agent", "The guard program"),
        KeySpec("config_file", .text, "The owner's postgresql.conf outside the data directory"),
        KeySpec("hba_file", .text, "The owner's pg_hba.conf"),
        KeySpec("ident_file", .text, "The owner's pg_ident.conf"),
        KeySpec("include_file", .text, "Our own file that postgresql.conf includes last"),
        KeySpec("legacy_unit", .text, "The unit that owned the server before adoption"),
        KeySpec("postmaster_options", .list(of: .text), "Further arguments of the postmaster"),
    ])

    static func login(_ title: String) -> Schema {
        Schema(title, unknown: .warning, [
            KeySpec("username", .text, required: true, "The user"),
            KeySpec("password", .text, "Its password; better 'password_file'"),
            KeySpec("password_file", .text, "File whose first line is the password"),
        ] + ["sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir", "gssencmode",
             "channel_binding", "sslnegotiation"].map { notApplied($0) })
    }

    private static func notApplied(
        _ name: String, _ reason: String = "this version of pgadopt does not apply it"
    ) -> KeySpec {
        KeySpec(name, .any, notApplied: reason, "Patroni's \(name)")
    }

    private static let otherStores: [String: String] = Dictionary(
        uniqueKeysWithValues: ["etcd", "consul", "zookeeper", "exhibitor", "kubernetes", "raft"].map {
            ($0, "is a store that pgadopt does not speak to; allowed: 'etcd3', etcd 3.4 or later")
        })
}

extension AgentSchema {
    /// Part of keys in the store and of paths.
    static let name = ValueType.checked(allowed: "text without '/'") { text in
        if text.isEmpty { return .bad("is empty") }
        // Patroni keeps this name for a synchronous standby that nobody is.
        if text == "__patroni_strict_sync_replica_placeholder__" { return .bad("is a reserved name") }
        return text.contains("/") || text == "." || text == ".." ? .bad("is '\(text.excerpt)'") : .good
    }

    static func listen(defaultPort: Int?) -> ValueType {
        let allowed = defaultPort == nil ? "address[,address]:port" : "address[,address][:port]"
        return .checked(allowed: allowed) { text in
            ListenAddress(text, defaultPort: defaultPort) != nil ? .good : .bad("is '\(text.excerpt)'")
        }
    }

    static func hostPort(defaultPort: Int?) -> ValueType {
        .checked(allowed: defaultPort == nil ? "host:port" : "host[:port]") { text in
            HostPort(text, defaultPort: defaultPort) != nil ? .good : .bad("is '\(text.excerpt)'")
        }
    }

    static let hostPortList = ValueType.checked(allowed: "host:port,host:port") { text in
        let parts = text.split(separator: ",").map { $0.trimmingSpaces }
        let isGood = !parts.isEmpty && parts.allSatisfy { HostPort($0, defaultPort: 2379) != nil }
        return isGood ? .good : .bad("is '\(text.excerpt)'")
    }

    static let url = ValueType.checked(allowed: "http://host:port or https://host:port") { text in
        endpoint(url: text, defaultPort: 2379) != nil ? .good : .bad("is no such address")
    }

    /// A URL may hold a user and a password; those are neither read nor shown.
    static func endpoint(url: String, defaultPort: Int) -> (place: HostPort, usesTLS: Bool)? {
        for (scheme, usesTLS) in [("http://", false), ("https://", true)] where url.hasPrefix(scheme) {
            let authority = String(url.dropFirst(scheme.count).prefix { $0 != "/" })
            return HostPort(authority, defaultPort: defaultPort).map { ($0, usesTLS) }
        }
        return nil
    }
}
