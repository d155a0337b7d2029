import Timekeeping

/// We hold the lock and the server is up: requests first, then leading itself, then promotion.
enum LeadingRules {
    static let requests: [Rule] = [
        Rule(
            60, "request.done", .requests,
            when: "we lead, and the request names us as the candidate",
            then: "clear it: it is done",
            { $0.iHoldTheLock && $0.iAmPrimary && $0.request?.candidate == $0.me },
            { s, _ in clear(s, "done: \(s.me) leads") }),
        Rule(
            61, "request.stale", .requests,
            when: "we lead, and the request names another member as the leader",
            then: "clear it: the leader has changed since",
            { s in s.iHoldTheLock && s.iAmPrimary && s.request?.leader.map { $0 != s.me } ?? false },
            { s, _ in clear(s, "the leader is \(s.me) now") }),
        Rule(
            62, "request.scheduled", .requests,
            when: "we lead, and the request is for a later moment",
            then: "clear it: scheduled switchovers are not carried out",
            { $0.iHoldTheLock && $0.iAmPrimary && $0.request?.scheduledAt != nil },
            { s, _ in clear(s, "scheduled switchovers are not supported") }),
        Rule(
            63, "request.failed", .requests,
            when: "we lead, and the demotion for the request has failed",
            then: "clear the request and lead on",
            { $0.iHoldTheLock && $0.iAmPrimary && $0.request != nil && $0.failure(of: .demote) != nil },
            { s, memory in
                let message = s.failure(of: .demote)?.message ?? ""
                memory.failures[.demote] = nil
                return clear(s, "the demotion failed: \(message)")
            }),
        Rule(
            64, "request.ask", .requests,
            when: "we lead, a request is open, and nobody's state is known",
            then: "ask the other members where they are",
            { $0.canSwitch && $0.successor == .ask },
            { s, _ in Outcome(.askPeers, reason: "\(s.requestText): asking the members where they are") }),
        Rule(
            65, "request.awaiting", .requests,
            when: "we lead, a request is open, and answers are missing",
            then: "wait for them and lead on",
            { s in if s.canSwitch, case .awaiting = s.successor { true } else { false } },
            { s, _ in
                Outcome(
                    reason: "\(s.requestText): waiting for the members' answers",
                    wake: s.usableRound.map { $0 + Situation.reportLifetime })
            }),
        Rule(
            66, "request.impossible", .requests,
            when: "we lead, a request is open, and no member could take over",
            then: "clear the request with the reason of each",
            { s in if s.canSwitch, case .none = s.successor { true } else { false } },
            { s, _ in
                guard case .none(let why) = s.successor else { return clear(s, "impossible") }
                return clear(s, "impossible: \(why)")
            }),
        Rule(
            67, "request.begin", .requests,
            when: "we lead, a request is open, and a member could take over",
            then: "checkpoint and stop the server; the lock follows when it is down",
            { s in if s.canSwitch, case .found = s.successor { true } else { false } },
            { s, memory in
                guard case .found(let names) = s.successor else { return Outcome(reason: "nobody to hand over to") }
                return Outcome(
                    .begin(.demote(.switchover(candidate: s.request?.candidate))),
                    reason: "\(s.requestText): stopping to hand over to \(names.joined(separator: " or "))")
            }),
    ]

    private static func clear(_ s: Situation, _ why: String) -> Outcome {
        Outcome(.clearFailover(reason: why), reason: "\(s.requestText) cleared: \(why)")
    }

    static let leading: [Rule] = [
        Rule(
            70, "lead.unguarded", .leading,
            when: "we hold the lock, the server is a primary, and no guard answers",
            then: "lead on, and say so: nothing would stop the server if this agent hung",
            { $0.iHoldTheLock && $0.iAmPrimary && $0.o.guardian == .absent },
            { s, _ in Outcome(reason: "\(s.me) leads without a guard: a hanging agent would not be fenced") }),
        Rule(
            71, "lead.steady", .leading,
            when: "we hold the lock and the server is a primary",
            then: "lead on",
            { $0.iHoldTheLock && $0.iAmPrimary },
            { s, _ in Outcome(reason: "\(s.me) leads with the lock") }),
        Rule(
            72, "lead.silent", .leading,
            when: "we hold the lock, the server has answered nothing for ttl, and a member could lead",
            then: "stop the server at once; the lock goes to the other member next", isUrgent: true,
            { $0.iHoldTheLock && $0.isSilentTooLong && !$0.candidates.isEmpty },
            { s, memory in
                memory.givesUp = true
                let silence = s.unresponsiveSince.map { (s.now - $0).text } ?? ""
                return Outcome(
                    .begin(.demote(.immediate)),
                    reason: "the server has not answered for \(silence) and "
                        + "\(s.candidates.joined(separator: ", ")) could lead: stopping it")
            }),
        Rule(
            73, "lead.wait", .leading,
            when: "we hold the lock and the server is starting, stopping or not answering",
            then: "wait, keeping the lock",
            { $0.iHoldTheLock && $0.isBetween },
            { s, _ in
                Outcome(
                    reason: "the server is \(s.betweenWord); keeping the lock",
                    wake: s.unresponsiveSince.map { $0 + s.silenceLimit }
                        ?? s.memory.leaderDownSince.map { $0 + s.settings.primaryStartTimeout })
            }),
        Rule(
            74, "promote.failed", .leading,
            when: "we hold the lock, the server is a standby, and its promotion has failed",
            then: "stop it at once, for PostgreSQL may go on with the promotion by itself; the lock is given back next",
            isUrgent: true,
            { $0.iHoldTheLock && $0.iAmStandby && $0.failure(of: .promote) != nil },
            { s, _ in
                let message = s.failure(of: .promote)?.message ?? ""
                return Outcome(
                    .begin(.demote(.immediate)), reason: "the promotion failed (\(message)): stopping the server")
            }),
        Rule(
            75, "promote.begin", .leading,
            when: "we hold the lock and the server is a standby",
            then: "promote it",
            { $0.iHoldTheLock && $0.iAmStandby && $0.identity == .matches },
            { s, _ in
                Outcome(.begin(.promote), reason: "\(s.me) holds the lock: promoting at \(s.standby?.lsn ?? .zero)")
            }),
        Rule(
            76, "promote.unproven", .leading,
            when: "we hold the lock, the server is a standby, and its system identifier is not known",
            then: "give the lock back: no standby promotes without that",
            { $0.iHoldTheLock && $0.iAmStandby },
            { s, memory in
                memory.releasedLock = s.leader?.createRevision
                memory.abstainUntil = s.now + s.settings.ttl
                return Outcome(
                    .releaseLock(finalLSN: nil), reason: "the system identifier is not known: giving the lock back")
            }),
    ]
}

extension Situation {
    fileprivate var canSwitch: Bool { iHoldTheLock && iAmPrimary && requestIsForMe }
}
