import JSON
import PostgresModel

/// The cluster as the store shows it at one revision: Patroni's keys below `/NAMESPACE/SCOPE/`, decoded.
/// Values that cannot be decoded are treated as Patroni treats them (a broken member is empty, a broken
/// config is no config) and never stop the reader.
public struct ClusterView: Hashable, Sendable {
    /// etcd's revision of the read or of the last watch event applied.
    public var revision: Int64
    /// `initialize`: the system identifier in decimal; empty while a bootstrap runs; nil: no such key.
    public var initialize: String?
    /// etcd's revision at which `initialize` was last written, 0 when it is missing or not known.
    public var initializeRevision: Int64
    public var leader: LeaderKey?
    public var members: [Member]
    public var config: ConfigKey?
    public var failover: FailoverKey?
    public var sync: SyncKey?
    public var status: StatusKey
    public var history: [HistoryEntry]
    /// `failsafe`: member name to api_url.
    public var failsafe: [String: String]?
    /// etcd's revision at which each of `StoreMark.decisiveKeys` that is there was last written.
    public var decisiveRevisions: [String: Int64]

    public init(
        revision: Int64 = 0, initialize: String? = nil, leader: LeaderKey? = nil, members: [Member] = [],
        config: ConfigKey? = nil, failover: FailoverKey? = nil, sync: SyncKey? = nil, status: StatusKey = .init(),
        history: [HistoryEntry] = [], failsafe: [String: String]? = nil, initializeRevision: Int64 = 0,
        decisiveRevisions: [String: Int64] = [:]
    ) {
        self.decisiveRevisions = decisiveRevisions
        self.revision = revision
        self.initialize = initialize
        self.initializeRevision = initializeRevision
        self.leader = leader
        self.members = members
        self.config = config
        self.failover = failover
        self.sync = sync
        self.status = status
        self.history = history
        self.failsafe = failsafe
    }

    public func member(_ name: String) -> Member? { members.first { $0.name == name } }
}

/// `leader`: the bare member name under that member's lease.
public struct LeaderKey: Hashable, Sendable {
    public var name: String
    public var lease: Int64
    public var createRevision: Int64
    public var modRevision: Int64

    public init(name: String, lease: Int64, createRevision: Int64 = 0, modRevision: Int64 = 0) {
        self.name = name
        self.lease = lease
        self.createRevision = createRevision
        self.modRevision = modRevision
    }
}

/// `config`: the dynamic configuration with the revision that a compare-and-set needs.
public struct ConfigKey: Hashable, Sendable {
    public var modRevision: Int64
    public var value: JSON

    public init(modRevision: Int64, value: JSON) {
        self.modRevision = modRevision
        self.value = value
    }
}

/// `failover`: a wish for a switchover (with `leader`) or a failover (without). `{}` means none.
public struct FailoverKey: Hashable, Sendable {
    public var modRevision: Int64
    public var leader: String?
    public var candidate: String?
    /// ISO 8601 with zone, as written by the one who asked.
    public var scheduledAt: String?

    public init(modRevision: Int64, leader: String? = nil, candidate: String? = nil, scheduledAt: String? = nil) {
        self.modRevision = modRevision
        self.leader = leader
        self.candidate = candidate
        self.scheduledAt = scheduledAt
    }

    public var isEmpty: Bool { leader == nil && candidate == nil && scheduledAt == nil }
}

/// `sync`: who may be promoted without losing an acknowledged commit.
public struct SyncKey: Hashable, Sendable {
    public var modRevision: Int64
    public var leader: String?
    public var quorum: Int
    public var standbys: [String]

    public init(modRevision: Int64, leader: String?, quorum: Int = 0, standbys: [String] = []) {
        self.modRevision = modRevision
        self.leader = leader
        self.quorum = quorum
        self.standbys = standbys
    }
}

/// `status`: the leader's flush position and the positions of slots.
public struct StatusKey: Hashable, Sendable {
    public var optime: LSN?
    public var slots: [String: LSN]
    public var retainSlots: [String]

    public init(optime: LSN? = nil, slots: [String: LSN] = [:], retainSlots: [String] = []) {
        self.optime = optime
        self.slots = slots
        self.retainSlots = retainSlots
    }
}

