import Cluster
import PostgresModel
import Timekeeping

/// The facts that rules ask for, derived once from an observation. Rules hold no arithmetic of their own.
struct Situation: Sendable {
    let o: Observation
    let memory: Memory

    init(_ observation: Observation, memory: Memory) {
        o = observation
        self.memory = memory
    }

    var now: BootInstant { o.now }
    var me: String { o.me }
    var settings: CoreSettings { o.settings }
    var isPaused: Bool { o.settings.isPaused }
}

// MARK: The store

extension Situation {
    enum Identity: Equatable {
        /// `initialize` is missing, empty or no number: nobody has proven which server the scope is about.
        case uninitialised
        /// There is no data directory to compare.
        case noData
        case matches
        case mismatch(store: SystemIdentifier, local: SystemIdentifier)
    }

    /// The view, only while the store answers.
    var view: ClusterView? {
        if case .connected(let view, _) = o.store { view } else { nil }
    }

    var storeIsUnreachable: Bool {
        switch o.store {
        case .unreachable, .regressed: true
        case .unknown, .connected: false
        }
    }

    /// The leader key, unless it is one that we have given back and a late view still shows.
    var leader: LeaderKey? { view?.leader }
    /// A leader key without a name or without a lease was not written by any member.
    var leaderKeyIsSound: Bool { leader.map { !$0.name.isEmpty && $0.lease != 0 } ?? true }
    var isLeaderless: Bool { view != nil && leader == nil }
    var leaderIsAnother: Bool { leader.map { $0.name != me } ?? false }
    var leaderIsMyName: Bool { leader?.name == me }
    var lockWasReleased: Bool { leaderIsMyName && leader?.createRevision == memory.releasedLock }
    /// The leader key carries our name under our present lease, and that lease cannot have expired.
    var iHoldTheLock: Bool { leaderIsMyName && !lockWasReleased && leader?.lease == leaseID && leaseIsValid }
    var leaderName: String { leader?.name ?? "nobody" }
    var leaderMember: Member? { leader.flatMap { view?.member($0.name) } }
    var leaderUpstream: Upstream? {
        leaderMember.flatMap { member in
            member.address.map { Upstream(name: member.name, host: $0.host, port: $0.port) }
        }
    }
    /// The leader says that it runs as a primary and has written its first checkpoint (pg_rewind needs both).
    var leaderIsReady: Bool {
        guard let member = leaderMember else { return false }
        return (member.role == .primary || member.role == .standbyLeader) && member.checkpointAfterPromote != false
    }
    /// The leader has the lock and says that it is not a primary yet.
    var leaderIsPromoting: Bool {
        switch leaderMember?.role {
        case .replica, .demoted, .uninitialized: true
        case .primary, .standbyLeader, .promoted, nil: false
        }
    }

    var identity: Identity {
        guard let text = view?.initialize, text.utf8.count >= 10, let store = SystemIdentifier(text)
        else { return .uninitialised }
        guard let local = data?.systemIdentifier else { return .noData }
        return store == local ? .matches : .mismatch(store: store, local: local)
    }

    var isMismatch: Bool { if case .mismatch = identity { true } else { false } }

    var leaderlessFor: Duration { memory.leaderlessSince.map { now - $0 } ?? .zero }
    var lastOptime: LSN? { view?.status.optime ?? memory.lastOptime }

    /// Other members that could lead by what they say in the store: up and allowed to. How far they are is judged
    /// by the race itself, with fresh reports.
    var candidates: [String] {
        guard let view else { return [] }
        return view.members.filter { $0.name != me && $0.state == .running && $0.mayLead }.map(\.name)
    }
    var otherMembers: [String] { (view?.members ?? []).map(\.name).filter { $0 != me } }
    /// Who could lead instead of this leader without a loss that synchronous mode forbids.
    var couldLead: [String] { syncKey == nil ? candidates : synchronousCandidates }
}

extension Member {
    /// Not excluded by `nofailover` or a failover_priority of 0 or less.
    var mayLead: Bool {
        tags["nofailover"]?.bool != true && (tags["failover_priority"]?.int).map { $0 > 0 } ?? true
    }
}

// MARK: The lease

