import PostgresModel
import Timekeeping

/// Nobody leads, and this server is not a running standby.
enum LeaderlessRules {
    static let all: [Rule] = [
        Rule(
            109, "leaderless.unproven", .leaderless,
            when: "nobody leads, the server is up, and its data directory cannot be read",
            then: "wait: no role without the system identifier",
            { $0.isLeaderless && !$0.isStopped && $0.data == nil },
            { _, _ in Outcome(reason: "nobody leads, and this server's system identifier is not known") }),
        Rule(
            110, "leaderless.primary-behind", .leaderless,
            when: "nobody leads, the server is a primary, and the cluster has been on a higher timeline (with "
                + "check_timeline; without it, if more than maximum_lag_on_failover of that is missing here)",
            then: "do not take the lock: a member of the higher timeline must",
            { $0.isLeaderless && $0.iAmPrimary && ($0.isBehindTimeline || $0.isLaggingPrimary) },
            { s, _ in
                Outcome(
                    reason: "timeline \(s.primary?.timeline?.description ?? "?") here, "
                        + "\(s.view?.timeline?.description ?? "?") in history: an old primary does not lead")
            }),
        Rule(
            264, "leaderless.primary-not-synchronous", .leaderless,
            when: "nobody leads, the server is a primary, and it could lack commits of the last leader (synchronous mode)",
            then: "do not take the lock",
            { $0.isLeaderless && $0.iAmPrimary && $0.isNotSynchronous },
            { s, _ in
                Outcome(reason: "\(s.syncText): this primary could lack commits and does not take the lock")
            }),
        Rule(
            253, "leaderless.primary-no-watchdog", .leaderless,
            when: "nobody leads, the server is a primary, and the watchdog that is required cannot be used",
            then: "do not take the lock; the server stays as it is",
            { $0.isLeaderless && $0.iAmPrimary && $0.lacksWatchdog },
            { s, _ in Outcome(reason: "\(s.watchdogText), and it is required: not taking the lock") }),
        Rule(
            294, "leaderless.primary-unled", .leaderless,
            when: "nobody leads, the server is a primary without a lease, a guard's deadline or a promise for longer than "
                + "retry_timeout (after a pause), and there are other members",
            then: "stop the server: another member may take the lock before we hear of it; it joins the race as a standby",
            isUrgent: true,
            { s in
                s.isLeaderless && s.iAmPrimary && !s.leaseIsValid && s.leadDeadline == nil && !s.isPaused
                    && s.leaderlessFor >= s.settings.retryTimeout && !s.otherMembers.isEmpty
            },
            { s, _ in
                Outcome(
                    .begin(.demote(.offline)),
                    reason: "nobody leads for \(s.leaderlessFor.text) and this primary gets no lease: stopping before "
                        + "another member leads")
            }),
        Rule(
            111, "leaderless.primary-no-lease", .leaderless,
            when: "nobody leads, the server is a primary, and we have no valid lease",
            then: "wait for a lease; the server stays as it is",
            { $0.isLeaderless && $0.iAmPrimary && !$0.leaseIsValid },
            { _, _ in Outcome(reason: "nobody leads and this is the primary; waiting for a lease to take the lock") }),
        Rule(
            112, "leaderless.primary-acquire", .leaderless,
            when: "nobody leads, the server is a primary of this system identifier, and our lease is valid",
            then: "take the lock; the server is not touched",
            { $0.isLeaderless && $0.iAmPrimary },
            { s, _ in Outcome(.acquireLock, reason: "nobody leads and \(s.me) is the primary: taking the lock") }),
        Rule(
            295, "leaderless.restore", .leaderless,
            when: "nobody leads, the cluster is known, the data directory is empty, and a method that makes replicas "
                + "works without a leader (no_leader)",
            then: "make a copy by that; it takes part in the next race",
            {
                $0.isLeaderless && $0.isStopped && $0.dataIsEmpty && $0.identity == .noData && !$0.isPaused
                    && $0.settings.restoresWithoutLeader
            },
            { _, _ in
                Outcome(.begin(.clone(from: .archive)), reason: "no data here and nobody leads: restoring without a leader")
            }),
        Rule(
            113, "leaderless.no-data", .leaderless,
            when: "nobody leads and the data directory is empty or cannot be read",
            then: "wait for a leader",
            { $0.isLeaderless && $0.isStopped && $0.data == nil },
            { s, _ in
                Outcome(
                    reason: s.dataIsEmpty
                        ? "no data here and nobody leads; waiting for a leader to copy"
                        : "the data directory cannot be read and nobody leads")
            }),
        Rule(
            114, "leaderless.handed-over", .leaderless,
            when: "nobody leads, the server is stopped, and we have just handed over",
            then: "wait up to loop_wait for the successor",
            { $0.isLeaderless && $0.isStopped && $0.handedOver && $0.leaderlessFor < $0.settings.loopWait },
            { s, _ in
                Outcome(
                    reason: "\(s.requestText): waiting for the successor",
                    wake: s.memory.leaderlessSince.map { $0 + s.settings.loopWait })
            }),
        Rule(
            115, "leaderless.start", .leaderless,
            when: "nobody leads and the server is stopped",
            then: "start it as a standby, so that it can take part in the race",
            { $0.isLeaderless && $0.isStopped },
            { _, _ in
                Outcome(.begin(.start(.standby(nil))), reason: "nobody leads: starting as a standby to join the race")
            }),
        Rule(
            116, "leaderless.wait", .leaderless,
            when: "nobody leads and the server is starting, stopping or not answering",
            then: "wait",
            { $0.isLeaderless && $0.isBetween },
            { s, _ in Outcome(reason: "nobody leads; the server is \(s.betweenWord)") }),
    ]
}

extension Situation {
    /// The request is one by which this member gave the lock away.
    var handedOver: Bool { request?.leader == me }
}
