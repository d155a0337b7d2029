import Timekeeping

/// Our name on the leader key without a lock that is ours now, and work under way.
enum LockRules {
    static let all: [Rule] = [
        Rule(
            40, "lock.release-again", .lock,
            when: "the store still shows the lock that we gave back",
            then: "give it back again; a lock that was given back is never used",
            { $0.lockWasReleased },
            { _, _ in
                Outcome(.releaseLock(finalLSN: nil), reason: "the lock was given back and is still shown as ours")
            }),
        Rule(
            41, "lock.reattach", .lock,
            when: "our name is on the leader key under an older lease of ours, and our present lease is valid",
            then: "put the key under the present lease; the server is not touched",
            { $0.leaderIsMyName && !$0.iHoldTheLock && $0.leaseIsValid },
            { s, memory in
                if s.mayBePrimary { memory.leads = true }
                return Outcome(.reattachLock, reason: "our lock hangs on an older lease; moving it to the present one")
            }),
        Rule(
            42, "lock.wait-lease", .lock,
            when: "our name is on the leader key and we have no valid lease",
            then: "wait for a lease; the server stays as it is",
            { $0.leaderIsMyName && !$0.iHoldTheLock },
            { _, _ in Outcome(reason: "our name is on the leader key; waiting for a lease to take it up again") }),
        Rule(
            43, "operation.start-overdue", .operation,
            when: "we hold the lock, the start takes longer than primary_start_timeout, and a member could lead",
            then: "give the start up; the lock goes to the other member next",
            { s in
                guard !s.isPaused, s.iHoldTheLock, s.startIsOverdue, !s.candidates.isEmpty else { return false }
                if case .start = s.runningOperation { return true }
                return s.isStarting && !s.isBusy
            },
            { s, _ in
                let reason = "not up within primary_start_timeout (\(s.settings.primaryStartTimeout.text)), and "
                    + "\(s.candidates.joined(separator: ", ")) could lead"
                return s.isBusy
                    ? Outcome(.cancelOperation, reason: "giving up the start: \(reason)")
                    : Outcome(.begin(.demote(.immediate)), reason: "stopping the server: \(reason)")
            }),
        Rule(
            44, "operation.source-gone", .operation,
            when: "a base backup runs from a member that is not the leader any more",
            then: "give it up; the next one comes from the new leader",
            { s in
                guard case .clone(let source) = s.runningOperation else { return false }
                return s.leaderIsAnother && s.leaderName != source.name
            },
            { s, _ in
                let operation = s.runningOperation?.text ?? ""
                return Outcome(.cancelOperation, reason: "\(operation): the leader is \(s.leaderName) now")
            }),
        Rule(
            45, "operation.running", .operation,
            when: "an operation is under way",
            then: "wait for its end",
            { $0.isBusy },
            { s, _ in Outcome(reason: "\(s.runningOperation?.text ?? "") under way") }),
        Rule(
            50, "pause.acquire", .pause,
            when: "paused, the server is a primary, nobody leads, and our lease is valid",
            then: "take the lock; the server is not touched",
            { $0.isPaused && $0.isLeaderless && $0.iAmPrimary && $0.identity == .matches && $0.leaseIsValid },
            { _, _ in Outcome(.acquireLock, reason: "paused: a primary that nobody leads takes the lock") }),
        Rule(
            51, "pause.release", .pause,
            when: "paused, we hold the lock, and the server runs as a standby",
            then: "give the lock back: the operator has changed the roles",
            { $0.isPaused && $0.iHoldTheLock && $0.iAmStandby },
            { s, memory in
                memory.releasedLock = s.leader?.createRevision
                return Outcome(
                    .releaseLock(finalLSN: nil), reason: "paused: the server is a standby, giving the lock back")
            }),
        Rule(
            52, "pause.request", .pause,
            when: "paused, we hold the lock, and a switchover or failover is asked for",
            then: "clear the request: nothing changes roles in pause mode",
            { $0.isPaused && $0.iHoldTheLock && $0.request != nil },
            { s, _ in
                Outcome(.clearFailover(reason: "paused"), reason: "\(s.requestText) is not carried out in pause mode")
            }),
        Rule(
            53, "pause.hold", .pause,
            when: "paused",
            then: "keep the lock if it is ours; promote, demote, start and stop nothing",
            { $0.isPaused },
            { s, _ in Outcome(reason: s.iHoldTheLock ? "paused: keeping the lock" : "paused: watching only") }),
    ]
}
