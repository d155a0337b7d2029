import Timekeeping

/// We hold the lock and the server is up: leading itself, then promotion.
enum LeadingRules {
    static let all: [Rule] = [
        Rule(
            250, "lead.no-watchdog", .leading,
            when: "we hold the lock, the server is a primary, and the watchdog that is required cannot be used",
            then: "stop the server at once; the lock is given back next", isUrgent: true,
            { $0.iHoldTheLock && $0.iAmPrimary && $0.lacksWatchdog && !$0.isPaused },
            { s, _ in
                Outcome(
                    .begin(.demote(.immediate)),
                    reason: "\(s.watchdogText), and it is required: stopping the server")
            }),
        Rule(
            270, "lead.cannot-write", .leading,
            when: "we hold the lock, the primary has ended no write for ttl, and a member that has the log could lead",
            then: "stop the server at once; the lock goes to the other member next", isUrgent: true,
            { $0.iHoldTheLock && $0.cannotWrite && !$0.isPaused && !$0.healthyCandidates.isEmpty },
            { s, memory in
                memory.givesUp = true
                let since = s.primary?.writesHangSince.map { (s.now - $0).text } ?? ""
                return Outcome(
                    .begin(.demote(.immediate)),
                    reason: "no write has ended for \(since) and \(s.healthyCandidates.joined(separator: ", ")) "
                        + "could lead: stopping the server")
            }),
        Rule(
            271, "lead.cannot-write-alone", .leading,
            when: "we hold the lock, the primary has ended no write for ttl, and nobody else could lead (or paused)",
            then: "lead on, and say so",
            { $0.iHoldTheLock && $0.cannotWrite },
            { s, _ in
                let since = s.primary?.writesHangSince.map { (s.now - $0).text } ?? ""
                return Outcome(
                    reason: "no write has ended for \(since) (full or hung disk?), and nobody else could lead")
            }),
        Rule(
            201, "request.waits", .leading,
            when: "we lead, and the request is for a later moment",
            then: "lead on until then",
            { s in
                guard s.iHoldTheLock, s.iAmPrimary, s.request != nil else { return false }
                switch s.requestSchedule {
                case .later, .unknown: return true
                case .now, .stale, .unreadable: return false
                }
            },
            { s, _ in
                guard case .later(let time) = s.requestSchedule else {
                    return Outcome(reason: "\(s.requestText) is scheduled, and the time of day is not known here")
                }
                return Outcome(reason: "\(s.me) leads with the lock; \(s.requestText) in \(time.text)")
            }),
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
            { $0.iHoldTheLock && $0.isSilentTooLong && !$0.couldLead.isEmpty },
            { s, memory in
                memory.givesUp = true
                let silence = s.unresponsiveSince.map { (s.now - $0).text } ?? ""
                return Outcome(
                    .begin(.demote(.immediate)),
                    reason: "the server has not answered for \(silence) and "
                        + "\(s.couldLead.joined(separator: ", ")) could lead: stopping it")
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
            254, "promote.no-watchdog", .leading,
            when: "we hold the lock, the server is a standby, and the watchdog that is required cannot be used",
            then: "give the lock back",
            { $0.iHoldTheLock && $0.iAmStandby && $0.lacksWatchdog },
            { s, memory in
                memory.releasedLock = s.leader?.createRevision
                memory.abstainUntil = s.now + s.settings.ttl
                return Outcome(.releaseLock(finalLSN: nil), reason: "\(s.watchdogText): giving the lock back")
            }),
        Rule(
            260, "promote.sync-key", .leading,
            when: "we hold the lock, the server is a standby, and `sync` names another leader",
            then: "make it ours before the promotion: those who have every commit so far stay in it",
            { $0.iHoldTheLock && $0.iAmStandby && $0.identity == .matches && $0.mustWriteSyncForPromotion },
            { s, _ in
                let key = s.syncKeyForPromotion ?? .nobody
                return Outcome(
                    .writeSync(
                        leader: s.me, standbys: key.voters.sorted(), quorum: key.quorum,
                        expecting: s.view?.sync?.modRevision ?? 0),
                    reason: "\(s.me) holds the lock: writing that to sync before the promotion",
                    wake: s.now + .milliseconds(200))
            }),
        Rule(
            261, "promote.sync-names", .leading,
            when: "we hold the lock, the server is a standby, and its synchronous_standby_names do not fit `sync`",
            then: "set them before the promotion: the first commits wait for those in `sync`",
            { s in
                guard s.iHoldTheLock, s.iAmStandby, s.identity == .matches, let names = s.namesForPromotion,
                    let inForce = s.standby?.synchronousStandbys
                else { return false }
                return names != inForce
            },
            { s, _ in
                let names = s.namesForPromotion ?? .none
                return Outcome(
                    .setSynchronousStandbys(names),
                    reason: "\(s.me) holds the lock: synchronous_standby_names = '\(names)' before the promotion",
                    wake: s.now + .milliseconds(200))
            }),
        Rule(
            75, "promote.begin", .leading,
            when: "we hold the lock and the server is a standby",
            then: "promote it",
            { $0.iHoldTheLock && $0.iAmStandby && $0.identity == .matches },
            { s, _ in
                let reason = "\(s.me) holds the lock: promoting at \(s.standby?.lsn ?? .zero)"
                // Where the names in force cannot be seen they are set anyway, before the first commit.
                guard let names = s.namesForPromotion, s.standby?.synchronousStandbys == nil else {
                    return Outcome(.begin(.promote), reason: reason)
                }
                return Outcome(.setSynchronousStandbys(names), .begin(.promote), reason: reason)
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

