/// Keys of the `postgresql` section that a member's file and the cluster's configuration may both hold. Nil or
/// empty: not said.
public struct PostgresOptions: Hashable, Sendable {
    /// Nil: the programs are searched in PATH.
    public var binDirectory: String?
    /// Other names of programs: `postgres` to `postgres-15`.
    public var binNames: [String: String] = [:]
    /// The database for the agent's own connections. Default `postgres`.
    public var database: String?
    /// Kerberos' service name, for `pg_hba` methods that need it.
    public var krbsrvname: String?
    /// The agent connects through the server's socket. Default false.
    public var useUnixSocket: Bool?
    /// So do replication connections to the own server. Default false.
    public var useUnixSocketForReplication: Bool?

    /// Text as PostgreSQL reads it.
    public var parameters: [String: String] = [:]
    /// Over `parameters` while the server has this role.
    public var parametersByRole: [ServerRole: [String: String]] = [:]
    /// Lines of pg_hba.conf; nil: the file stays as it is.
    public var pgHBA: [String]?
    /// Instead of `pgHBA` while the server has this role.
    public var pgHBAByRole: [ServerRole: [String]] = [:]
    public var pgIdent: [String]?
    public var pgIdentByRole: [ServerRole: [String]] = [:]
    /// The name of postgresql.conf without `.conf`. Default `postgresql`.
    public var configBaseName: String?
    /// A file included before our settings, instead of the one that was there before the agent.
    public var customConf: String?
    /// Settings of recovery, such as `restore_command`; those that the agent decides are never in it.
    public var recoveryConf: [String: String] = [:]

    /// How long a start or stop may take before it counts as failed. Default 60 s.
    public var pgCtlTimeout: Duration?
    /// Default false.
    public var usePgRewind: Bool?
    /// Further arguments of pg_rewind.
    public var rewindOptions: [ProgramOption] = []
    /// A data directory that pg_rewind could not rewind is set aside and copied anew. Default false.
    public var removeDataDirectoryOnRewindFailure: Bool?
    /// A data directory whose timeline left the leader's is set aside and copied anew. Default false.
    public var removeDataDirectoryOnDivergedTimelines: Bool?

    /// How a replica is made, in the order of trying; nil: `basebackup`.
    public var createReplicaMethods: [ReplicaMethod]?
    /// Sections of methods that `createReplicaMethods` does not name: a standby cluster may.
    public var otherMethods: [String: CustomScript] = [:]
    /// Further arguments of pg_basebackup.
    public var basebackupOptions: [ProgramOption] = []
    public var callbacks = Callbacks()
    /// Run before a promotion; a non-zero exit keeps this member from leading for a ttl.
    public var prePromote: CommandWords?
    /// Run before every stop; its exit code is only logged.
    public var beforeStop: CommandWords?

    public init() {}
}

/// What a server does, as far as settings depend on it.
public enum ServerRole: String, CaseIterable, Hashable, Sendable {
    case primary, replica
    case standbyLeader = "standby_leader"
}

/// The callbacks of compatibility sheet f.1; nil: none.
public struct Callbacks: Hashable, Sendable {
    public enum Event: String, CaseIterable, Hashable, Sendable {
        case start = "on_start"
        case stop = "on_stop"
        case restart = "on_restart"
        case reload = "on_reload"
        case roleChange = "on_role_change"
    }

    public var commands: [Event: CommandWords] = [:]

    public init(_ commands: [Event: CommandWords] = [:]) { self.commands = commands }

    public subscript(event: Event) -> CommandWords? { commands[event] }
    public var isEmpty: Bool { commands.isEmpty }
}

/// One way to make a replica (compatibility sheet f.3).
public struct ReplicaMethod: Hashable, Sendable {
    public var name: String
    /// Nil: the built-in pg_basebackup.
    public var script: CustomScript?

    public init(name: String, script: CustomScript? = nil) {
        self.name = name
        self.script = script
    }

