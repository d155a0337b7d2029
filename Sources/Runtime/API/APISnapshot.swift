import Cluster
import JSON
import PostgresModel
import Timekeeping

/// What the REST API answers from: one value that the agent replaces after each decision. No request ever
/// waits for SQL or for the store.
public struct APISnapshot: Sendable {
    public var scope: String
    public var name: String
    /// The version published as Patroni's; readers compare it.
    public var version: String

    public var state: MemberState
    public var role: MemberRole
    /// The lock is ours until then (the lease's local deadline); nil: we do not hold it.
    public var leaderUntil: BootInstant?
    /// PostgreSQL runs and is not in recovery, as last seen.
    public var isRunningPrimary: Bool
    public var isStandbyCluster: Bool

    public var serverVersion: ServerVersion?
    /// `YYYY-MM-DD HH:MM:SS.ffffff+00:00`
    public var postmasterStartTime: String?
    public var systemIdentifier: SystemIdentifier?
    public var timeline: Timeline?
    /// Primary: flushed position.
    public var location: LSN?
    public var receivedLocation: LSN?
    public var replayedLocation: LSN?
    /// `latest_end_lsn` of pg_stat_wal_receiver: the leader's position as the wal receiver last heard it. Lag is
    /// judged against the greater of this and `status.optime`.
    public var latestEndLocation: LSN?
    /// pg_last_xact_replay_timestamp, `YYYY-MM-DD HH:MM:SS.ffffff+00:00`
    public var replayedTimestamp: String?
    public var isReplayPaused: Bool
    /// `streaming`, `in archive recovery` or nil.
    public var replicationState: String?
    /// Rows of pg_stat_replication in Patroni's form.
    public var replication: [JSON]
    /// False when the server runs and its status could not be read: the state is then shown as `unknown`, and
    /// neither position nor version is.
    public var isServerStatusKnown: Bool = true

    /// Effective tags: those of the file without `false` ones, and what the agent adds for a time.
    public var tags: JSONObject
    /// Parameter to `{"old_value": ..., "new_value": ...}`; not empty: a restart is pending.
    public var pendingRestartReason: JSONObject
    public var scheduledRestart: ScheduledRestart?
    /// A watchdog is required and cannot be used: this member may not lead.
    public var isWatchdogFailed: Bool = false
    /// Log lines that wait to be written; shown when there are more than two (Patroni's normal number).
    public var logQueueSize: Int = 0
    /// Log lines that were dropped, because the queue was full.
    public var logRecordsLost: Int = 0
    /// The last view of the store and when it was confirmed; nil before the first read.
    public var cluster: ClusterView?
    public var clusterConfirmed: BootInstant?
    /// Seconds since 1970 of the last contact with the store.
    public var storeLastSeen: Int64?
    public var isPaused: Bool
    public var isFailsafeActive: Bool
    /// `failsafe_mode` of the dynamic configuration.
    public var isFailsafeEnabled: Bool = false
    /// Whose log a standby takes in, by name; an addition to Patroni's fields.
    public var upstream: String?
    public var maximumLagOnFailover: ByteCount
    public var ttl: Duration
    /// When the last decision was completed.
    public var lastCycle: BootInstant
    /// The rule that decided and its sentence; an addition to Patroni's fields.
    public var decision: String

    public init(
        scope: String, name: String, version: String, state: MemberState, role: MemberRole,
        leaderUntil: BootInstant? = nil, isRunningPrimary: Bool = false, isStandbyCluster: Bool = false,
        serverVersion: ServerVersion? = nil, postmasterStartTime: String? = nil,
        systemIdentifier: SystemIdentifier? = nil, timeline: Timeline? = nil, location: LSN? = nil,
        receivedLocation: LSN? = nil, replayedLocation: LSN? = nil, replayedTimestamp: String? = nil,
        isReplayPaused: Bool = false, replicationState: String? = nil, replication: [JSON] = [],
        tags: JSONObject = .init(), pendingRestartReason: JSONObject = .init(), cluster: ClusterView? = nil,
        clusterConfirmed: BootInstant? = nil, storeLastSeen: Int64? = nil, isPaused: Bool = false,
        isFailsafeActive: Bool = false, maximumLagOnFailover: ByteCount = ByteCount(1 << 20),
        ttl: Duration = .seconds(12), lastCycle: BootInstant = .init(nanoseconds: 0), decision: String = ""
    ) {
        self.scope = scope
        self.name = name
        self.version = version
        self.state = state
        self.role = role
        self.leaderUntil = leaderUntil
        self.isRunningPrimary = isRunningPrimary
        self.isStandbyCluster = isStandbyCluster
        self.serverVersion = serverVersion
        self.postmasterStartTime = postmasterStartTime
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.location = location
        self.receivedLocation = receivedLocation
        self.replayedLocation = replayedLocation
        self.replayedTimestamp = replayedTimestamp
        self.isReplayPaused = isReplayPaused
        self.replicationState = replicationState
        self.replication = replication
        self.tags = tags
        self.pendingRestartReason = pendingRestartReason
        self.cluster = cluster
        self.clusterConfirmed = clusterConfirmed
        self.storeLastSeen = storeLastSeen
        self.isPaused = isPaused
        self.isFailsafeActive = isFailsafeActive
        self.maximumLagOnFailover = maximumLagOnFailover
        self.ttl = ttl
        self.lastCycle = lastCycle
        self.decision = decision
    }

    /// We hold the lock and its lease cannot have expired.
    public func holdsLock(at now: BootInstant) -> Bool { leaderUntil.map { now < $0 } ?? false }

    /// Who may be asked for reads: a standby that runs and is not taken out by `noloadbalance`.
    var isServingReplica: Bool {
        role == .replica && state == .running && isServerStatusKnown && tags["noloadbalance"] != .bool(true)
    }

    /// The store's view while it is not older than a ttl; nobody may rely on who is synchronous in an older one.
    func freshCluster(at now: BootInstant) -> ClusterView? {
        guard let cluster, let clusterConfirmed, now - clusterConfirmed < ttl else { return nil }
        return cluster
    }

    /// How far the leader's log reaches, as far as we have heard: from the store and through the wal receiver.
    func leaderLocation(at now: BootInstant) -> LSN? {
        let known = [freshCluster(at: now)?.status.optime, latestEndLocation].compactMap(\.self)
        return known.max().flatMap { $0 == .zero ? nil : $0 }
    }

    enum SynchronousRole { case none, sync, quorum }

    /// What `sync` says of this standby.
    func synchronousRole(at now: BootInstant) -> SynchronousRole {
        guard role == .replica, let cluster = freshCluster(at: now) else { return .none }
        return switch cluster.displayRole(of: cluster.member(name) ?? Member(name: name)) {
        case "sync_standby": .sync
        case "quorum_standby": .quorum
        default: .none
        }
    }

    /// The server answers questions in this state; in the others only state and role are known.
    var hasServerStatus: Bool {
        isServerStatusKnown && serverVersion != nil && [.running, .restarting, .starting].contains(state)
    }

    /// When the answer to some request changes without a new snapshot; nil: never.
    func nextChange(after now: BootInstant) -> BootInstant? {
        [leaderUntil, clusterConfirmed.map { $0 + ttl }, livenessEnd].compactMap(\.self).filter { $0 > now }.min()
    }
}
