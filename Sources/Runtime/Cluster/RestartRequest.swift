import JSON
import PostgresModel

/// A wish to restart one member's PostgreSQL, now or later, with the conditions under which it is carried out.
/// In the member key (`scheduled_restart`) and in the body of `POST /restart` (compatibility sheet a.4, c.4).
public struct RestartRequest: Hashable, Sendable {
    /// ISO 8601 with zone; nil: now.
    public var schedule: String?
    /// The postmaster's start time when the restart was scheduled: a server that has been restarted since needs none.
    public var postmasterStartTime: String?
    /// Only if the member has this role (`primary`, `replica`, `standby_leader`).
    public var role: MemberRole?
    /// Only if the server is older than this, `15.4` or `16`.
    public var postgresVersion: String?
    /// How long the server may be down before a leader gives the lock away; nil: primary_start_timeout.
    public var timeout: Duration?
    /// Only if a restart is pending.
    public var onlyIfPending: Bool

    public init(
        schedule: String? = nil, postmasterStartTime: String? = nil, role: MemberRole? = nil,
        postgresVersion: String? = nil, timeout: Duration? = nil, onlyIfPending: Bool = false
    ) {
        self.schedule = schedule
        self.postmasterStartTime = postmasterStartTime
        self.role = role
        self.postgresVersion = postgresVersion
        self.timeout = timeout
        self.onlyIfPending = onlyIfPending
    }

    /// Reads the object; nil when it is none. Fields of a wrong kind count as absent.
    public init?(_ json: JSON?) {
        guard let object = json?.object else { return nil }
        self.init(
            schedule: object["schedule"]?.nonEmptyString,
            postmasterStartTime: object["postmaster_start_time"]?.nonEmptyString,
            role: object["role"]?.string.flatMap { $0 == "master" ? .primary : MemberRole(rawValue: $0) },
            postgresVersion: object["postgres_version"]?.nonEmptyString,
            timeout: object["timeout"]?.int.map { .seconds($0) },
            onlyIfPending: object["restart_pending"]?.bool ?? false)
    }

    public var json: JSON {
        var object = JSONObject()
        object["schedule"] = schedule.map(JSON.string)
        object["postmaster_start_time"] = postmasterStartTime.map(JSON.string)
        object["role"] = role.map { .string($0.rawValue) }
        object["postgres_version"] = postgresVersion.map(JSON.string)
        object["timeout"] = timeout.map { .int($0.components.seconds) }
        if onlyIfPending { object["restart_pending"] = true }
        return .object(object)
    }
}

extension Member {
    /// The member key's `scheduled_restart`.
    public var scheduledRestart: RestartRequest? {
        get { RestartRequest(other["scheduled_restart"]) }
        set { other["scheduled_restart"] = newValue?.json }
    }
}

/// A wish to build one member's data directory anew from another member (`POST /reinitialize`).
public struct ReinitialiseRequest: Hashable, Sendable {
    /// An operation under way is given up for it.
    public var isForced: Bool
    /// From the leader, not from a member tagged `clonefrom`.
    public var fromLeader: Bool

    public init(isForced: Bool = false, fromLeader: Bool = false) {
        self.isForced = isForced
        self.fromLeader = fromLeader
    }
}
