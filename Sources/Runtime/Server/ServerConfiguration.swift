import PostgresModel

/// What is wanted of this server's settings: the cluster's and the member's words, merged for the role it has. The
/// agent gives a new value whenever the configuration or the role changes (`LocalServer.configure`).
public struct ServerConfiguration: Equatable, Sendable {
    /// For the include file's heading.
    public var scope: String
    /// Settings of our include file.
    public var parameters: [String: String]
    /// Given on the postmaster's command line, above every file and ALTER SYSTEM: the settings that only the cluster
    /// may decide (`ClusterParameters`). They take effect at a start.
    public var commandLine: [String: String]
    /// Settings of recovery: `restore_command`, `recovery_min_apply_delay`, ... In force on standbys only.
    public var recovery: [String: String]
    /// Standbys hold logical slots: the primary is told what rows they still need (`hot_standby_feedback`).
    public var hasLogicalSlots = false
    /// A file of the member's that our include file includes before its own settings.
    public var customFile: String?
    /// Lines of pg_hba.conf; nil: the file stays the owner's.
    public var hba: [String]?
    /// Lines of pg_ident.conf; nil: the file stays the owner's.
    public var ident: [String]?

    public init(
        scope: String, parameters: [String: String] = [:], commandLine: [String: String] = [:],
        recovery: [String: String] = [:], hba: [String]? = nil, ident: [String]? = nil
    ) {
        self.scope = scope
        self.parameters = parameters
        self.commandLine = commandLine
        self.recovery = recovery
        self.hba = hba
        self.ident = ident
    }
}

/// What became of a new configuration.
public struct ConfigurationOutcome: Equatable, Sendable {
    /// The include file, pg_hba.conf or pg_ident.conf has another content than before.
    public var isChanged: Bool
    /// The running server has read it.
    public var isReloaded: Bool

    public init(isChanged: Bool, isReloaded: Bool) {
        self.isChanged = isChanged
        self.isReloaded = isReloaded
    }
}

/// A setting whose wanted value waits for a restart, as Patroni publishes it (`pending_restart_reason`).
public struct PendingRestart: Hashable, Sendable {
    public var name: String
    /// As `SHOW` tells it now.
    public var oldValue: String
    /// As it is written where it comes from; `?` when nothing sets it any more.
    public var newValue: String

    public init(name: String, oldValue: String, newValue: String) {
        self.name = name
        self.oldValue = oldValue
        self.newValue = newValue
    }
}