/// One line of `history`: at `lsn` timeline `timeline` ended.
public struct HistoryEntry: Hashable, Sendable {
    public var timeline: Timeline
    public var lsn: LSN
    public var reason: String
    public var timestamp: String?
    public var newLeader: String?

    public init(timeline: Timeline, lsn: LSN, reason: String, timestamp: String? = nil, newLeader: String? = nil) {
        self.timeline = timeline
        self.lsn = lsn
        self.reason = reason
        self.timestamp = timestamp
        self.newLeader = newLeader
    }
}

/// `members/NAME`: what a member says of itself.
public struct Member: Hashable, Sendable {
    public var name: String
    /// `postgres://HOST:PORT/DBNAME`
    public var connURL: String?
    public var apiURL: String?
    public var state: MemberState?
    public var role: MemberRole?
    public var version: String?
    /// False while a new leader's first checkpoint is not done; nil: done.
    public var checkpointAfterPromote: Bool?
    public var tags: JSONObject
    public var pendingRestart: Bool
    public var pendingRestartReason: JSONObject
    public var xlogLocation: LSN?
    public var replayLSN: LSN?
    public var receiveLSN: LSN?
    public var replicationState: String?
    public var timeline: Timeline?
    public var pause: Bool
    /// The lease the key hangs on, 0 for none.
    public var lease: Int64
    /// Keys of the JSON object that this version does not know, kept as they are.
    public var other: JSONObject

    public init(
        name: String, connURL: String? = nil, apiURL: String? = nil, state: MemberState? = nil, role: MemberRole? = nil,
        version: String? = nil, checkpointAfterPromote: Bool? = nil, tags: JSONObject = .init(),
        pendingRestart: Bool = false, pendingRestartReason: JSONObject = .init(), xlogLocation: LSN? = nil,
        replayLSN: LSN? = nil, receiveLSN: LSN? = nil, replicationState: String? = nil, timeline: Timeline? = nil,
        pause: Bool = false, lease: Int64 = 0, other: JSONObject = .init()
    ) {
        self.name = name
        self.connURL = connURL
        self.apiURL = apiURL
        self.state = state
        self.role = role
        self.version = version
        self.checkpointAfterPromote = checkpointAfterPromote
        self.tags = tags
        self.pendingRestart = pendingRestart
        self.pendingRestartReason = pendingRestartReason
        self.xlogLocation = xlogLocation
        self.replayLSN = replayLSN
        self.receiveLSN = receiveLSN
        self.replicationState = replicationState
        self.timeline = timeline
        self.pause = pause
        self.lease = lease
        self.other = other
    }
}

/// Patroni's state words, exactly (compatibility sheet a.7).
public enum MemberState: String, CaseIterable, Hashable, Sendable {
    case initializing = "initializing new cluster"
    case initdbFailed = "initdb failed"
    case runningCustomBootstrap = "running custom bootstrap script"
    case customBootstrapFailed = "custom bootstrap failed"
    case creatingReplica = "creating replica"
    case running, starting
    case startingAfterCustomBootstrap = "starting after custom bootstrap"
    case startFailed = "start failed"
    case restarting
    case restartFailed = "restart failed"
    case stopping, stopped
    case stopFailed = "stop failed"
    case crashed
}

/// Patroni's role words. Readers also accept the old `master`, decoded as `primary`.
public enum MemberRole: String, CaseIterable, Hashable, Sendable {
    case primary, replica
    case standbyLeader = "standby_leader"
    case promoted, demoted, uninitialized
}

/// What of a member key can change somebody's decision at once: a leader that has become a primary is followed now, and
/// not at the next tick.
public struct MemberStanding: Equatable, Sendable {
    public var name: String
    public var role: MemberRole?
    public var state: MemberState?
    /// Tag `nosync`: a standby that is about to go away asks the leader to leave it out, and waits for that.
    public var isNoSync: Bool
}

extension ClusterView {
    public var standings: [MemberStanding] {
        members.map {
            MemberStanding(name: $0.name, role: $0.role, state: $0.state, isNoSync: $0.tags["nosync"]?.bool == true)
        }
    }
}
