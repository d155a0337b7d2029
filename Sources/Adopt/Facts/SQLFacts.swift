import PostgresModel

/// What read-only SQL told, in one READ ONLY transaction.
public struct SQLFacts: Codable, Equatable, Sendable {
    public var version: ServerVersion
    public var isInRecovery: Bool
    public var currentLSN: LSN?
    /// Every row of pg_settings that is not at its boot value, and those the rules name.
    public var settings: [SettingFacts]
    public var roles: [RoleFacts]
    public var databases: [DatabaseFacts]
    public var tablespaces: [TablespaceFacts]
    public var slots: [SlotFacts]
    public var replicas: [ReplicationFacts]
    /// Errors that pg_hba_file_rules and pg_file_settings report.
    public var fileErrors: [String]
    /// Extensions installed in any database, as `database/extension version`.
    public var extensions: [String]
    /// What C functions of any database are loaded from, as pg_proc.probin names it (`$libdir/pgcrypto`).
    public var libraries: [String]
    /// Collations whose stored version is not the library's, as `database/collation`.
    public var staleCollations: [String]
    public var unloggedTables: Int
    public var openPreparedTransactions: Int
    /// On a standby: where it streams from.
    public var walReceiver: WALReceiverFacts?
    /// On a standby: somebody has paused its replay.
    public var isReplayPaused: Bool?
    /// True: the newest attempt to archive a WAL file failed.
    public var archivingFails: Bool
    public var totalSize: ByteCount
    /// False: the sizes could not be read in their time limit, and are 0.
    public var isSizeKnown = true
    public var activity: ActivityFacts?
    public var objects = ObjectFacts()
    public var roleSettings: [RoleSettingFacts] = []
    /// Lines of the configuration files as the server would read them now, in its order.
    public var fileSettings: [FileSettingFacts] = []

    public init(
        version: ServerVersion, isInRecovery: Bool, currentLSN: LSN? = nil, settings: [SettingFacts] = [],
        roles: [RoleFacts] = [], databases: [DatabaseFacts] = [], tablespaces: [TablespaceFacts] = [],
        slots: [SlotFacts] = [], replicas: [ReplicationFacts] = [], fileErrors: [String] = [],
        extensions: [String] = [], libraries: [String] = [], staleCollations: [String] = [], unloggedTables: Int = 0,
        openPreparedTransactions: Int = 0, walReceiver: WALReceiverFacts? = nil, archivingFails: Bool = false,
        totalSize: ByteCount = ByteCount(0)
    ) {
        self.version = version
        self.isInRecovery = isInRecovery
        self.currentLSN = currentLSN
        self.settings = settings
        self.roles = roles
        self.databases = databases
        self.tablespaces = tablespaces
        self.slots = slots
        self.replicas = replicas
        self.fileErrors = fileErrors
        self.extensions = extensions
        self.libraries = libraries
        self.staleCollations = staleCollations
        self.unloggedTables = unloggedTables
        self.openPreparedTransactions = openPreparedTransactions
        self.walReceiver = walReceiver
        self.archivingFails = archivingFails
        self.totalSize = totalSize
    }

    /// The running value of a setting in the server's own unit, nil if the survey did not fetch it.
    public func setting(_ name: String) -> String? { settings.first { $0.name == name }?.value }
}

/// A row of pg_settings.
public struct SettingFacts: Codable, Equatable, Sendable {
    public var name: String
    public var value: String
    public var unit: String?
    /// `postmaster`, `sighup`, `user` and so on: when a change takes effect.
    public var context: String
    public var source: String
    /// The file that set it, where one did.
    public var sourceFile: String?
    public var pendingRestart: Bool
    /// `bool`, `integer`, `real`, `enum` or `string`.
    public var type: String?

    public init(
        name: String, value: String, unit: String? = nil, context: String, source: String,
        sourceFile: String? = nil, pendingRestart: Bool = false
    ) {
        self.name = name
        self.value = value
        self.unit = unit
        self.context = context
        self.source = source
        self.sourceFile = sourceFile
        self.pendingRestart = pendingRestart
    }
}

