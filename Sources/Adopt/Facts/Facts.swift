import PostgresModel

/// What the survey found on one host, as values. Decoded from the survey's JSON; kept as test data.
///
/// Everything that may be missing is optional: a fact that could not be gathered is nil, and the reason is in
/// `problems`. Rules must treat nil as "not known", never as "fine".
public struct HostFacts: Codable, Equatable, Sendable {
    /// The name in the inventory.
    public var host: String
    public var system: SystemFacts
    /// PostgreSQL installations found (bin directories).
    public var installations: [InstallationFacts]
    /// Servers found running.
    public var servers: [ServerFacts]
    /// What is at the data directory the plan will use on this host; on the primary that of the server.
    public var target: TargetFacts?
    /// Software and services that may interfere.
    public var rivals: [RivalFacts]
    /// TCP ports listened on.
    public var listeningPorts: [Int]
    /// What could not be gathered, in words for people.
    public var problems: [String]

    public init(
        host: String, system: SystemFacts, installations: [InstallationFacts] = [], servers: [ServerFacts] = [],
        target: TargetFacts? = nil, rivals: [RivalFacts] = [], listeningPorts: [Int] = [], problems: [String] = []
    ) {
        self.host = host
        self.system = system
        self.installations = installations
        self.servers = servers
        self.target = target
        self.rivals = rivals
        self.listeningPorts = listeningPorts
        self.problems = problems
    }
}

public struct SystemFacts: Codable, Equatable, Sendable {
    public var hostname: String
    public var machineID: String?
    /// `uname -m`
    public var architecture: String
    public var kernel: String
    /// ID and VERSION_ID of os-release, such as `debian` and `12`.
    public var osID: String?
    public var osVersion: String?
    /// `glibc 2.36` as getconf prints it.
    public var libc: String?
    public var locales: [String]
    public var cpuCount: Int?
    public var memory: ByteCount?
    /// Seconds since 1970 on the host's clock, minus the middle of the call on the control host's clock.
    public var clockOffsetSeconds: Double?
    public var clockSynchronised: Bool?
    public var loginUser: String
    /// `sudo -n true` works, or the login user is root.
    public var canBecomeRoot: Bool
    /// Becoming the PostgreSQL OS user works.
    public var canBecomePostgres: Bool
    public var initSystem: String?

    public init(
        hostname: String, machineID: String? = nil, architecture: String, kernel: String, osID: String? = nil,
        osVersion: String? = nil, libc: String? = nil, locales: [String] = [], cpuCount: Int? = nil,
        memory: ByteCount? = nil, clockOffsetSeconds: Double? = nil, clockSynchronised: Bool? = nil,
        loginUser: String, canBecomeRoot: Bool, canBecomePostgres: Bool, initSystem: String? = nil
    ) {
        self.hostname = hostname
        self.machineID = machineID
        self.architecture = architecture
        self.kernel = kernel
        self.osID = osID
        self.osVersion = osVersion
        self.libc = libc
        self.locales = locales
        self.cpuCount = cpuCount
        self.memory = memory
        self.clockOffsetSeconds = clockOffsetSeconds
        self.clockSynchronised = clockSynchronised
        self.loginUser = loginUser
        self.canBecomeRoot = canBecomeRoot
        self.canBecomePostgres = canBecomePostgres
        self.initSystem = initSystem
    }
}

/// One directory with PostgreSQL's programs.
public struct InstallationFacts: Codable, Equatable, Sendable {
    public var binDirectory: String
    /// From `postgres --version`.
    public var version: ServerVersion
    /// Which of pg_basebackup, pg_rewind, pg_controldata, pg_ctl, psql are missing.
    public var missingPrograms: [String]
    /// `pg_config --pkglibdir`, and the library names in it without `.so`.
    public var libraryDirectory: String?
    public var libraries: [String]
    /// Names of the extensions whose control files are installed.
    public var extensions: [String]

    public init(
        binDirectory: String, version: ServerVersion, missingPrograms: [String] = [], libraryDirectory: String? = nil,
        libraries: [String] = [], extensions: [String] = []
    ) {
        self.binDirectory = binDirectory
        self.version = version
        self.missingPrograms = missingPrograms
        self.libraryDirectory = libraryDirectory
        self.libraries = libraries
        self.extensions = extensions
    }
}

/// One running server.
public struct ServerFacts: Codable, Equatable, Sendable {
    public var postmasterPID: Int
    /// Clock ticks after boot, field 22 of /proc/PID/stat: with the pid it names the process for ever.
    public var postmasterStartTicks: UInt64
    /// pg_postmaster_start_time(), as PostgreSQL prints it in UTC.
    public var startTime: String?
    public var osUser: String
    public var dataDirectory: String
    public var port: Int
    public var socketDirectories: [String]
    public var commandLine: [String]
    public var binDirectory: String
    /// The unit that /proc/PID/cgroup names, if any.
    public var unit: String?
    /// Its Type, Restart, KillMode, FragmentPath and whether it is enabled, as systemctl shows them.
    public var unitProperties: [String: String]
    /// Debian's cluster name for pg_ctlcluster, such as `15/main`.
    public var debianCluster: String?
    public var configFile: String?
    public var hbaFile: String?
    public var identFile: String?
    /// Path and content digest of every configuration file in use.
    public var configFiles: [FileFacts]
    /// The text of pg_hba.conf.
    public var hbaText: String?
    public var control: ControlFacts?
    /// Nil: no connection could be made; the reason is in the host's problems.
    public var sql: SQLFacts?

