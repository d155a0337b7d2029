import PostgresModel

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
    /// Every configuration file in use, with digest and, except for postgresql.auto.conf, the text.
    public var configFiles: [FileFacts]
    /// What the include_dir directories of postgresql.conf hold.
    public var includeDirectories: [DirectoryFacts]
    /// The text of pg_hba.conf and of postgresql.conf; nil when unreadable, longer than 1 MiB or not UTF-8.
    /// May hold secrets (`ldapbindpasswd`, `radiussecrets`): show it only through ``redactingSecrets(_:)``.
    public var hbaText: String?
    public var configText: String?
    public var control: ControlFacts?
    /// Nil: no connection could be made; the reason is in the host's problems.
    public var sql: SQLFacts?
    public var details: ServerDetails?

    public init(
        postmasterPID: Int, postmasterStartTicks: UInt64, startTime: String? = nil, osUser: String,
        dataDirectory: String, port: Int, socketDirectories: [String] = [], commandLine: [String] = [],
        binDirectory: String, unit: String? = nil, unitProperties: [String: String] = [:],
        debianCluster: String? = nil, configFile: String? = nil, hbaFile: String? = nil, identFile: String? = nil,
        configFiles: [FileFacts] = [], includeDirectories: [DirectoryFacts] = [], hbaText: String? = nil,
        configText: String? = nil, control: ControlFacts? = nil, sql: SQLFacts? = nil
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
        self.includeDirectories = includeDirectories
        self.hbaText = hbaText
        self.configText = configText
        self.control = control
        self.sql = sql
    }
}

/// A directory and the names in it.
public struct DirectoryFacts: Codable, Equatable, Sendable {
    public var path: String
    public var names: [String]

    public init(path: String, names: [String]) {
        self.path = path
        self.names = names
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
    public var blockSize: Int?

    public init(
        systemIdentifier: SystemIdentifier, timeline: Timeline, clusterState: String, dataChecksums: Bool,
        walLogHints: Bool, walBlockSize: Int? = nil, walSegmentSize: Int? = nil, blockSize: Int? = nil
    ) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.clusterState = clusterState
        self.dataChecksums = dataChecksums
        self.walLogHints = walLogHints
        self.walBlockSize = walBlockSize
        self.walSegmentSize = walSegmentSize
        self.blockSize = blockSize
    }
}
