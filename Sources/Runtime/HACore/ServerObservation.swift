import Cluster
import PostgresModel
import Timekeeping

/// The local PostgreSQL as last seen.
public struct ServerObservation: Equatable, Sendable {
    /// What pg_controldata says of the data directory; readable while the server is down.
    public struct DataDirectory: Equatable, Sendable {
        public var systemIdentifier: SystemIdentifier
        public var timeline: Timeline
        /// pg_controldata's "Database cluster state".
        public var clusterState: String
        /// Latest checkpoint location; after a clean shutdown the end of the log but for that record.
        public var checkpoint: LSN
        /// Checksums or wal_log_hints: the precondition of pg_rewind.
        public var canRewind: Bool
        /// standby.signal or recovery.signal is there: the next start is a standby.
        public var hasStandbySignal: Bool
        /// The highest timeline that pg_wal has a history file of, and where it began; nil: none, or unreadable.
        public var newestTimeline: TimelineOrigin?
        /// A pg_rewind was begun here and has not ended well: the directory may be neither the old nor the new.
        public var isHalfRewound: Bool

        public init(
            systemIdentifier: SystemIdentifier, timeline: Timeline, clusterState: String, checkpoint: LSN,
            canRewind: Bool, hasStandbySignal: Bool, newestTimeline: TimelineOrigin? = nil,
            isHalfRewound: Bool = false
        ) {
            self.isHalfRewound = isHalfRewound
            self.newestTimeline = newestTimeline
            self.systemIdentifier = systemIdentifier
            self.timeline = timeline
            self.clusterState = clusterState
            self.checkpoint = checkpoint
            self.canRewind = canRewind
            self.hasStandbySignal = hasStandbySignal
        }
    }

    /// Where a timeline left the one before it.
    public struct TimelineOrigin: Equatable, Sendable {
        public var timeline: Timeline
        public var start: LSN

        public init(timeline: Timeline, start: LSN) {
            self.timeline = timeline
            self.start = start
        }
    }

    public enum Storage: Equatable, Sendable {
        /// No directory, or nothing in it.
        case empty
        case unreadable(String)
        case present(DataDirectory)
    }

    /// What a running server answers.
    public struct Running: Equatable, Sendable {
        public var isInRecovery: Bool
        /// Nil when not known for certain. A standby's is the wal receiver's or IDENTIFY_SYSTEM's, never
        /// pg_controldata's, which lags until the next restartpoint and would make a sound standby look diverged.
        public var timeline: Timeline?
        /// Primary: flushed. Standby: the furthest of received and replayed.
        public var lsn: LSN
        public var receivedLSN: LSN?
        public var replayedLSN: LSN?
        public var isStreaming: Bool
        /// Where the standby streams from now, as configured.
        public var upstream: Upstream?
        public var isReplayPaused: Bool
        /// `recovery_min_apply_delay` of a standby: its log is there but held back on purpose.
        public var applyDelay: Duration
        /// The wal senders whose application_name is a member's name (primary: pg_stat_replication).
        public var connections: [ReplicationConnection]
        /// `synchronous_standby_names` in force; nil: not known, or a value nobody can read.
        public var synchronousStandbys: SynchronousStandbyNames?
        /// A primary that answers questions and has ended no write since then (hung or full disk).
        public var writesHangSince: BootInstant?
        /// Some setting waits for a restart.
        public var isRestartPending: Bool
        /// pg_postmaster_start_time() as `scheduled_restart` has it; compared as text only.
        public var postmasterStartTime: String?
        public var version: ServerVersion?

        public init(
            isInRecovery: Bool, timeline: Timeline?, lsn: LSN, receivedLSN: LSN? = nil, replayedLSN: LSN? = nil,
            isStreaming: Bool = false, upstream: Upstream? = nil, isReplayPaused: Bool = false,
            applyDelay: Duration = .zero, connections: [ReplicationConnection] = [],
            synchronousStandbys: SynchronousStandbyNames? = nil, writesHangSince: BootInstant? = nil,
            isRestartPending: Bool = false, postmasterStartTime: String? = nil, version: ServerVersion? = nil
        ) {
            self.applyDelay = applyDelay
            self.connections = connections
            self.synchronousStandbys = synchronousStandbys
            self.writesHangSince = writesHangSince
            self.isRestartPending = isRestartPending
            self.postmasterStartTime = postmasterStartTime
            self.version = version
            self.isInRecovery = isInRecovery
            self.timeline = timeline
            self.lsn = lsn
            self.receivedLSN = receivedLSN
            self.replayedLSN = replayedLSN
            self.isStreaming = isStreaming
            self.upstream = upstream
            self.isReplayPaused = isReplayPaused
        }
    }

    public enum Process: Equatable, Sendable {
        case stopped
        /// A postmaster is there and does not accept connections yet (start or crash recovery).
        case starting(since: BootInstant)
        case running(Running)
        case stopping(since: BootInstant)
        /// The postmaster lives and answered no probe since then.
        case unresponsive(since: BootInstant)
    }

    public var storage: Storage
    public var process: Process
    /// When the running postmaster was lost without us stopping it; nil after the next good start.
    public var crashedAt: BootInstant?

    public init(storage: Storage, process: Process, crashedAt: BootInstant? = nil) {
        self.storage = storage
        self.process = process
        self.crashedAt = crashedAt
    }
}

/// One row of pg_stat_replication whose application_name is a member's name.
public struct ReplicationConnection: Hashable, Sendable {
    /// `sync_state`: async, potential, sync, quorum.
    public enum SyncState: String, CaseIterable, Hashable, Sendable { case async, potential, sync, quorum }

    /// The application_name as the standby says it; a member's name but for its case.
    public var name: String
    /// `state`: startup, catchup, streaming, backup, stopping.
    public var state: String
    public var syncState: SyncState
    /// How far a commit must be there to be acknowledged: write_lsn, flush_lsn or replay_lsn, by the primary's
    /// `synchronous_commit` (remote_write, on, remote_apply).
    public var acknowledged: LSN?

    public init(name: String, state: String = "streaming", syncState: SyncState = .async, acknowledged: LSN? = nil) {
        self.name = name
        self.state = state
        self.syncState = syncState
        self.acknowledged = acknowledged
    }

    public var isStreaming: Bool { state == "streaming" }
}

/// The server a standby streams from.
public struct Upstream: Hashable, Sendable {
    /// The slot that the standby uses there.
    public enum Slot: Hashable, Sendable {
        /// The one named after this member, which the upstream keeps.
        case ownName
        /// A standby cluster's `primary_slot_name`.
        case named(String)
        /// A standby cluster without `primary_slot_name`.
        case none
    }

    /// The member's name; for the remote server of a standby cluster any word, it is only how we call it.
    public var name: String
    public var host: String
    public var port: Int
    public var slot: Slot

    public init(name: String, host: String, port: Int, slot: Slot = .ownName) {
        self.slot = slot
        self.name = name
        self.host = host
        self.port = port
    }

    /// A standby cluster without a remote server: its leader replays what `restore_command` brings, and streams from
    /// nobody.
    public static let archive = Upstream(name: "the archive", host: "", port: 0, slot: .none)
    public var isArchive: Bool { host.isEmpty }
    /// Where it is, for people.
    var place: String { isArchive ? name : "\(host):\(port)" }
}

