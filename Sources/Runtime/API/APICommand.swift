import Cluster
import JSON
import PostgresModel

/// A request that changes something, already checked as far as a snapshot can; the agent carries it out and
/// answers with one of the sentences of `APIResponse` (Answers.swift).
public enum APICommand: Equatable, Sendable {
    /// POST /switchover: hand the lock from `leader` to `candidate` (nil: the best one), now or at `scheduledAt`.
    /// Answers: `.switchedOver`, `.switchoverScheduled`, `.notPossible`, `.failoverKeyNotWritten`, `.handOverFailed`,
    /// `.handOverUnknown`.
    case switchover(leader: String, candidate: String?, scheduledAt: WallTime?)
    /// POST /failover: make `candidate` the leader, whoever leads now. Answers as for a switchover.
    case failover(candidate: String)
    /// DELETE /switchover. Answers: `.switchoverDeleted`, `.noSwitchoverScheduled`, `.empty(status: 409)`.
    case deleteSwitchover
    /// POST /restart without a schedule; the answer comes when the restart has ended. Answers: `.restarted`,
    /// `.restartConditionsNotSatisfied`, `.stillStarting`, `.restartFailed`, `.alreadyInProgress`.
    case restart(RestartRequest)
    /// POST /restart with a schedule. Answers: `.restartScheduled`, `.anotherRestartScheduled`.
    case scheduleRestart(RestartRequest, at: WallTime)
    /// DELETE /restart. Answers: `.restartDeleted`, `.noRestartScheduled`.
    case deleteRestart
    /// POST /reinitialize: throw the replica's data away and copy it anew; `force` cancels what runs, `fromLeader`
    /// copies from the leader and no other. Answers: `.reinitializeStarted`, `.leaderCannotReinitialize`,
    /// `.noLeaderToReinitializeFrom`, `.alreadyInProgress`.
    case reinitialize(force: Bool, fromLeader: Bool)
    /// PATCH /config: merge into the dynamic configuration. Answers: `.json(the new configuration)`, 409 when another
    /// wrote at the same time, 503 without a configuration in the store.
    case patchConfig(JSON)
    /// PUT /config: replace the dynamic configuration. Answers: `.json(the new configuration)`, 502 when not written.
    case replaceConfig(JSON)
    /// POST /failsafe: a leader that lost the store asks whether we are there and follow it. Answers:
    /// `.failsafeAccepted`, `.runningAsLeader`, `.empty(status: 502)` when failsafe_mode is off.
    case failsafe(FailsafeClaim)
    /// POST /reload: read the configuration file and certificates again. Answer: `.reloadScheduled`.
    case reload
}

/// When POST /restart shall restart at all, and how long it may take.
public struct RestartRequest: Equatable, Sendable {
    /// Only a server in this role.
    public var role: MemberRole?
    /// Only a server older than this version.
    public var olderThan: ServerVersion?
    /// Only a server with a parameter that waits for a restart.
    public var onlyIfPending: Bool
    /// How long the start may take before another may take over; nil: `primary_start_timeout`.
    public var timeout: Duration?

    public init(
        role: MemberRole? = nil, olderThan: ServerVersion? = nil, onlyIfPending: Bool = false, timeout: Duration? = nil
    ) {
        self.role = role
        self.olderThan = olderThan
        self.onlyIfPending = onlyIfPending
        self.timeout = timeout
    }

    /// Whether a server as described is meant; asked again when a scheduled restart comes due.
    public func matches(role current: MemberRole, version: ServerVersion?, isPending: Bool) -> Bool {
        if let role, role != current { return false }
        if let olderThan, let version, olderThan <= version { return false }
        return !onlyIfPending || isPending
    }

    /// The filters with Patroni's keys, as the member key and the status show them beside `schedule`.
    public var json: JSONObject {
        var object = JSONObject()
        object["role"] = role.map { .string($0.rawValue) }
        object["postgres_version"] = olderThan.map { .string($0.description) }
        object["timeout"] = timeout.map { .int($0.components.seconds) }
        if onlyIfPending { object["restart_pending"] = true }
        return object
    }
}

/// A restart that waits for its time.
public struct ScheduledRestart: Equatable, Sendable {
    public var request: RestartRequest
    public var at: WallTime
    /// The server that was meant: once another postmaster runs, the schedule is void (Patroni's rule).
    public var postmasterStartTime: String?

    public init(request: RestartRequest, at: WallTime, postmasterStartTime: String? = nil) {
        self.request = request
        self.at = at
        self.postmasterStartTime = postmasterStartTime
    }

    /// `scheduled_restart` of the REST status: without the postmaster's start time.
    public var statusJSON: JSONObject {
        var object: JSONObject = ["schedule": .string(at.description)]
        for (key, value) in request.json { object[key] = value }
        return object
    }

    /// `scheduled_restart` of the member key.
    public var memberJSON: JSONObject {
        var object: JSONObject = ["schedule": .string(at.description)]
        object["postmaster_start_time"] = postmasterStartTime.map(JSON.string)
        for (key, value) in request.json { object[key] = value }
        return object
    }
}

/// What a leader without a store says of itself.
public struct FailsafeClaim: Equatable, Sendable {
    public var leader: String
    public var connURL: String?
    public var apiURL: String
    /// Positions of the leader's slots by name; standbys keep their copies of them in step.
    public var slots: [String: LSN]

    public init(leader: String, connURL: String? = nil, apiURL: String, slots: [String: LSN] = [:]) {
        self.leader = leader
        self.connURL = connURL
        self.apiURL = apiURL
        self.slots = slots
    }
}
