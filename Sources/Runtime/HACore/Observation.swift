import Cluster
import PostgresModel
import Timekeeping

/// Everything `decide` may know. A value without I/O: the same observation always gives the same decision.
public struct Observation: Equatable, Sendable {
    public var now: BootInstant
    /// This member's name.
    public var me: String
    public var settings: CoreSettings
    public var server: ServerObservation
    public var store: StoreObservation
    public var lease: LeaseObservation
    public var peers: PeerObservation
    public var operation: OperationObservation
    /// Nil: no guard process answers. Otherwise the deadline it holds, nil inside for disarmed.
    public var guardian: GuardObservation

    public init(
        now: BootInstant, me: String, settings: CoreSettings, server: ServerObservation, store: StoreObservation,
        lease: LeaseObservation, peers: PeerObservation = .init(), operation: OperationObservation = .idle,
        guardian: GuardObservation = .absent
    ) {
        self.now = now
        self.me = me
        self.settings = settings
        self.server = server
        self.store = store
        self.lease = lease
        self.peers = peers
        self.operation = operation
        self.guardian = guardian
    }
}

/// The settings decisions depend on: the dynamic configuration and this member's tags.
public struct CoreSettings: Equatable, Sendable {
    public var ttl: Duration
    public var loopWait: Duration
    public var retryTimeout: Duration
    /// Bytes a candidate may be behind the last known position of the leader (Patroni's default: 1 MiB).
    public var maximumLagOnFailover: ByteCount
    public var primaryStartTimeout: Duration
    public var isPaused: Bool
    public var failsafeMode: Bool
    public var checkTimeline: Bool
    public var usePgRewind: Bool
    /// Off the race: tag `nofailover` or a `failover_priority` of 0 or less.
    public var mayLead: Bool
    public var failoverPriority: Int

    public init(
        ttl: Duration = .seconds(12), loopWait: Duration = .seconds(4), retryTimeout: Duration = .seconds(4),
        maximumLagOnFailover: ByteCount = ByteCount(1 << 20), primaryStartTimeout: Duration = .seconds(300),
        isPaused: Bool = false, failsafeMode: Bool = true, checkTimeline: Bool = true, usePgRewind: Bool = true,
        mayLead: Bool = true, failoverPriority: Int = 1
    ) {
        self.ttl = ttl
        self.loopWait = loopWait
        self.retryTimeout = retryTimeout
        self.maximumLagOnFailover = maximumLagOnFailover
        self.primaryStartTimeout = primaryStartTimeout
        self.isPaused = isPaused
        self.failsafeMode = failsafeMode
        self.checkTimeline = checkTimeline
        self.usePgRewind = usePgRewind
        self.mayLead = mayLead
        self.failoverPriority = failoverPriority
    }
}

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

        public init(
            isInRecovery: Bool, timeline: Timeline?, lsn: LSN, receivedLSN: LSN? = nil, replayedLSN: LSN? = nil,
            isStreaming: Bool = false, upstream: Upstream? = nil, isReplayPaused: Bool = false
        ) {
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

/// The server a standby streams from.
public struct Upstream: Hashable, Sendable {
    /// The member's name. The slot on it is named after this standby, not after the upstream.
    public var name: String
    public var host: String
    public var port: Int

    public init(name: String, host: String, port: Int) {
        self.name = name
        self.host = host
        self.port = port
    }
}

/// The store's state as this member sees it.
public enum StoreObservation: Equatable, Sendable {
    /// Nothing has been read yet since the agent started.
    case unknown
    /// A complete view, confirmed by the server at `confirmed` at the latest (watch alive or read done).
    case connected(ClusterView, confirmed: BootInstant)
    /// Reads and keepalives fail since then; the last view for what it is worth.
    case unreachable(since: BootInstant, last: ClusterView?)
}

/// This member's lease. While the store is out of reach it stays `held` with its last deadline; `none` means that
/// the store has said that it is gone, or that none was granted yet.
public enum LeaseObservation: Equatable, Sendable {
    case none
    /// `deadline` = send time of the last confirmed keepalive + ttl - margin: until then nobody else can lead.
    case held(id: Int64, deadline: BootInstant)
}

/// Reports of the other members, asked over REST for the leader race.
public struct PeerObservation: Equatable, Sendable {
    /// When the last round was asked for, nil if never.
    public var askedAt: BootInstant?
    /// True when the round is over: every peer answered or ran into its deadline. Until then a peer without an
    /// answer may still give one.
    public var isComplete: Bool
    public var reports: [PeerReport]

    public init(askedAt: BootInstant? = nil, isComplete: Bool = false, reports: [PeerReport] = []) {
        self.askedAt = askedAt
        self.isComplete = isComplete
        self.reports = reports
    }
}

public struct PeerReport: Equatable, Sendable {
    public var name: String
    /// Nil: it did not answer.
    public var answer: Answer?

    public struct Answer: Equatable, Sendable {
        public var isPrimary: Bool
        public var lsn: LSN
        public var timeline: Timeline?
        public var mayLead: Bool
        public var failoverPriority: Int

        public init(isPrimary: Bool, lsn: LSN, timeline: Timeline?, mayLead: Bool = true, failoverPriority: Int = 1) {
            self.isPrimary = isPrimary
            self.lsn = lsn
            self.timeline = timeline
            self.mayLead = mayLead
            self.failoverPriority = failoverPriority
        }
    }

    public init(name: String, answer: Answer?) {
        self.name = name
        self.answer = answer
    }
}

/// The one long task the agent may have under way.
public enum OperationObservation: Equatable, Sendable {
    case idle
    case running(Operation, since: BootInstant)
    /// Ended since the last decision; shown to exactly one decision.
    case finished(Operation, OperationResult)
}

/// Work that takes longer than a decision may. Each stops the server first where it must be down, and leaves it
/// stopped unless it says otherwise; the next decision goes on from there.
public enum Operation: Equatable, Sendable {
    case start(StartMode)
    case stop(StopMode)
    case promote
    case demote(DemoteMode)
    /// pg_rewind; afterwards there is a standby signal file.
    case rewind(from: Upstream)
    /// A base backup into a fresh directory; what was there is moved aside. Afterwards there is a standby signal file.
    case clone(from: Upstream)
}

public enum StartMode: Equatable, Sendable {
    case primary
    /// Nil: the upstream stays as it is configured, if one is (nobody leads).
    case standby(Upstream?)
}

public enum StopMode: String, Equatable, Sendable { case fast, immediate }

public enum DemoteMode: Equatable, Sendable {
    /// The lock is gone or cannot be kept: stop at once.
    case immediate
    /// A switchover: checkpoint, then fast stop, which waits until the streaming standbys have everything. The
    /// lock is handed over by the next decision.
    case switchover(candidate: String?)
    /// The store is out of reach: fast stop before the lease ends, keep the directory as it is.
    case offline
}

public enum OperationResult: Equatable, Sendable {
    case done
    case failed(String)
}

public enum GuardObservation: Equatable, Sendable {
    case absent
    case disarmed
    case armed(deadline: BootInstant)
}