    public init(
        postmasterPID: Int, postmasterStartTicks: UInt64, startTime: String? = nil, osUser: String,
        dataDirectory: String, port: Int, socketDirectories: [String] = [], commandLine: [String] = [],
        binDirectory: String, unit: String? = nil, unitProperties: [String: String] = [:],
        debianCluster: String? = nil, configFile: String? = nil, hbaFile: String? = nil, identFile: String? = nil,
        configFiles: [FileFacts] = [], hbaText: String? = nil, control: ControlFacts? = nil, sql: SQLFacts? = nil
    ) {
        self.postmasterPID = postmasterPID
        self.postmasterStartTicks = postmasterStartTicks
        self.startTime = startTime
        self.osUser = osUser
        self.dataDirectory = dataDirectory
        self.port = port
        self.socketDirectories = socketDirectories
        self.commandLine = commandLine
        self.binDirectory = binDirectory
        self.unit = unit
        self.unitProperties = unitProperties
        self.debianCluster = debianCluster
        self.configFile = configFile
        self.hbaFile = hbaFile
        self.identFile = identFile
        self.configFiles = configFiles
        self.hbaText = hbaText
        self.control = control
        self.sql = sql
    }
}

public struct FileFacts: Codable, Equatable, Sendable {
    public var path: String
    /// SHA-256 in hexadecimal.
    public var digest: String
    public var owner: String
    /// Octal, such as `640`.
    public var mode: String
    public var size: ByteCount

    public init(path: String, digest: String, owner: String, mode: String, size: ByteCount) {
        self.path = path
        self.digest = digest
        self.owner = owner
        self.mode = mode
        self.size = size
    }
}

/// From pg_controldata.
public struct ControlFacts: Codable, Equatable, Sendable {
    public var systemIdentifier: SystemIdentifier
    public var timeline: Timeline
    public var clusterState: String
    public var dataChecksums: Bool
    public var walLogHints: Bool
    public var walBlockSize: Int?
    public var walSegmentSize: Int?

    public init(
        systemIdentifier: SystemIdentifier, timeline: Timeline, clusterState: String, dataChecksums: Bool,
        walLogHints: Bool, walBlockSize: Int? = nil, walSegmentSize: Int? = nil
    ) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.clusterState = clusterState
        self.dataChecksums = dataChecksums
        self.walLogHints = walLogHints
        self.walBlockSize = walBlockSize
        self.walSegmentSize = walSegmentSize
    }
}

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
    public var openPreparedTransactions: Int
    public var totalSize: ByteCount

    public init(
        version: ServerVersion, isInRecovery: Bool, currentLSN: LSN? = nil, settings: [SettingFacts] = [],
        roles: [RoleFacts] = [], databases: [DatabaseFacts] = [], tablespaces: [TablespaceFacts] = [],
        slots: [SlotFacts] = [], replicas: [ReplicationFacts] = [], fileErrors: [String] = [],
        extensions: [String] = [], openPreparedTransactions: Int = 0, totalSize: ByteCount = ByteCount(0)
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
        self.openPreparedTransactions = openPreparedTransactions
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
    public var pendingRestart: Bool

    public init(
        name: String, value: String, unit: String? = nil, context: String, source: String, pendingRestart: Bool = false
    ) {
        self.name = name
        self.value = value
        self.unit = unit
        self.context = context
        self.source = source
        self.pendingRestart = pendingRestart
    }
}

public struct RoleFacts: Codable, Equatable, Sendable {
    public var name: String
    public var isSuperuser: Bool
    public var canReplicate: Bool
    public var canLogin: Bool

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

    public init(
        name: String, isLogical: Bool, isActive: Bool, plugin: String? = nil, database: String? = nil,
        retainedWAL: ByteCount? = nil
    ) {
        self.name = name
        self.isLogical = isLogical
        self.isActive = isActive
        self.plugin = plugin
        self.database = database
        self.retainedWAL = retainedWAL
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

/// What lies where the plan wants a data directory (or, on the primary, where it is).
public struct TargetFacts: Codable, Equatable, Sendable {
    public enum Content: String, Codable, Sendable { case absent, empty, dataDirectory, otherFiles }

    public var path: String
    public var content: Content
    /// If there is a data directory: its identity.
    public var control: ControlFacts?
    public var owner: String?
    public var freeSpace: ByteCount?
    public var filesystem: String?
    /// Free space of the file system of pg_wal, where it is another one.
    public var walFreeSpace: ByteCount?
    /// The same question for each tablespace location of the primary.
    public var tablespaces: [TargetFacts]

    public init(
        path: String, content: Content, control: ControlFacts? = nil, owner: String? = nil,
        freeSpace: ByteCount? = nil, filesystem: String? = nil, walFreeSpace: ByteCount? = nil,
        tablespaces: [TargetFacts] = []
    ) {
        self.path = path
        self.content = content
        self.control = control
        self.owner = owner
        self.freeSpace = freeSpace
        self.filesystem = filesystem
        self.walFreeSpace = walFreeSpace
        self.tablespaces = tablespaces
    }
}

/// Another program that manages PostgreSQL's availability or its processes.
public struct RivalFacts: Codable, Equatable, Sendable {
    public var name: String
    public var isRunning: Bool
    /// How it was noticed: a process, a unit, a package.
    public var evidence: String

    public init(name: String, isRunning: Bool, evidence: String) {
        self.name = name
        self.isRunning = isRunning
        self.evidence = evidence
    }
}
