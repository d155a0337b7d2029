import PostgresModel
import YAML

/// What a running server says of itself, as far as a configuration needs it.
public struct ServerReport: Hashable, Sendable {
    /// `server_version_num`
    public var version: Int
    /// `name` -> `current_setting(name)` of pg_settings.
    public var settings: [String: String]
    /// The role that asked; it will be the agent's superuser.
    public var user: String
    /// The directory of the running server's program; nil: not seen.
    public var binDirectory: String?
    /// Data checksums are on, as pg_rewind needs when `wal_log_hints` is off.
    public var dataChecksums: Bool { settings["data_checksums"] == "on" }

    public init(version: Int, settings: [String: String], user: String, binDirectory: String? = nil) {
        self.version = version
        self.settings = settings
        self.user = user
        self.binDirectory = binDirectory
    }
}

/// A configuration file to begin with. What nobody can know is left empty, so that `--validate-config` names it:
/// the scope, the store, users of replication, and every secret.
public struct GeneratedConfiguration: Sendable {
    /// Nil: no server was asked; the file is a sample.
    public var server: ServerReport?
    /// This host's name; the member's name.
    public var hostName: String
    /// An address of this host that others reach; nil: to be filled in.
    public var address: String?

    public init(server: ServerReport?, hostName: String, address: String?) {
        self.server = server
        self.hostName = hostName
        self.address = address
    }

    public var yamlText: String {
        let fields = [
            YAMLField("scope", scope, comment: "The cluster's name, the same for all members."),
            YAMLField("name", .string(hostName), comment: "This member's name, unique in the cluster."),
            YAMLField("restapi", restapi, comment: "Health checks, patronictl and other members come here."),
            YAMLField("etcd3", .map([YAMLField("hosts", .null, comment: "Fill in: [host:2379, host:2379, host:2379]")]),
                comment: "The store that decides who leads: etcd 3.4 or later."),
            YAMLField("bootstrap", bootstrap, comment: """
                Written to the store when the cluster begins; from then on 'patronictl edit-config' changes it.
                """),
            YAMLField("postgresql", postgresql, comment: "The server on this host."),
        ] + own + [YAMLField("tags", .map([
            YAMLField("clonefrom", false), YAMLField("failover_priority", 1), YAMLField("noloadbalance", false),
            YAMLField("sync_priority", 1),
        ]))]
        return header + YAMLValue.map(fields).yamlText
    }

    private var header: String {
        let origin = server.map { "made from a running PostgreSQL \($0.version / 10000)" } ?? "a sample"
        return """
            # The configuration of pgadopt-agent, \(origin). The format is Patroni's.
            # Fill in what is empty; then: pgadopt-agent --validate-config FILE.yml

            """
    }

    private func setting(_ name: String) -> String? { server?.settings[name].flatMap { $0.isEmpty ? nil : $0 } }

    private var scope: YAMLValue { setting("cluster_name").map { .string($0) } ?? .null }

    private func place(_ port: String) -> YAMLValue { address.map { .string("\($0.bracketed):\(port)") } ?? .null }

    private var restapi: YAMLValue {
        .map([YAMLField("listen", "0.0.0.0:8008"), YAMLField("connect_address", place("8008"))])
    }

    /// A running server's values are the cluster's, so that nothing falls at the next restart.
    private var bootstrap: YAMLValue {
        var parameters: [YAMLField] = ClusterParameter.all.map { parameter in
            YAMLField(parameter.name, .string(setting(parameter.name) ?? parameter.standard))
        }
        if let keep = setting(ClusterParameter.keepSize) ?? (server == nil ? "128MB" : nil) {
            parameters.append(YAMLField(ClusterParameter.keepSize, .string(keep)))
        } else if let keep = setting(ClusterParameter.keepSegments) {
            parameters.append(YAMLField(ClusterParameter.keepSegments, .string(keep)))
        }
        let rewinds = server.map { $0.dataChecksums || $0.settings["wal_log_hints"] == "on" } ?? true
        return .map([YAMLField("dcs", .map([
            YAMLField("ttl", 30), YAMLField("loop_wait", 10), YAMLField("retry_timeout", 10),
            YAMLField("maximum_lag_on_failover", 1_048_576),
            YAMLField("postgresql", .map([
                YAMLField("use_pg_rewind", .bool(rewinds), comment: rewinds ? nil : """
                    Needs wal_log_hints (a restart) or data checksums; until then a former leader is copied anew.
                    """),
                YAMLField("parameters", .map(parameters)),
            ])),
        ]))])
    }

    private var postgresql: YAMLValue {
        let port = setting("port") ?? "5432"
        let addresses = setting("listen_addresses") ?? "*"
        let hosts = addresses.filter { $0 != " " }.split(separator: ",").map { String($0).bracketed }
        var fields = [
            YAMLField("listen", .string("\(hosts.joined(separator: ",")):\(port)")),
            YAMLField("connect_address", place(port)),
            YAMLField("data_dir", setting("data_directory").map { .string($0) } ?? .null),
        ]
        if let directory = configDirectory { fields.append(YAMLField("config_dir", .string(directory))) }
        fields.append(YAMLField("bin_dir", server?.binDirectory.map { .string($0) } ?? .null,
            comment: server?.binDirectory == nil ? "Where postgres and pg_ctl lie; without it they are searched in PATH." : nil))
        if let sockets = setting("unix_socket_directories") {
            fields.append(YAMLField("parameters", .map([YAMLField("unix_socket_directories", .string(sockets))])))
        }
        let login: (YAMLValue) -> YAMLValue = { .map([YAMLField("username", $0), YAMLField("password_file", .null)]) }
        fields.append(YAMLField("authentication", .map([
            YAMLField("superuser", login(.string(server?.user ?? "postgres"))),
            YAMLField("replication", login(.null), comment: "A role with REPLICATION."),
        ]), comment: "The first line of each password_file is the password; without one, peer or .pgpass must do."))
        return .map(fields)
    }

    /// Where the owner's files lie when that is not the data directory.
    private var configDirectory: String? {
        guard let file = setting("config_file"), let data = setting("data_directory"),
            let slash = file.lastIndex(of: "/"), file[..<slash] != data else { return nil }
        return String(file[..<slash])
    }

    private var own: [YAMLField] {
        guard configDirectory != nil else { return [] }
        let files = ["config_file", "hba_file", "ident_file"].compactMap { name in
            setting(name).map { YAMLField(name, .string($0)) }
        }
        return [YAMLField("pgadopt", .map(files), comment: "The owner's files, outside the data directory.")]
    }
}

extension String {
    fileprivate var bracketed: String { contains(":") ? "[\(self)]" : self }
}
