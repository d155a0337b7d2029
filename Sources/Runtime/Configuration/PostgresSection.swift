import PostgresModel

extension AgentConfiguration {
    /// The `postgresql` section: what belongs to this member, and the options the cluster may share.
    public struct Postgres: Hashable, Sendable {
        public var listen: ListenAddress
        /// Where members and clients reach the server; published as `conn_url`.
        public var connectAddress: HostPort
        /// A proxy in front of the server; published as `proxy_url`.
        public var proxyAddress: HostPort?
        public var dataDirectory: String
        /// Where postgresql.conf lies; nil: in the data directory.
        public var configDirectory: String?
        /// The password file the agent writes for replication connections.
        public var pgpass: String?
        public var superuser: Login?
        public var replication: Login?
        /// Nil: the superuser rewinds.
        public var rewind: Login?
        /// As the file says them; `AgentConfiguration.postgresOptions(with:)` adds the cluster's.
        public var options: PostgresOptions

        public init(
            listen: ListenAddress, connectAddress: HostPort, dataDirectory: String, configDirectory: String? = nil,
            binDirectory: String? = nil, pgpass: String? = nil, database: String? = nil, superuser: Login? = nil,
            replication: Login? = nil, rewind: Login? = nil, parameters: [String: String] = [:],
            useUnixSocket: Bool? = nil, usePgRewind: Bool? = nil, pgCtlTimeout: Duration? = nil
        ) {
            self.listen = listen
            self.connectAddress = connectAddress
            self.dataDirectory = dataDirectory
            self.configDirectory = configDirectory
            self.pgpass = pgpass
            self.superuser = superuser
            self.replication = replication
            self.rewind = rewind
            options = PostgresOptions()
            options.binDirectory = binDirectory
            options.database = database
            options.parameters = parameters
            options.useUnixSocket = useUnixSocket
            options.usePgRewind = usePgRewind
            options.pgCtlTimeout = pgCtlTimeout
        }

        // The file's own words, for those who write and compare files.
        public var binDirectory: String? { options.binDirectory }
        public var database: String? { options.database }
        public var parameters: [String: String] { options.parameters }
        public var useUnixSocket: Bool? { options.useUnixSocket }
        public var usePgRewind: Bool? { options.usePgRewind }
        public var pgCtlTimeout: Duration? { options.pgCtlTimeout }
    }

    /// What is in force for the server of this member: the file's words over the cluster's (compatibility sheet
    /// d.1). Parameters are merged one by one; every other key is taken whole from whoever says it. Parameters
    /// that must be the same on all members come from the cluster only, see `ClusterParameter`.
    public func postgresOptions(with dynamic: DynamicConfiguration) -> PostgresOptions {
        postgresql.options.overlaying(dynamic.postgresql.options)
    }
}