public struct RoleFacts: Codable, Equatable, Sendable {
    public var name: String
    public var isSuperuser: Bool
    public var canReplicate: Bool
    public var canLogin: Bool
    /// -1: none.
    public var connectionLimit: Int?
    /// VALID UNTIL has passed.
    public var isExpired = false
    /// `md5` or `scram-sha-256`; nil without a password, or when it may not be seen.
    public var passwordKind: String?

    public init(name: String, isSuperuser: Bool, canReplicate: Bool, canLogin: Bool) {
        self.name = name
        self.isSuperuser = isSuperuser
        self.canReplicate = canReplicate
        self.canLogin = canLogin
    }
}

public struct DatabaseFacts: Codable, Equatable, Sendable {
    public var name: String
    public var encoding: String
    public var collate: String
    public var ctype: String
    /// `c`, `i` or `b` of datlocprovider; `c` before version 15.
    public var provider: String
    /// datcollversion (15 and later) and what the host's library says now.
    public var collationVersion: String?
    public var actualCollationVersion: String?
    public var size: ByteCount
    /// Files in its directory of the default tablespace.
    public var files: Int?
    /// age(datfrozenxid) and mxid_age(datminmxid).
    public var transactionAge: Int?
    public var multixactAge: Int?
    public var checksumFailures: Int?

    public init(
        name: String, encoding: String, collate: String, ctype: String, provider: String,
        collationVersion: String? = nil, actualCollationVersion: String? = nil, size: ByteCount
    ) {
        self.name = name
        self.encoding = encoding
        self.collate = collate
        self.ctype = ctype
        self.provider = provider
        self.collationVersion = collationVersion
        self.actualCollationVersion = actualCollationVersion
        self.size = size
    }
}

public struct TablespaceFacts: Codable, Equatable, Sendable {
    public var name: String
    public var location: String
    public var size: ByteCount

    public init(name: String, location: String, size: ByteCount) {
        self.name = name
        self.location = location
        self.size = size
    }
}

public struct SlotFacts: Codable, Equatable, Sendable {
    public var name: String
    public var isLogical: Bool
    public var isActive: Bool
    public var plugin: String?
    public var database: String?
    public var retainedWAL: ByteCount?
    /// `reserved`, `extended`, `unreserved` or `lost` (13 and later).
    public var walStatus: String?
    /// A logical slot that standbys keep in step (17 and later).
    public var isFailover = false

    public init(
        name: String, isLogical: Bool, isActive: Bool, plugin: String? = nil, database: String? = nil,
        retainedWAL: ByteCount? = nil, walStatus: String? = nil
    ) {
        self.name = name
        self.isLogical = isLogical
        self.isActive = isActive
        self.plugin = plugin
        self.database = database
        self.retainedWAL = retainedWAL
        self.walStatus = walStatus
    }
}

/// A row of pg_stat_replication.
public struct ReplicationFacts: Codable, Equatable, Sendable {
    public var applicationName: String
    public var clientAddress: String?
    public var state: String

    public init(applicationName: String, clientAddress: String? = nil, state: String) {
        self.applicationName = applicationName
        self.clientAddress = clientAddress
        self.state = state
    }
}

/// A row of pg_stat_wal_receiver.
public struct WALReceiverFacts: Codable, Equatable, Sendable {
    public var status: String
    public var senderHost: String?
    public var senderPort: Int?
    public var slot: String?
    /// Of the WAL that it has received, and how far that is on disk.
    public var timeline: Timeline?
    public var flushedLSN: LSN?

    public init(status: String, senderHost: String? = nil, senderPort: Int? = nil, slot: String? = nil) {
        self.status = status
        self.senderHost = senderHost
        self.senderPort = senderPort
        self.slot = slot
    }
}
