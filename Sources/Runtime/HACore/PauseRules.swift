import Timekeeping

/// Pause mode, as in Patroni: the operator has the roles; the agent keeps the lock under a primary that runs.
enum PauseRules {
    static let all: [Rule] = [
        Rule(
            50, "pause.acquire", .pause,
            when: "paused, the server is a primary, nobody leads, and our lease is valid",
            then: "take the lock; the server is not touched",
            { $0.isPaused && $0.isLeaderless && $0.iAmPrimary && $0.identity == .matches && $0.leaseIsValid },
            { _, _ in Outcome(.acquireLock, reason: "paused: a primary that nobody leads takes the lock") }),
        Rule(
            51, "pause.release", .pause,
            when: "paused, we hold the lock, and the server runs as a standby that nobody asked to lead",
            then: "give the lock back: the operator has changed the roles",
            { $0.isPaused && $0.iHoldTheLock && $0.iAmStandby && !$0.iAmTheCandidate && $0.remote == nil },
            { s, memory in
                memory.releasedLock = s.leader?.createRevision
                return Outcome(
                    .releaseLock(finalLSN: nil), reason: "paused: the server is a standby, giving the lock back")
            }),
        Rule(
            52, "pause.request", .pause,
            when: "paused, we hold the lock, and a switchover or failover to nobody in particular is asked for",
            then: "clear the request: in pause mode a person says who is to lead",
            { $0.isPaused && $0.iHoldTheLock && $0.request.map { $0.candidate == nil } ?? false },
            { s, _ in
                Outcome(
                    .clearFailover(reason: "paused"),
                    reason: "\(s.requestText) is not carried out in pause mode: it names no candidate")
            }),
        Rule(
            54, "pause.stopped", .pause,
            when: "paused, we hold the lock, and the server is stopped for longer than ttl and not by us",
            then: "give the lock back; nobody takes it before the end of the pause",
            { $0.isPaused && $0.iHoldTheLock && $0.isStoppedByHand && $0.downFor >= $0.settings.ttl },
            { s, memory in
                memory.releasedLock = s.leader?.createRevision
                memory.leads = false
                return Outcome(
                    .releaseLock(finalLSN: nil),
                    reason: "paused: the server is stopped for \(s.downFor.text), giving the lock back")
            }),
        Rule(
            53, "pause.hold", .pause,
            when: "paused, and no switchover or failover to a named candidate is under way",
            then: "keep the lock if it is ours; promote, demote, start and stop nothing",
            { $0.isPaused && !$0.goesOnInPause },
            { s, _ in
                let wake = s.iHoldTheLock && s.isStopped ? s.memory.leaderDownSince.map { $0 + s.settings.ttl } : nil
                return Outcome(
                    reason: s.iHoldTheLock ? "paused: keeping the lock" : "paused: watching only", wake: wake)
            }),
    ]
}

extension Situation {
    fileprivate var downFor: Duration { memory.leaderDownSince.map { now - $0 } ?? .zero }
    /// A server that was not stopped for a request under way.
    fileprivate var isStoppedByHand: Bool { isStopped && memory.begunRequest == nil }

    /// A switchover or failover to a named candidate is carried out in pause mode: by the leader that is to give
    /// way, by the candidate, and by the former leader until it is back.
    fileprivate var goesOnInPause: Bool {
        if iHoldTheLock, iAmPrimary { return request?.candidate != nil && requestIsActive }
        if iHoldTheLock, isStopped { return memory.begunRequest != nil && request != nil }
        if iAmStandby, iAmTheCandidate { return isLeaderless || iHoldTheLock }
        return memory.handedOver && isStopped && !isBusy && view != nil
    }
}