    public static let basebackup = ReplicaMethod(name: "basebackup")
}

/// A program of the operator's that makes a replica or a new cluster.
public struct CustomScript: Hashable, Sendable {
    public var command: CommandWords
    /// Every other key of the section, as `--key=value` in the order of the file.
    public var arguments: [ProgramOption] = []
    /// Our own arguments (scope, role, data directory, connection string) are not given.
    public var noParams = false
    /// The data directory is not emptied before.
    public var keepData = false
    /// Usable while the cluster has no leader.
    public var noLeader = false
    /// Written before the server is started for the first time; bootstrap methods only.
    public var recoveryConf: [String: String]?
    /// recovery.conf or recovery.signal of the script itself stays; bootstrap methods only.
    public var keepsExistingRecoveryConf = false

    public init(command: CommandWords) { self.command = command }
}

extension PostgresOptions {
    /// These words over `shared`: parameters one by one, everything else whole.
    public func overlaying(_ shared: PostgresOptions) -> PostgresOptions {
        var result = shared
        func put<Value>(_ key: WritableKeyPath<PostgresOptions, Value?>) {
            if let value = self[keyPath: key] { result[keyPath: key] = value }
        }
        func put<Value: Collection>(_ key: WritableKeyPath<PostgresOptions, Value>) {
            if !self[keyPath: key].isEmpty { result[keyPath: key] = self[keyPath: key] }
        }
        put(\.binDirectory)
        put(\.binNames)
        put(\.database)
        put(\.krbsrvname)
        put(\.useUnixSocket)
        put(\.useUnixSocketForReplication)
        result.parameters.merge(parameters) { $1 }
        for (role, values) in parametersByRole { result.parametersByRole[role, default: [:]].merge(values) { $1 } }
        put(\.pgHBA)
        result.pgHBAByRole.merge(pgHBAByRole) { $1 }
        put(\.pgIdent)
        result.pgIdentByRole.merge(pgIdentByRole) { $1 }
        put(\.configBaseName)
        put(\.customConf)
        put(\.recoveryConf)
        put(\.pgCtlTimeout)
        put(\.usePgRewind)
        put(\.rewindOptions)
        put(\.removeDataDirectoryOnRewindFailure)
        put(\.removeDataDirectoryOnDivergedTimelines)
        put(\.createReplicaMethods)
        result.otherMethods.merge(otherMethods) { $1 }
        put(\.basebackupOptions)
        if !callbacks.isEmpty { result.callbacks = callbacks }
        put(\.prePromote)
        put(\.beforeStop)
        return result
    }

    /// Methods by their names; one without a section has its name for a command.
    public func replicaMethods(named names: [String]) -> [ReplicaMethod] {
        names.map { name in
            if name == "basebackup" { return .basebackup }
            if let known = createReplicaMethods?.first(where: { $0.name == name }) { return known }
            return ReplicaMethod(name: name, script: otherMethods[name] ?? CustomScript(command: CommandWords(program: name)))
        }
    }

    /// The parameters while the server has this role.
    public func parameters(for role: ServerRole) -> [String: String] {
        parameters.merging(parametersByRole[role] ?? [:]) { $1 }
    }

    /// The lines of pg_hba.conf while the server has this role; nil: the file stays as it is.
    public func pgHBA(for role: ServerRole) -> [String]? { pgHBAByRole[role] ?? pgHBA }

    /// The lines of pg_ident.conf while the server has this role; nil: the file stays as it is.
    public func pgIdent(for role: ServerRole) -> [String]? { pgIdentByRole[role] ?? pgIdent }

    /// A program of the server's, with the directory and the name the configuration gives it.
    public func program(_ name: String) -> String {
        let file = binNames[name] ?? name
        return binDirectory.map { $0.hasSuffix("/") ? $0 + file : "\($0)/\(file)" } ?? file
    }
}
