import PostgresModel
import Timekeeping

/// Nobody leads and this server is a running standby: who may take the lock. Several may try; the
/// transaction in the store lets one through.
enum RaceRules {
    static let all: [Rule] = [
        Rule(
            290, "race.let-go", .race,
            when: "nobody leads, and this standby's upstream is the last leader (quorum mode)",
            then: "take the upstream away by reload, before it gives or asks for a vote: a former primary that nothing "
                + "can stop gets no acknowledgement any more",
            { $0.acknowledgesLastLeader && !$0.isPaused },
            { s, _ in
                Outcome(
                    .stopStreaming,
                    reason: "nobody leads: \(s.standby?.upstream?.name ?? "") gets no acknowledgement from here any more",
                    wake: s.now + .milliseconds(20))
            }),
        Rule(
            119, "race.not-in-failsafe", .race,
            when: "nobody leads, failsafe mode is on, and this member is not in the list of those whom the last leader asks",
            then: "stay out, for that leader may lead on without having asked us, until all in the list say that they "
                + "do not lead",
            { $0.isLeaderless && $0.iAmStandby && $0.isOutsideFailsafe },
            { s, _ in s.askingAgain("nobody leads; \(s.me) is not in the failsafe list, waiting for those who are") }),
        Rule(
            120, "race.not-allowed", .race,
            when: "nobody leads and this member is tagged nofailover or has priority 0",
            then: "stay out, keeping the upstream",
            { !$0.settings.mayLead },
            { _, _ in Outcome(reason: "nobody leads; this member may not (nofailover), waiting for another") }),
        Rule(
            252, "race.no-watchdog", .race,
            when: "nobody leads and the watchdog that is required cannot be used",
            then: "stay out",
            { $0.lacksWatchdog },
            { s, _ in Outcome(reason: "nobody leads; \(s.watchdogText): staying out of the race") }),
        Rule(
            262, "race.not-synchronous", .race,
            when: "nobody leads, and this member could lack commits that were acknowledged (synchronous mode), unless "
                + "a failover that was asked for since then names it",
            then: "stay out",
            { $0.isNotSynchronous },
            { s, _ in
                Outcome(
                    reason: "nobody leads; \(s.syncText): \(s.me) could lack commits and stays out of the race; a "
                        + "failover to it by name would accept the loss")
            }),
        Rule(
            121, "race.no-lease", .race,
            when: "nobody leads and we have no valid lease",
            then: "wait for a lease",
            { !$0.leaseIsValid },
            { _, _ in Outcome(reason: "nobody leads; waiting for a lease of our own") }),
        Rule(
            122, "race.abstaining", .race,
            when: "nobody leads and we gave the lock back less than ttl ago because the promotion failed",
            then: "stay out until then",
            { s in s.memory.abstainUntil.map { $0 > s.now } ?? false },
            { s, _ in
                let until = s.memory.abstainUntil ?? s.now
                return Outcome(reason: "staying out of the race for \((until - s.now).text)", wake: until)
            }),
        Rule(
            123, "race.replay-paused", .race,
            when: "nobody leads, and replay is paused or delayed (recovery_min_apply_delay) here",
            then: "stay out: the operator holds this standby back",
            { $0.standby.map { $0.isReplayPaused || $0.applyDelay > .zero } ?? false },
            { s, _ in
                let isPaused = s.standby?.isReplayPaused ?? false
                let how = isPaused ? "paused" : "delayed by \(s.standby?.applyDelay.text ?? "")"
                return Outcome(reason: "nobody leads; replay is \(how) here, staying out of the race")
            }),
        Rule(
            124, "race.timeline-behind", .race,
            when: "nobody leads and the cluster has been on a higher timeline than this standby",
            then: "stay out",
            { $0.isBehindTimeline },
            { s, _ in
                Outcome(
                    reason: "timeline \(s.standby?.timeline?.description ?? "?") here, "
                        + "\(s.view?.timeline?.description ?? "?") in history: staying out of the race")
            }),
        Rule(
            125, "race.handed-over", .race,
            when: "nobody leads and this member has handed over less than ttl ago",
            then: "leave the others the first try",
            { $0.handedOver && $0.leaderlessFor < $0.settings.ttl },
            { s, _ in
                Outcome(
                    reason: "\(s.requestText): leaving the others the first try",
                    wake: s.memory.leaderlessSince.map { $0 + s.settings.ttl })
            }),
        Rule(
            126, "race.candidate-behind", .race,
            when: "nobody leads, the request names us, and we do not have the leader's last position yet",
            then: "wait for it, up to ttl",
            { $0.iAmTheCandidate && $0.lag > ByteCount(0) && $0.leaderlessFor < $0.settings.ttl },
            { s, _ in
                // No event tells of the last bytes of replay, so that this one wait looks again by itself.
                Outcome(reason: "\(s.requestText): \(s.lag) are still missing here", wake: s.now + .milliseconds(50))
            }),
        Rule(
            127, "race.candidate", .race,
            when: "nobody leads, the request names us, and we have everything the leader had (not in quorum mode)",
            then: "take the lock",
            { $0.iAmTheCandidate && $0.lag == ByteCount(0) && ($0.syncKey == nil || !$0.isQuorum) },
            { s, _ in Outcome(.acquireLock, reason: "\(s.requestText): everything is here, taking the lock") }),
        Rule(
            128, "race.lagging", .race,
            when: "nobody leads and this standby is further behind than maximum_lag_on_failover (not in synchronous "
                + "mode, which asks for every commit instead)",
            then: "stay out",
            { $0.lag > $0.settings.maximumLagOnFailover && $0.syncKey == nil },
            { s, _ in
                Outcome(
                    reason: "\(s.lag) behind \(s.lastOptime ?? .zero), more than the "
                        + "\(s.settings.maximumLagOnFailover) allowed: staying out of the race")
            }),
        Rule(
            291, "race.nobody-known", .race,
            when: "nobody leads, the store names no other member, and this agent has seen no leader since it started "
                + "(restored or emptied store, all hosts back after a power failure)",
            then: "give the others ttl to say that they are there",
            { $0.knowsNobodyYet && $0.leaderlessFor < $0.settings.ttl },
            { s, _ in
                Outcome(
                    reason: "nobody leads and no other member is known yet: waiting for them",
                    wake: s.memory.leaderlessSince.map { $0 + s.settings.ttl })
            }),
        Rule(
            129, "race.ask", .race,
            when: "nobody leads and there is no fresh report of the other members",
            then: "ask every other member where it is",
            { $0.raceVerdict == .ask },
            { s, _ in Outcome(.askPeers, reason: "nobody leads: asking the others where they are") }),
        Rule(
            130, "race.primary-alive", .race,
            when: "nobody leads and a member says that it still runs as a primary",
            then: "do not take the lock; ask again after a second",
            { s in if case .primaryAlive = s.raceVerdict { true } else { false } },
            { s, _ in
                guard case .primaryAlive(let name) = s.raceVerdict else { return Outcome(reason: "") }
                return s.askingAgain("\(name) still runs as a primary")
            }),
        Rule(
            269, "race.forced", .race,
            when: "nobody leads, a failover that was asked for since then names us, and no member runs as a primary",
            then: "take the lock, whoever is ahead: that was asked for",
            { $0.iAmForced },
            { s, _ in
                let lag = s.lag > ByteCount(0) ? ", \(s.lag) of the last leader's log are lost" : ""
                return Outcome(.acquireLock, reason: "\(s.requestText)\(lag): taking the lock")
            }),
        Rule(
            131, "race.behind", .race,
            when: "nobody leads and a member that may lead has more of the log",
            then: "leave it the lock; ask again after a second",
            { s in if case .behind = s.raceVerdict { true } else { false } },
            { s, _ in
                guard case .behind(let name, let timeline, let lsn) = s.raceVerdict else { return Outcome(reason: "") }
                let on = timeline.map { " on timeline \($0)" } ?? ""
                return s.askingAgain("\(name) is ahead (\(lsn)\(on), here \(s.standby?.lsn ?? .zero))")
            }),
        Rule(
            132, "race.priority", .race,
            when: "nobody leads and a member with the same log has a higher failover_priority",
            then: "leave it the lock for ttl; ask again after a second",
            { s in if case .lessPreferred = s.raceVerdict { true } else { false } },
            { s, _ in
                guard case .lessPreferred(let name, let priority) = s.raceVerdict else { return Outcome(reason: "") }
                return s.askingAgain("\(name) has the same log and a higher priority (\(priority))")
            }),
        Rule(
            133, "race.awaiting", .race,
            when: "nobody leads and answers are missing (the former leader's is waited for half a second only)",
            then: "wait for them",
            { s in if case .awaiting = s.raceVerdict { true } else { false } },
            { s, _ in
                guard case .awaiting(let names) = s.raceVerdict else { return Outcome(reason: "") }
                return Outcome(
                    reason: "nobody leads; waiting for \(names.joined(separator: ", "))",
                    wake: s.usableRound.map { round in
                        s.now - round < Situation.formerLeaderGrace
                            ? round + Situation.formerLeaderGrace : round + Situation.reportLifetime
                    })
            }),
        Rule(
            263, "race.votes", .race,
            when: "nobody leads, and too few of the quorum's members have answered without being ahead (quorum mode)",
            then: "do not take the lock: a commit could be on those who are silent; ask again after a second",
            { s in if case .tooFewVotes = s.raceVerdict { true } else { false } },
            { s, _ in
                guard case .tooFewVotes(let votes, let needed) = s.raceVerdict else { return Outcome(reason: "") }
                return s.askingAgain(
                    "\(s.syncText): \(votes) of the \(needed) answers needed from members that are not ahead",
                    after: s.aVoterIsAttached ? .milliseconds(50) : Situation.askAgainAfter)
            }),
        Rule(
            134, "race.for-the-candidate", .race,
            when: "nobody leads and the request names another member that answers and may lead",
            then: "leave it the lock for ttl; ask again after a second",
            { s in
                guard let name = s.candidateIsAnother, let answer = s.answer(of: name) else { return false }
                return answer.mayLead && s.leaderlessFor < s.settings.ttl
            },
            { s, _ in s.askingAgain("\(s.requestText): the lock is for \(s.candidateIsAnother ?? "")") }),
        Rule(
            135, "race.acquire", .race,
            when: "nobody leads, no member has more of the log, and no primary is alive",
            then: "take the lock; the promotion follows when it is ours",
            { $0.isLeaderless && $0.iAmStandby },
            { s, _ in
                let position = s.standby?.lsn ?? .zero
                return Outcome(
                    .acquireLock, reason: "nobody leads and nobody is ahead of \(position): taking the lock")
            }),
    ]
}
