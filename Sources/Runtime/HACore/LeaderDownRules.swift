import PostgresModel
import Timekeeping

/// We hold the lock and the server is stopped: hand over, give up, or start it again.
enum LeaderDownRules {
    static let all: [Rule] = [
        Rule(
            79, "down.promotion-failed", .leaderDown,
            when: "we hold the lock, and the server was stopped because its promotion had failed",
            then: "give the lock back and stay out of the race for ttl",
            { $0.iHoldTheLock && $0.isStopped && $0.failure(of: .promote) != nil },
            { s, memory in
                let message = s.failure(of: .promote)?.message ?? ""
                memory.failures[.promote] = nil
                memory.abstainUntil = s.now + s.settings.ttl
                return release(s, &memory, "the promotion failed (\(message))")
            }),
        Rule(
            80, "down.hand-over", .leaderDown,
            when: "we hold the lock, the server has stopped cleanly for a request, and a successor is there",
            then: "give the lock to the successor with the position that it must have",
            { s in
                s.iHoldTheLock && s.isStopped && s.requestIsForMe && s.data?.clusterState == "shut down"
                    && s.successors.contains { s.request?.candidate == nil || s.request?.candidate == $0 }
            },
            { s, memory in
                memory.handedOver = true
                return release(s, &memory, final: s.data?.checkpoint, "\(s.requestText): stopped, handing the lock over")
            }),
        Rule(
            266, "down.hand-over-synchronous", .leaderDown,
            when: "we hold the lock, the server was stopped at once for a request, and a synchronous successor is there",
            then: "give the lock to the successor, who has every commit",
            { s in
                s.iHoldTheLock && s.isStopped && s.requestIsForMe && s.memory.begunRequest != nil
                    && s.synchronousCandidates.contains { s.request?.candidate == nil || s.request?.candidate == $0 }
            },
            { s, memory in
                memory.handedOver = true
                return release(s, &memory, "\(s.requestText): stopped at once, a synchronous standby has every commit")
            }),
        Rule(
            251, "down.no-watchdog", .leaderDown,
            when: "we hold the lock, the server is stopped, and the watchdog that is required cannot be used",
            then: "give the lock back",
            { $0.iHoldTheLock && $0.isStopped && $0.lacksWatchdog },
            { s, memory in release(s, &memory, s.watchdogText) }),
        Rule(
            81, "down.no-data", .leaderDown,
            when: "we hold the lock and the data directory is empty or cannot be read",
            then: "give the lock back",
            { $0.iHoldTheLock && $0.isStopped && ($0.dataIsEmpty || $0.dataIsUnreadable) },
            { s, memory in
                release(s, &memory, s.dataIsEmpty ? "the data directory is empty" : "the data directory cannot be read")
            }),
        Rule(
            82, "down.gave-up", .leaderDown,
            when: "we hold the lock, the server was stopped for not answering or not writing, and a member could lead",
            then: "give the lock back and stay out of the race for ttl",
            { $0.iHoldTheLock && $0.isStopped && $0.memory.givesUp && !$0.couldLead.isEmpty },
            { s, memory in
                memory.abstainUntil = s.now + s.settings.ttl
                return release(s, &memory, "the server did not answer or could not write and was stopped")
            }),
        Rule(
            265, "down.crashed-synchronous", .leaderDown,
            when: "we hold the lock, the server has crashed, and a synchronous standby could lead",
            then: "give the lock back: the standby has every commit, and is there sooner than recovery here",
            { $0.iHoldTheLock && $0.isStopped && $0.o.server.crashedAt != nil && !$0.synchronousCandidates.isEmpty },
            { s, memory in
                let names = s.synchronousCandidates.joined(separator: ", ")
                return release(s, &memory, "the server crashed, and \(names) has every commit")
            }),
        Rule(
            268, "down.crash-loop", .leaderDown,
            when: "we hold the lock, the server has crashed three times in ten minutes, and a member could lead",
            then: "give the lock back",
            { $0.iHoldTheLock && $0.isStopped && $0.crashesAgainAndAgain && !$0.couldLead.isEmpty },
            { s, memory in
                let count = s.memory.crashes.count
                memory.crashes = []
                memory.abstainUntil = s.now + s.settings.ttl
                return release(s, &memory, "the server crashed \(count) times in ten minutes")
            }),
        Rule(
            83, "down.start-failed", .leaderDown,
            when: "we hold the lock, the start or restart has failed, and a member could lead",
            then: "give the lock back",
            { $0.iHoldTheLock && $0.isStopped && $0.startFailure != nil && !$0.couldLead.isEmpty },
            { s, memory in release(s, &memory, "the server does not start (\(s.startFailure?.message ?? ""))") }),
        Rule(
            84, "down.overdue", .leaderDown,
            when: "we hold the lock, the server is down for longer than primary_start_timeout, and a member could lead",
            then: "give the lock back",
            { $0.iHoldTheLock && $0.isStopped && $0.startIsOverdue && !$0.couldLead.isEmpty },
            { s, memory in
                release(s, &memory, "the server is down for more than \(s.settings.primaryStartTimeout.text)")
            }),
        StandbyClusterRules.down,
        Rule(
            85, "down.restart-primary", .leaderDown,
            when: "we hold the lock and the server is stopped as a primary",
            then: "start it again in place, on its timeline",
            { $0.iHoldTheLock && $0.isStopped && !$0.hasStandbySignal },
            { s, _ in
                let how = s.o.server.crashedAt != nil ? "crashed" : "is stopped"
                return Outcome(
                    .begin(.start(.primary)), reason: "the server \(how) and we hold the lock: starting it in place")
            }),
        Rule(
            86, "down.restart-standby", .leaderDown,
            when: "we hold the lock and the server is stopped as a standby",
            then: "start it; it is promoted when it is up",
            { $0.iHoldTheLock && $0.isStopped },
            { _, _ in
                Outcome(
                    .begin(.start(.standby(nil))),
                    reason: "we hold the lock and the server is a stopped standby: starting it to promote it")
            }),
    ]

    private static func release(
        _ s: Situation, _ memory: inout Memory, final: LSN? = nil, _ why: String
    ) -> Outcome {
        memory.releasedLock = s.leader?.createRevision
        memory.givesUp = false
        memory.leads = false
        return Outcome(.releaseLock(finalLSN: final), reason: final == nil ? "\(why): giving the lock back" : why)
    }
}

extension Situation {
    fileprivate var startFailure: Memory.Failure? { failure(of: .start) ?? failure(of: .restart) }

    /// Who may get the lock after an orderly stop: in synchronous mode a synchronous standby, unless a failover (no
    /// leader in the request) names another.
    fileprivate var successors: [String] {
        syncKey == nil || request?.leader == nil ? candidates : synchronousSuccessors
    }
    private var synchronousSuccessors: [String] {
        guard let sync = syncKey else { return [] }
        return candidates.filter { isVoter($0, sync) }
    }
}