extension Situation {
    var leaseID: Int64? { if case .held(let id, _) = o.lease { id } else { nil } }
    var leaseDeadline: BootInstant? { if case .held(_, let deadline) = o.lease { deadline } else { nil } }
    var leaseIsValid: Bool { leaseDeadline.map { $0 > now } ?? false }

    /// Until when the server may be writable: our lease's deadline while the lock is (or was last seen) ours;
    /// else the one the guard still holds from an agent before us, or held when it was last seen.
    var leadDeadline: BootInstant? {
        let isUnderOurs = leaderIsMyName && leader?.lease == leaseID
        let lease = isUnderOurs ? leaseDeadline : memory.leads ? memory.leadsUntil : nil
        if let latest = [lease, memory.leads ? o.failsafe.leadUntil : nil].compactMap({ $0 }).max() { return latest }
        return memory.guardedUntil
    }

    /// All members of the failsafe list accept us as the leader for now, lease or no lease.
    var leadsByFailsafe: Bool { memory.leads && o.failsafe.leadUntil.map { $0 > now } ?? false }
    /// The leader that we have promised to wait for, while no key says who leads.
    var promisedLeader: FailsafeObservation.Promise? {
        guard isLeaderless, let promise = o.failsafe.accepted, promise.leader != me, promise.until > now
        else { return nil }
        return promise
    }

    /// A fast stop needs time; so much before the deadline it is begun when the store stays out of reach.
    var fastStopReserve: Duration { settings.ttl / 4 }
}

// MARK: The server

extension Situation {
    var data: ServerObservation.DataDirectory? {
        if case .present(let data) = o.server.storage { data } else { nil }
    }
    var dataIsEmpty: Bool { o.server.storage == .empty }
    var dataIsUnreadable: Bool { if case .unreadable = o.server.storage { true } else { false } }
    var hasStandbySignal: Bool { data?.hasStandbySignal ?? false }

    var running: ServerObservation.Running? {
        if case .running(let running) = o.server.process { running } else { nil }
    }
    var standby: ServerObservation.Running? { running.flatMap { $0.isInRecovery ? $0 : nil } }
    var primary: ServerObservation.Running? { running.flatMap { $0.isInRecovery ? nil : $0 } }
    var iAmPrimary: Bool { primary != nil }
    var iAmStandby: Bool { standby != nil }
    var isStopped: Bool { o.server.process == .stopped }
    var isStarting: Bool { if case .starting = o.server.process { true } else { false } }
    /// Up or going down in a way in which no question can be answered.
    var isBetween: Bool { !isStopped && running == nil }
    var unresponsiveSince: BootInstant? {
        if case .unresponsive(let since) = o.server.process { since } else { nil }
    }
    var betweenWord: String {
        switch o.server.process {
        case .starting: "starting"
        case .stopping: "stopping"
        case .unresponsive: "not answering"
        case .running: "running"
        case .stopped: "stopped"
        }
    }

    /// The server is writable, or a process of it is there that could be or become so.
    var mayBePrimary: Bool {
        if runningOperation == .promote { return true }
        return switch o.server.process {
        case .stopped: false
        case .running(let running): !running.isInRecovery || isArmed
        case .starting, .stopping, .unresponsive: !hasStandbySignal
        }
    }

    /// The guard is armed for a promotion and disarmed by the server's end. So a standby under guard is one that was
    /// told to promote, be it by an agent before us, and PostgreSQL may still carry that out.
    private var isArmed: Bool { memory.guardedUntil != nil }

    /// The deadline that its guard held is known, and no guard holds it any more.
    var hasLostItsGuard: Bool {
        if case .armed = o.guardian { return false }
        return memory.guardedUntil != nil && mayBePrimary
    }

    /// The lock is ours and the server has been down longer than primary_start_timeout.
    var startIsOverdue: Bool { memory.leaderDownSince.map { now - $0 >= settings.primaryStartTimeout } ?? false }
    /// So long a server may stay silent before the leader gives up on it.
    var silenceLimit: Duration { settings.ttl }
    var isSilentTooLong: Bool { unresponsiveSince.map { now - $0 >= silenceLimit } ?? false }
}

