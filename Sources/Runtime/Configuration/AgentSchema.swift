import YAML

/// The keys of the agent's configuration: Patroni's (compatibility sheet d.2) and our own section. Keys without an
/// effect are listed with the reason, so that whoever brings a Patroni file reads what will differ.
public enum AgentSchema {
    public static let file = file(methods: [], bootstrapMethod: nil)

    /// With the sections of custom methods, whose names the file chooses.
    static func file(methods: [String], bootstrapMethod: String?) -> Schema {
        Schema("the configuration", unknown: .warning, refused: refusedSections, [
            KeySpec("scope", name, required: true, "The cluster's name, the same for all members"),
            KeySpec("name", name, required: true, "This member's name, unique in the cluster"),
            KeySpec("namespace", .text, default: "service", "Keys lie below /NAMESPACE/SCOPE/"),
            KeySpec("restapi", .section(restapi), required: true, "The REST API"),
            KeySpec("ctl", .section(ctl), "How this member, and patronictl, speak to the API of others"),
            KeySpec("etcd3", .section(etcd3), required: true, "The store: etcd with its v3 API"),
            KeySpec("postgresql", .section(postgresql(methods: methods)), required: true, "The local PostgreSQL server"),
            KeySpec("bootstrap", .section(bootstrap(method: bootstrapMethod)), "What a new cluster begins with"),
            KeySpec("tags", .map(key: .text, value: .any), "Tags of this member"),
            KeySpec("watchdog", .section(watchdog), "The kernel's watchdog device"),
            KeySpec("log", .section(log), "Logging"),
            KeySpec("pgadopt", .section(own), "What Patroni has no word for"),
            notApplied("thread_pool_size", "the agent has no thread pool"),
            notApplied("thread_stack_size", "the agent has no thread pool"),
        ])
    }

    static let restapi = Schema("restapi", unknown: .warning, [
        KeySpec("listen", listen(defaultPort: nil), required: true, "Where to listen, such as 0.0.0.0:8008"),
        KeySpec("connect_address", hostPort(defaultPort: nil), required: true, "Where others reach it"),
        KeySpec("authentication", .section(login("restapi.authentication")),
            "Asked for by requests that change something"),
        KeySpec("certfile", .text, "Certificate; given: the API speaks TLS"),
        KeySpec("keyfile", .text, "Its private key"),
        KeySpec("keyfile_password", .text, "The password of an encrypted key"),
        KeySpec("cafile", .text, "Authority of client certificates"),
        KeySpec("ciphers", .text, "OpenSSL's cipher list for TLS 1.2"),
        KeySpec("verify_client", .oneOf(AgentConfiguration.RestAPI.ClientVerification.allCases.map(\.rawValue)),
            default: "none", "Which requests need a client certificate"),
        KeySpec("allowlist", commaList, "Names, addresses and networks that may change something"),
        KeySpec("allowlist_include_members", .bool, default: "false", "The cluster's members may too"),
        KeySpec("http_extra_headers", headers, "Headers of every answer"),
        KeySpec("https_extra_headers", headers, "Headers of every answer over TLS"),
        KeySpec("request_queue_size", .integer(0...4096), "Connections the kernel keeps waiting"),
        KeySpec("server_tokens", tokens, default: "Original", "What the Server header says"),
        notApplied("thread_pool_size", "the agent answers without threads of its own for each request"),
    ])

    static let ctl = Schema("ctl", unknown: .warning, [
        KeySpec("authentication", .section(login("ctl.authentication")), default: "restapi.authentication",
            "Shown to the API of others"),
        KeySpec("insecure", .bool, default: "false", "Certificates are not verified"),
        KeySpec("cacert", .text, default: "restapi.cafile", "The authority that signed the others' certificates"),
        KeySpec("certfile", .text, "Client certificate"),
        KeySpec("keyfile", .text, "Its private key"),
        KeySpec("keyfile_password", .text, "The password of an encrypted key"),
    ])

    static let etcd3 = Schema("etcd3", unknown: .warning, refused: [
        "srv": "is not looked up; allowed: the endpoints themselves in 'hosts', as 'dig SRV' shows them",
    ], [
        KeySpec("hosts", .either(.list(of: hostPort(defaultPort: 2379), minimum: 1), hostPortList),
            "Endpoints, as a list or with commas"),
        KeySpec("host", hostPort(defaultPort: 2379), "One endpoint"),
        KeySpec("url", url, "One endpoint with its scheme"),
        KeySpec("proxy", url, "One endpoint with its scheme: a gateway in front of etcd"),
        KeySpec("port", .port, default: "2379", "Port of an endpoint that names none"),
        KeySpec("protocol", .oneOf(["http", "https"]), default: "http", "https: TLS"),
        KeySpec("cacert", .text, "The authority that signed etcd's certificates"),
        KeySpec("cert", .text, "Client certificate"),
        KeySpec("key", .text, "Its private key"),
        KeySpec("username", .text, "etcd's user"),
        KeySpec("password", .text, "Its password; better 'password_file'"),
        KeySpec("password_file", .text, "File whose first line is the password"),
        KeySpec("use_proxies", .bool, default: "always true", "The endpoints are used as they are given"),
        notApplied("srv_suffix", "SRV records are not looked up"),
    ])

