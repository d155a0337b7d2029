import Cluster
import PostgresModel
import Timekeeping

/// What people ask of this one member: a restart, now or later, and a new copy of its data.
enum RestartRules {
    static let all: [Rule] = [
        Rule(
            220, "reinit.refused", .maintenance,
            when: "a new copy is asked for, and this member leads, nobody leads, or the leader says no address",
            then: "refuse it",
            { $0.o.requests.reinitialise != nil && !$0.canReinitialise },
            { s, _ in
                let why = s.leaderIsMyName ? "\(s.me) is the leader"
                    : s.isLeaderless ? "the cluster has no leader" : "\(s.leaderName) says no address"
                return Outcome(.clearReinitialise(reason: why), reason: "no new copy: \(why)")
            }),
        Rule(
            297, "maintenance.leave-sync", .maintenance,
            when: "a restart is due, or a new copy is asked for and not by force, and `sync` names this standby",
            then: "ask to be left out (tag nosync in the member key), and wait up to twice loop_wait for that and "
                + "for the names to follow",
            { $0.mustLeaveSync },
            { s, memory in
                let leaving = memory.leavesSync ?? LeavingSync(since: s.now)
                memory.leavesSync = leaving
                let reason = leaving.isOutSince == nil
                    ? "commits wait for \(s.me): asking \(s.leaderName) to leave it out of sync first"
                    : "\(s.leaderName) has left \(s.me) out of sync: until no commit waits for it"
                return Outcome(reason: reason, wake: leaving.end(patience: s.syncPatience))
            }),
        Rule(
            222, "reinit.begin", .maintenance,
            when: "a new copy is asked for and another member leads",
            then: "stop the server and copy anew; the old directory is moved aside", isUrgent: true,
            { $0.o.requests.reinitialise != nil },
            { s, _ in
                guard let source = s.reinitialiseSource else { return Outcome(reason: "no source for a new copy") }
                return Outcome(
                    .clearReinitialise(reason: "begun"), .begin(.reinitialise(from: source)),
                    reason: "a new copy was asked for: copying \(source.name)")
            }),
        Rule(
            223, "restart.dropped", .maintenance,
            when: "a restart is asked for, and its conditions do not hold, its moment is past or unreadable, or the "
                + "server has been restarted since it was scheduled",
            then: "forget it and say why",
            { $0.whyNoRestart != nil },
            { s, _ in
                let why = s.whyNoRestart ?? ""
                return Outcome(.clearRestart(reason: why), reason: "no restart: \(why)")
            }),
        Rule(
            224, "restart.begin", .maintenance,
            when: "a restart is asked for, or a scheduled one is due and the cluster is not paused",
            then: "restart the server in its role; a leader keeps the lock meanwhile", isUrgent: true,
            { $0.restartIsDue },
            { s, memory in
                guard let request = s.o.requests.restart else { return Outcome(reason: "no restart") }
                let isScheduled = request.schedule != nil
                memory.failures[.restart] = nil
                let cause: RestartCause =
                    isScheduled ? .scheduled(timeout: request.timeout) : .asked(timeout: request.timeout)
                return Outcome(
                    .clearRestart(reason: "begun"), .begin(.restart(cause)),
                    reason: isScheduled ? "the scheduled restart is due" : "a restart was asked for")
            }),
    ]
}

extension Situation {
    var canReinitialise: Bool { leaderIsAnother && leaderUpstream != nil && !mayBePrimary }

    fileprivate var reinitialiseSource: Upstream? {
        o.requests.reinitialise?.fromLeader ?? true ? leaderUpstream : cloneSource
    }

    var restartIsDue: Bool {
        guard let request = o.requests.restart, running != nil, whyNoRestart == nil else { return false }
        return request.schedule == nil || (!isPaused && schedule(request.schedule) == .now)
    }

    /// Nil also without a request, and before its moment.
    fileprivate var whyNoRestart: String? {
        guard let request = o.requests.restart else { return nil }
        switch schedule(request.schedule) {
        case .unreadable(let text): return "the moment \"\(text)\" cannot be read"
        case .stale(let late): return "its moment is past by \(late.text)"
        case .later, .unknown: return replacedSince(request)
        case .now: break
        }
        guard let running else { return isStopped ? "the server does not run" : nil }
        if request.schedule != nil, isPaused { return nil }
        return replacedSince(request) ?? unmet(request, running)
    }

    private func replacedSince(_ request: RestartRequest) -> String? {
        guard let then = request.postmasterStartTime, let start = running?.postmasterStartTime, start != then
        else { return nil }
        return "the server has been restarted since (\(start))"
    }

    private func unmet(_ request: RestartRequest, _ running: ServerObservation.Running) -> String? {
        let role: MemberRole =
            !running.isInRecovery ? .primary
            : iHoldTheLock && settings.standbyCluster != nil ? .standbyLeader : .replica
        if let wanted = request.role, wanted != role { return "this is a \(role.rawValue), not a \(wanted.rawValue)" }
        if request.onlyIfPending, !running.isRestartPending { return "no restart is pending" }
        if let text = request.postgresVersion {
            guard let wanted = ServerVersion(restartCondition: text) else { return "\(text) is no version" }
            guard let version = running.version, version < wanted else {
                return "PostgreSQL \(running.version?.description ?? "of unknown version") is not older than \(text)"
            }
        }
        return nil
    }
}

extension ServerVersion {
    /// `15.4`, `16`, `9.6.3`.
    fileprivate init?(restartCondition text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard let first = parts.first, let major = first, !parts.contains(nil) else { return nil }
        let rest = parts.dropFirst().compactMap { $0 }
        if major < 10 {
            guard rest.count <= 2 else { return nil }
            self.init(major * 10_000 + (rest.first ?? 0) * 100 + (rest.count > 1 ? rest[1] : 0))
        } else {
            guard rest.count <= 1 else { return nil }
            self.init(major * 10_000 + (rest.first ?? 0))
        }
    }
}
