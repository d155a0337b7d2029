/// What a changed configuration asks for, as a value: the agent carries it out.
public struct ConfigurationChange: Hashable, Sendable {
    public enum Effect: String, Hashable, Sendable, Comparable, CaseIterable {
        /// In force with the next cycle, the next request or the next connection.
        case live
        /// PostgreSQL has to read its files again.
        case reload
        /// Shown as pending until PostgreSQL is restarted.
        case serverRestart = "restart of PostgreSQL"
        /// Not in force until the agent is restarted, which disturbs no client; until then the old value stays
        /// (`AgentConfiguration.taking`).
        case agentRestart = "restart of the agent"

        public static func < (a: Self, b: Self) -> Bool { a.order < b.order }
        private var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    public struct Item: Hashable, Sendable {
        /// Dotted, as in the file: `postgresql.pg_hba`.
        public var key: String
        public var effect: Effect

        public init(_ key: String, _ effect: Effect) {
            self.key = key
            self.effect = effect
        }
    }

    public var items: [Item] = []

    public init(_ items: [Item] = []) { self.items = items }

    public var isEmpty: Bool { items.isEmpty }
    public func keys(_ effect: Effect) -> [String] { items.filter { $0.effect == effect }.map(\.key) }

    /// A sentence for the log; nil when nothing changed.
    public var sentence: String? {
        guard !items.isEmpty else { return nil }
        return Effect.allCases.compactMap { effect in
            let keys = keys(effect)
            guard !keys.isEmpty else { return nil }
            let list = keys.joined(separator: ", ")
            return effect == .live ? "in force now: \(list)" : "after a \(effect.rawValue): \(list)"
        }.joined(separator: "; ")
    }

    private mutating func compare<Root, Value: Equatable>(
        _ old: Root, _ new: Root, _ key: String, _ path: KeyPath<Root, Value>, _ effect: Effect
    ) {
        if old[keyPath: path] != new[keyPath: path] { items.append(Item(key, effect)) }
    }
}

extension AgentConfiguration {
    /// Another reading of the file, but for what only another agent can take on: that stays as it is here.
    public func taking(_ new: AgentConfiguration) -> AgentConfiguration {
        var result = new
        func keep<Value>(_ part: WritableKeyPath<AgentConfiguration, Value>) { result[keyPath: part] = self[keyPath: part] }
        keep(\.scope)
        keep(\.name)
        keep(\.namespace)
        keep(\.etcd)
        keep(\.restapi.listen)
        keep(\.restapi.requestQueueSize)
        keep(\.watchdog)
        keep(\.log)
        keep(\.pgadopt)
        keep(\.postgresql.listen)
        keep(\.postgresql.dataDirectory)
        keep(\.postgresql.configDirectory)
        keep(\.postgresql.pgpass)
        keep(\.postgresql.superuser)
        keep(\.postgresql.replication)
        keep(\.postgresql.rewind)
        keep(\.postgresql.options.binDirectory)
        keep(\.postgresql.options.binNames)
        keep(\.postgresql.options.configBaseName)
        keep(\.postgresql.options.database)
        return result
    }
}

extension ConfigurationChange {
    /// Between two readings of a member's file. Certificates are read again whether or not their paths changed.
    public init(from old: AgentConfiguration, to new: AgentConfiguration) {
        compare(old, new, "scope", \.scope, .agentRestart)
        compare(old, new, "name", \.name, .agentRestart)
        compare(old, new, "namespace", \.namespace, .agentRestart)
        compare(old, new, "etcd3", \.etcd, .agentRestart)
        compare(old, new, "restapi.listen", \.restapi.listen, .agentRestart)
        compare(old, new, "restapi.request_queue_size", \.restapi.requestQueueSize, .agentRestart)
        var oldAPI = old.restapi
        oldAPI.listen = new.restapi.listen
        oldAPI.requestQueueSize = new.restapi.requestQueueSize
        if oldAPI != new.restapi { items.append(.init("restapi", .live)) }
        compare(old, new, "ctl", \.ctl, .live)
        compare(old, new, "tags", \.tags, .live)
        compare(old, new, "watchdog", \.watchdog, .agentRestart)
        compare(old, new, "log", \.log, .agentRestart)
        compare(old, new, "pgadopt", \.pgadopt, .agentRestart)
        comparePostgres(old.postgresql, new.postgresql)
        // `bootstrap` is read once, for a new cluster: a change of it means nothing here.
    }

    private mutating func comparePostgres(
        _ old: AgentConfiguration.Postgres, _ new: AgentConfiguration.Postgres
    ) {
        compare(old, new, "postgresql.listen", \.listen, .agentRestart)
        compare(old, new, "postgresql.connect_address", \.connectAddress, .live)
        compare(old, new, "postgresql.proxy_address", \.proxyAddress, .live)
        compare(old, new, "postgresql.data_dir", \.dataDirectory, .agentRestart)
        compare(old, new, "postgresql.config_dir", \.configDirectory, .agentRestart)
        compare(old, new, "postgresql.pgpass", \.pgpass, .agentRestart)
        compare(old, new, "postgresql.authentication.superuser", \.superuser, .agentRestart)
        compare(old, new, "postgresql.authentication.replication", \.replication, .agentRestart)
        compare(old, new, "postgresql.authentication.rewind", \.rewind, .agentRestart)
        compareOptions(old.options, new.options)
    }