// MARK: Operations and requests

extension Situation {
    var runningOperation: Operation? {
        if case .running(let operation, _) = o.operation { operation } else { nil }
    }
    var isBusy: Bool { runningOperation != nil }
    func failure(of kind: OperationKind) -> Memory.Failure? { memory.failures[kind] }

    /// The request for a switchover or failover; nil when the key is missing or `{}`.
    var request: FailoverKey? { view?.failover.flatMap { $0.isEmpty ? nil : $0 } }
    /// When a request is to be carried out.
    enum Schedule: Equatable {
        case now
        case later(Duration)
        /// Its moment is past by more than 1.5 loop_wait, as in Patroni.
        case stale(Duration)
        case unreadable(String)
        /// Our own clock is not known.
        case unknown
    }

    func schedule(_ text: String?) -> Schedule {
        guard let text else { return .now }
        guard let at = WallInstant(iso8601: text) else { return .unreadable(text) }
        guard let wall = o.wallClock else { return .unknown }
        if wall < at { return .later(at - wall) }
        let late = wall - at
        return late > settings.loopWait * 3 / 2 ? .stale(late) : .now
    }

    var requestSchedule: Schedule {
        if let request, request.modRevision == memory.begunRequest { return .now }
        return schedule(request?.scheduledAt)
    }
    /// The request counts for those who do not lead: its moment has come, however long ago.
    var requestIsActive: Bool {
        switch requestSchedule {
        case .now, .stale: request != nil
        case .later, .unreadable, .unknown: false
        }
    }
    /// A request that this leader is asked to give way to, now.
    var requestIsForMe: Bool {
        guard let request, requestSchedule == .now, !isPaused || request.candidate != nil else { return false }
        return (request.leader == nil || request.leader == me) && request.candidate != me
    }
    /// When something that is scheduled falls due.
    var scheduleWake: BootInstant? {
        let schedules = [requestSchedule, schedule(o.requests.restart?.schedule)]
        return schedules.compactMap { if case .later(let time) = $0 { now + time } else { nil } }.min()
    }
    var requestText: String {
        guard let request else { return "no request" }
        let from = request.leader.map { " from \($0)" } ?? ""
        let to = request.candidate.map { " to \($0)" } ?? ""
        return (request.leader == nil ? "failover" : "switchover") + from + to
    }
}

// MARK: Repeated failures

extension Situation {
    static let crashWindow: Duration = .seconds(600)
    static let crashLimit = 3
    /// The server was lost so often under our lock that starting it again is no cure.
    var crashesAgainAndAgain: Bool { memory.crashes.count >= Self.crashLimit }

    /// A watchdog is required, and there is none.
    var lacksWatchdog: Bool { settings.watchdogMode == .required && !o.watchdog.isUsable }
    var watchdogText: String {
        if case .failed(let why) = o.watchdog { return "the watchdog cannot be used (\(why))" }
        return "there is no watchdog device"
    }

    /// The primary answers, and has ended no write for ttl.
    var cannotWrite: Bool { primary?.writesHangSince.map { now - $0 >= silenceLimit } ?? false }
    /// Candidates that have the log up to maximum_lag_on_failover, by what they say in the store.
    var healthyCandidates: [String] {
        couldLead.filter { name in
            guard let position = view?.member(name)?.xlogLocation else { return false }
            return (running?.lsn ?? lastOptime ?? .zero).bytes(ahead: position) <= settings.maximumLagOnFailover
        }
    }

    /// The names in force wait to be confirmed: looked at soon, for no event tells of a standby's progress.
    var syncWake: BootInstant? {
        guard iHoldTheLock, let names = memory.syncNames, !names.isConfirmed, !names.names.members.isEmpty
        else { return nil }
        if names.target == nil { return names.since + SyncNamesMemory.settling }
        return now - names.since < settings.loopWait ? now + .milliseconds(200) : nil
    }
}

extension Duration {
    /// `4s`, `1.5s`: for people.
    var text: String {
        let tenths = (wholeNanoseconds + 50_000_000) / 100_000_000
        return tenths % 10 == 0 ? "\(tenths / 10)s" : "\(tenths / 10).\(tenths % 10)s"
    }
}
