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
    public var watchdog: WatchdogObservation
    public var failsafe: FailsafeObservation
    /// Civil time, for schedules only; nil: not known, and nothing that is scheduled falls due.
    public var wallClock: WallInstant?
    public var requests: LocalRequests
    /// The revision at which we have created `initialize` empty; the new cluster is ours to make while it stands.
    public var claim: Int64?
    /// Nil: no answer yet, or not asked.
    public var comparison: LogComparison?

    public init(
        now: BootInstant, me: String, settings: CoreSettings, server: ServerObservation, store: StoreObservation,
        lease: LeaseObservation, peers: PeerObservation = .init(), operation: OperationObservation = .idle,
        guardian: GuardObservation = .absent, watchdog: WatchdogObservation = .absent,
        failsafe: FailsafeObservation = .init(), wallClock: WallInstant? = nil, requests: LocalRequests = .init(),
        claim: Int64? = nil, comparison: LogComparison? = nil
    ) {
        self.comparison = comparison
        self.watchdog = watchdog
        self.failsafe = failsafe
        self.wallClock = wallClock
        self.requests = requests
        self.claim = claim
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

/// The store's state as this member sees it.
public enum StoreObservation: Equatable, Sendable {
    /// Nothing has been read yet since the agent started.
    case unknown
    /// A complete view, confirmed by the server at `confirmed` at the latest (watch alive or read done).
    case connected(ClusterView, confirmed: BootInstant)
    /// Reads and keepalives fail since then; the last view for what it is worth.
    case unreachable(since: BootInstant, last: ClusterView?)
    /// The store answers with an older state than it has shown before (restored from a backup, other cluster):
    /// nothing is decided on what it says. `last` is the newest view of before; `why` a sentence for people.
    case regressed(last: ClusterView?, why: String)
}

/// What the members have promised each other for an outage of the store (Patroni b.9).
public struct FailsafeObservation: Equatable, Sendable {
    /// As leader: all members of the `failsafe` list accept us until then, whatever becomes of the lease.
    public var leadUntil: BootInstant?
    /// As member: the leader that we accepted, and until when.
    public var accepted: Promise?

    public struct Promise: Equatable, Sendable {
        public var leader: String
        public var until: BootInstant

        public init(leader: String, until: BootInstant) {
            self.leader = leader
            self.until = until
        }
    }

    public init(leadUntil: BootInstant? = nil, accepted: Promise? = nil) {
        self.leadUntil = leadUntil
        self.accepted = accepted
    }
}

/// What people have asked this member for over its API; each stays until the core clears it or begins it.
public struct LocalRequests: Equatable, Sendable {
    public var restart: RestartRequest?
    public var reinitialise: ReinitialiseRequest?

    public init(restart: RestartRequest? = nil, reinitialise: ReinitialiseRequest? = nil) {
        self.restart = restart
        self.reinitialise = reinitialise
    }
}

/// The watchdog device. It is opened and fed with the guard's deadline, and closed when the guard is disarmed.
public enum WatchdogObservation: Equatable, Sendable {
    /// No device, or mode off.
    case absent
    /// There, with a timeout that fits ttl, and not open.
    case ready
    case active
    /// There, and not usable: the reason.
    case failed(String)

    public var isUsable: Bool {
        switch self {
        case .ready, .active: true
        case .absent, .failed: false
        }
    }
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
        /// `watchdog_failed`: it requires a watchdog and has none.
        public var isWatchdogFailed: Bool
        /// Its replay is paused: the operator holds it back.
        public var isReplayPaused: Bool
        /// Whose log it takes in, and so acknowledges; nil: nobody's, or it does not say (Patroni does not).
        public var upstream: String?

        public init(
            isPrimary: Bool, lsn: LSN, timeline: Timeline?, mayLead: Bool = true, failoverPriority: Int = 1,
            isWatchdogFailed: Bool = false, isReplayPaused: Bool = false, upstream: String? = nil
        ) {
            self.upstream = upstream
            self.isWatchdogFailed = isWatchdogFailed
            self.isReplayPaused = isReplayPaused
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

public enum GuardObservation: Equatable, Sendable {
    case absent
    case disarmed
    case armed(deadline: BootInstant)
}