    /// Keys of the shared section. Whether a parameter needs a restart is PostgreSQL's to say (pg_settings'
    /// context); here it counts as a reload, after which the agent asks for `pending_restart`.
    private mutating func compareOptions(_ old: PostgresOptions, _ new: PostgresOptions) {
        compare(old, new, "postgresql.bin_dir", \.binDirectory, .agentRestart)
        compare(old, new, "postgresql.bin_name", \.binNames, .agentRestart)
        compare(old, new, "postgresql.config_base_name", \.configBaseName, .agentRestart)
        compare(old, new, "postgresql.parameters", \.parameters, .reload)
        compare(old, new, "postgresql.parameters by role", \.parametersByRole, .reload)
        compare(old, new, "postgresql.pg_hba", \.pgHBA, .reload)
        compare(old, new, "postgresql.pg_hba by role", \.pgHBAByRole, .reload)
        compare(old, new, "postgresql.pg_ident", \.pgIdent, .reload)
        compare(old, new, "postgresql.pg_ident by role", \.pgIdentByRole, .reload)
        compare(old, new, "postgresql.custom_conf", \.customConf, .reload)
        compare(old, new, "postgresql.recovery_conf", \.recoveryConf, .reload)
        compare(old, new, "postgresql.database", \.database, .agentRestart)
        compare(old, new, "postgresql.krbsrvname", \.krbsrvname, .reload)
        compare(old, new, "postgresql.use_unix_socket", \.useUnixSocket, .live)
        compare(old, new, "postgresql.use_unix_socket_repl", \.useUnixSocketForReplication, .live)
        compare(old, new, "postgresql.pg_ctl_timeout", \.pgCtlTimeout, .live)
        compare(old, new, "postgresql.use_pg_rewind", \.usePgRewind, .live)
        compare(old, new, "postgresql.rewind", \.rewindOptions, .live)
        compare(old, new, "postgresql.remove_data_directory_on_rewind_failure",
            \.removeDataDirectoryOnRewindFailure, .live)
        compare(old, new, "postgresql.remove_data_directory_on_diverged_timelines",
            \.removeDataDirectoryOnDivergedTimelines, .live)
        compare(old, new, "postgresql.create_replica_methods", \.createReplicaMethods, .live)
        compare(old, new, "postgresql.basebackup", \.basebackupOptions, .live)
        compare(old, new, "postgresql.callbacks", \.callbacks, .live)
        compare(old, new, "postgresql.pre_promote", \.prePromote, .live)
        compare(old, new, "postgresql.before_stop", \.beforeStop, .live)
    }

    /// Between two readings of the cluster's configuration.
    public init(from old: DynamicConfiguration, to new: DynamicConfiguration) {
        compareOptions(old.postgresql.options, new.postgresql.options)
        let names = Set(ClusterParameter.all.map(\.name))
        let before = old.postgresql.parameters.filter { names.contains($0.key) }
        let after = new.postgresql.parameters.filter { names.contains($0.key) }
        for name in names.sorted() where before[name] != after[name] {
            items.append(.init("postgresql.parameters.\(name)", .serverRestart))
        }
        compare(old, new, "postgresql.use_slots", \.postgresql.useSlots, .live)
        compare(old, new, "rto", \.rto, .live)
        compare(old, new, "ttl", \.ttl, .live)
        compare(old, new, "loop_wait", \.loopWait, .live)
        compare(old, new, "retry_timeout", \.retryTimeout, .live)
        compare(old, new, "maximum_lag_on_failover", \.maximumLagOnFailover, .live)
        compare(old, new, "maximum_lag_on_syncnode", \.maximumLagOnSyncnode, .live)
        compare(old, new, "max_timelines_history", \.maxTimelinesHistory, .live)
        compare(old, new, "primary_start_timeout", \.primaryStartTimeout, .live)
        compare(old, new, "primary_stop_timeout", \.primaryStopTimeout, .live)
        compare(old, new, "primary_race_backoff", \.primaryRaceBackoff, .live)
        compare(old, new, "synchronous_mode", \.synchronousMode, .live)
        compare(old, new, "synchronous_mode_strict", \.synchronousModeStrict, .live)
        compare(old, new, "synchronous_node_count", \.synchronousNodeCount, .live)
        compare(old, new, "failsafe_mode", \.failsafeMode, .live)
        compare(old, new, "check_timeline", \.checkTimeline, .live)
        compare(old, new, "pause", \.pause, .live)
        compare(old, new, "slots", \.slots, .live)
        compare(old, new, "ignore_slots", \.ignoreSlots, .live)
        compare(old, new, "member_slots_ttl", \.memberSlotsTTL, .live)
        compare(old, new, "standby_cluster", \.standbyCluster, .live)
    }
}