    static func bootstrap(method: String?) -> Schema {
        var keys = [
            KeySpec("dcs", .map(key: .text, value: .any), "The first dynamic configuration"),
            KeySpec("method", .text, default: "initdb", "initdb, or the name of a section below bootstrap"),
            KeySpec("initdb", .any, "Further options of initdb, as a list or a section"),
            KeySpec("pg_hba", .list(of: .text), "Lines added to pg_hba.conf; only without postgresql.pg_hba"),
            KeySpec("post_bootstrap", command, "Run once on the new leader, with a connection string"),
            KeySpec("post_init", command, "The older name of post_bootstrap"),
            notApplied("users", "roles are made by 'post_bootstrap', as since Patroni 4.0"),
        ]
        if let method, !keys.contains(where: { $0.name == method }) {
            keys.append(KeySpec(method, scriptSection, "The section of the method '\(method.excerpt)'"))
        }
        return Schema("bootstrap", unknown: .warning, keys)
    }

    static let watchdog = Schema("watchdog", unknown: .warning, [
        KeySpec("mode", .oneOf(AgentConfiguration.Watchdog.Mode.allCases.map(\.rawValue)), default: "automatic",
            "Whether the device is used"),
        KeySpec("device", .text, default: "/dev/watchdog", "The device"),
        KeySpec("safety_margin", margin, default: "5", "How long before the lease's end it must fire; five sixths of the ttl are left at least"),
        notApplied("driver", "the device is the only driver"),
    ])

    static let log = Schema("log", unknown: .warning, [
        KeySpec("level", logLevel, default: "INFO", "Least level"),
        KeySpec("type", .oneOf(AgentConfiguration.Log.Form.allCases.map(\.rawValue)), default: "plain",
            "Form of a line"),
        KeySpec("format", .either(.list(of: .any), logFormat), default: "%(asctime)s %(levelname)s: %(message)s",
            "A line's parts"),
        KeySpec("dateformat", .text, "strftime's pattern of the time"),
        KeySpec("static_fields", settings, "Added to every line of the JSON form"),
        KeySpec("dir", .text, default: "standard error", "Directory of the log files"),
        KeySpec("mode", .integer(0...511), "Permissions of the log files, as a decimal number"),
        KeySpec("file_num", .integer(0...1000), default: "4", "Rotated files that are kept"),
        KeySpec("file_size", .bytes, default: "25000000", "Bytes at which a file is rotated"),
        KeySpec("loggers", .map(key: .text, value: logLevel), "Levels of single loggers"),
        KeySpec("deduplicate_heartbeat_logs", .bool, notApplied: "the sentence of an unchanged cycle is always logged once",
            "Fewer lines"),
        notApplied("traceback_level", "the agent has no tracebacks"),
        notApplied("max_queue_size", "lines are written at once, not queued"),
    ])

    static let own = Schema("pgadopt", [
        KeySpec("runtime_dir", .text, default: "/run/pgadopt/SCOPE", "Sockets; gone at a reboot"),
        KeySpec("state_dir", .text, default: "/var/lib/pgadopt/SCOPE", "What must outlive a reboot"),
        KeySpec("guard", .text, default: "pgadopt-guard beside the agent", "The guard program"),
        KeySpec("config_file", .text, "The owner's postgresql.conf outside the data directory"),
        KeySpec("hba_file", .text, "The owner's pg_hba.conf, as noted at the adoption"),
        KeySpec("ident_file", .text, "The owner's pg_ident.conf, as noted at the adoption"),
        KeySpec("include_file", .text, "Our own file that postgresql.conf includes last"),
        KeySpec("legacy_unit", .text, "The unit that owned the server, as noted at the adoption"),
        KeySpec("postmaster_options", .list(of: .text), notApplied: "the postmaster's arguments are those of its last start",
            "Further arguments of the postmaster"),
        KeySpec("store_leader_apart", .bool, default: "false",
            "While this member leads, etcd's leader is moved off its host: a lost host then costs one lease, not two"),
        KeySpec("relay", .section(relay), "Replication through the agent while a server listens on its own host only"),
    ])

    static let relay = Schema("pgadopt.relay", [
        KeySpec("listen", listen(defaultPort: nil), "Where this member's relay listens while its server is local"),
        KeySpec("certfile", .text, required: true, "Certificate of this member, for its relay and for those of others"),
        KeySpec("keyfile", .text, required: true, "Its private key"),
        KeySpec("cafile", .text, required: true, "The authority of all members' certificates"),
        KeySpec("members", .list(of: hostPort(defaultPort: nil)), "Relays of other members, as host:port"),
    ])

    static func login(_ title: String, more: [KeySpec] = []) -> Schema {
        Schema(title, unknown: .warning, [
            KeySpec("username", .text, required: true, "The user"),
            KeySpec("password", .text, "Its password; better 'password_file'"),
            KeySpec("password_file", .text, "File whose first line is the password"),
        ] + more)
    }

    static func notApplied(_ name: String, _ reason: String) -> KeySpec {
        KeySpec(name, .any, notApplied: reason, "Patroni's \(name)")
    }

    /// What no configuration of ours may hold, with what to do instead.
    private static let refusedSections: [String: String] = {
        let move = "; allowed: 'etcd3'. Move the cluster to etcd 3.4 or later with Patroni first (docs/patroni.md)"
        var result = Dictionary(uniqueKeysWithValues: ["consul", "zookeeper", "exhibitor", "kubernetes", "raft"].map {
            ($0, "is a store that pgadopt does not speak to" + move)
        })
        result["etcd"] = "is etcd's API of version 2; allowed: 'etcd3', the same endpoints with API version 3"
        result["citus"] = "is not managed by pgadopt: a Citus group keeps its keys elsewhere; leave it to Patroni"
        return result
    }()
}
