import PostgresModel

/// What happens in the server: sessions, statistics, and objects that behave differently under replication.
public struct ActivityFacts: Codable, Equatable, Sendable {
    public var connectedUser: String?
    public var isSuperuser: Bool?
    /// Connections of all kinds, and those of clients grouped.
    public var connections: Int?
    public var clients: [ClientFacts] = []
    /// The longest open transaction that is not ours or autovacuum's, in seconds, and who has it.
    public var longestTransaction: Double?
    public var longestTransactionOwner: String?
    public var idleInTransaction: Int?
    public var advisoryLocks: Int?
    /// Age of the oldest prepared transaction, seconds.
    public var oldestPrepared: Double?
    /// Base backups that run now.
    public var runningBackups: Int?
    /// WAL bytes per second since the statistics were last reset (14 and later).
    public var walBytesPerSecond: Double?
    /// Checkpoints since the reset: by time, by request, and the milliseconds spent syncing.
    public var timedCheckpoints: Int?
    public var requestedCheckpoints: Int?
    public var checkpointSyncMilliseconds: Double?
    public var archivedFiles: Int?
    public var failedArchivings: Int?
    /// Seconds since the last WAL file was archived.
    public var lastArchived: Double?

    public init() {}
}

/// Sessions of one kind, counted.
public struct ClientFacts: Codable, Equatable, Sendable {
    public var user: String
    public var database: String
    /// Nil: over the socket.
    public var address: String?
    public var application: String
    public var usesTLS: Bool
    public var count: Int

    public init(
        user: String, database: String, address: String? = nil, application: String = "", usesTLS: Bool = false,
        count: Int = 1
    ) {
        self.user = user
        self.database = database
        self.address = address
        self.application = application
        self.usesTLS = usesTLS
        self.count = count
    }
}

/// A value set for a role, a database or both (ALTER ROLE ... SET).
public struct RoleSettingFacts: Codable, Equatable, Sendable {
    /// Nil: for all.
    public var database: String?
    public var role: String?
    public var name: String
    public var value: String

    public init(database: String? = nil, role: String? = nil, name: String, value: String) {
        self.database = database
        self.role = role
        self.name = name
        self.value = value
    }
}

/// A line of a configuration file as the server reads it now (pg_file_settings).
public struct FileSettingFacts: Codable, Equatable, Sendable {
    public var name: String
    /// Passwords are hidden.
    public var value: String
    public var file: String
    public var line: Int

    public init(name: String, value: String, file: String, line: Int) {
        self.name = name
        self.value = value
        self.file = file
        self.line = line
    }
}

/// Things inside the databases that a failover or a copy touches, each as `database/name`.
public struct ObjectFacts: Codable, Equatable, Sendable {
    public var invalidIndexes: [String] = []
    public var unloggedTables: [String] = []
    /// Languages other than internal, c, sql and plpgsql.
    public var languages: [String] = []
    /// Foreign servers and tables whose options name local files or programs.
    public var foreignFiles: [String] = []
    public var loginTriggers: [String] = []
    public var subscriptions: [String] = []
    public var publications: [String] = []
    /// Databases that were looked into, and those there are.
    public var databasesRead = 0
    public var databasesTotal = 0

    public init() {}
}
