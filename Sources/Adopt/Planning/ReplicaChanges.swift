import Inventory
import PostgresModel

/// A physical slot on the primary that keeps WAL from the start of the base backup.
public struct SlotChange: Codable, Equatable, Sendable {
    public var primaryHost: String
    public var server: LocalServer
    public var slot: String
    public var member: String

    public init(primaryHost: String, server: LocalServer, slot: String, member: String) {
        self.primaryHost = primaryHost
        self.server = server
        self.slot = slot
        self.member = member
    }
}

/// A copy of the primary's data, made on the replica by pg_basebackup or from a backup, detached from our connection.
public struct BaseBackupChange: Codable, Equatable, Sendable {
    public var member: String
    public var dataDirectory: String
    public var osUser: String
    public var binDirectory: String
    public var sourceHost: String
    public var sourceAddress: String
    public var sourcePort: Int
    public var role: String
    public var passfile: String
    public var slot: String
    /// Bytes per second; nil: none.
    public var maxRate: Int64?
    /// Percent: while statements on the primary take more than this of what they took before, the copy slows down;
    /// nil: it does not.
    public var latencyLimit: Int?
    public var checkpoint: CheckpointMode
    /// What will be copied, for progress.
    public var size: ByteCount
    public var systemIdentifier: SystemIdentifier
    /// Locations, the same on all members.
    public var tablespaces: [String]
    /// Where pg_wal goes; nil: into the data directory.
    public var walDirectory: String?
    /// Log, exit code and the mark that the directory is ours.
    public var workDirectory: String
    /// A standby that is copied instead of `sourceHost`, the primary, if it is fit when the copy begins; WAL is kept by
    /// the slot on the primary all the same, and the new replica streams from there.
    public var standby: CopySource?
    /// By the server that is copied, undone at the target; nil: none.
    public var compression: CopyCompression?
    /// Given: pgBackRest restores it, and nothing is copied from the source.
    public var restore: BackrestRestore?
    /// The source is the relay of the primary's agent; nil: the server itself.
    public var relay: RelayAccess?

    public init(
        member: String, dataDirectory: String, osUser: String, binDirectory: String, sourceHost: String,
        sourceAddress: String, sourcePort: Int, role: String, passfile: String, slot: String, maxRate: Int64? = nil,
        latencyLimit: Int? = nil, checkpoint: CheckpointMode, size: ByteCount, systemIdentifier: SystemIdentifier,
        tablespaces: [String] = [], walDirectory: String? = nil, workDirectory: String
    ) {
        self.member = member
        self.dataDirectory = dataDirectory
        self.osUser = osUser
        self.binDirectory = binDirectory
        self.sourceHost = sourceHost
        self.sourceAddress = sourceAddress
        self.sourcePort = sourcePort
        self.role = role
        self.passfile = passfile
        self.slot = slot
        self.maxRate = maxRate
        self.latencyLimit = latencyLimit
        self.checkpoint = checkpoint
        self.size = size
        self.systemIdentifier = systemIdentifier
        self.tablespaces = tablespaces
        self.walDirectory = walDirectory
        self.workDirectory = workDirectory
    }

    /// Every directory that the copy fills, and that must be empty before.
    public var directories: [String] { [dataDirectory] + tablespaces + (walDirectory.map { [$0] } ?? []) }
}

/// A standby that runs already follows the primary by our login and a slot of ours from now on: by a reload.
public struct UpstreamChange: Codable, Equatable, Sendable {
    /// Where it has streamed from until now.
    public struct Former: Codable, Equatable, Sendable {
        /// The member that sends to it.
        public var host: String
        public var server: LocalServer
        /// The owner's, so it stays; nobody reads it from then on, and it keeps WAL.
        public var slot: String?
        /// max_slot_wal_keep_size there; nil: none.
        public var cap: ByteCount?

        /// How much WAL the slot keeps, in words.
        public var limit: String { cap.map { "at most \($0), then it is lost" } ?? "without a limit" }

        /// With which the owner ends that.
        public var dropCommand: String? {
            slot.map { "psql -p \(server.port) -c \"select pg_drop_replication_slot('\($0)')\"" }
        }
    }

    public var member: String
    public var server: LocalServer
    public var dataDirectory: String
    /// The process that must not change.
    public var postmaster: PostmasterIdentity
    /// Our include file, with the standby's settings.
    public var file: FileWrite
    public var include: FileEdit?
    /// `postgresql.auto.conf`, when ALTER SYSTEM has set what stands in our file: it would win.
    public var overridingFile: String?
    /// The names that ALTER SYSTEM RESET takes out of it.
    public var overridden: [String]
    public var primaryHost: String
    public var primary: LocalServer
    /// On the primary.
    public var slot: String
    /// Nil: no member of the inventory.
    public var former: Former?
}

/// Configuration files of the primary that lie outside its data directory, copied; and what makes it a standby.
public struct ConfigFilesChange: Codable, Equatable, Sendable {
    public var sourceHost: String
    public var osUser: String
    /// Files and directories, at the same place on both hosts.
    public var paths: [String]
    /// Our include file with the standby's settings; the line that includes it comes with the copy.
    public var settings: FileWrite
    /// Empty files, `standby.signal`.
    public var signalFiles: [String]

    public init(sourceHost: String, osUser: String, paths: [String], settings: FileWrite, signalFiles: [String]) {
        self.sourceHost = sourceHost
        self.osUser = osUser
        self.paths = paths
        self.settings = settings
        self.signalFiles = signalFiles
    }
}
