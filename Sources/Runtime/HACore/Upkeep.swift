import PostgresModel

/// What goes with every decision: all rows that match add their action.
enum Upkeep {
    static let all: [UpkeepRule] = [
        UpkeepRule(
            id: RuleID(1, "guard.arm"),
            when: "we hold the lock (or held it when the store was last seen, or found the server under a guard that has "
                + "been lost since), are not paused, neither stop the server nor give the lock back, and it is not the "
                + "standby that leads a standby cluster",
            then: "let the guard hold the lease's deadline"
        ) { s, decided in
            // A guard that was started anew while the store is out of reach must learn the deadline, too.
            let isOurs = s.iHoldTheLock || s.leadsByFailsafe || (s.storeIsUnreachable && s.memory.leads)
            guard isOurs || s.hasLostItsGuard, !s.isPaused, !s.leadsStandbyCluster,
                !decided.contains(where: \.endsLeading), let deadline = s.leadDeadline, deadline > s.now,
                s.o.guardian != .armed(deadline: deadline)
            else { return nil }
            return .armGuard(deadline)
        },
        UpkeepRule(
            id: RuleID(2, "guard.disarm"),
            when: "the guard is armed, and we are paused, or the server cannot be writable and the lock is not ours (or is "
                + "a standby cluster's)",
            then: "disarm the guard"
        ) { s, _ in
            guard case .armed = s.o.guardian else { return nil }
            let idle = !s.mayBePrimary && !s.iHoldTheLock && !s.leaderIsMyName && s.runningOperation != .promote
            let follows = s.leadsStandbyCluster && !s.isBusy
            return s.isPaused || idle || follows ? .disarmGuard : nil
        },
        UpkeepRule(
            id: RuleID(3, "slots.keep"),
            when: "we hold the lock and the server runs and is not being stopped; or it is a standby from which a member "
                + "of tag replicatefrom streams",
            then: "a replication slot exists for every member that streams from here (not for those tagged nostream)"
        ) { s, decided in
            guard s.view != nil, !decided.contains(where: \.endsLeading), !s.isBusy else { return nil }
            if s.iHoldTheLock, s.iAmPrimary || s.leadsStandbyCluster { return .keepSlots(for: s.downstreamMembers) }
            let members = s.iAmStandby && s.leaderIsAnother ? s.downstreamMembers : []
            return members.isEmpty ? nil : .keepSlots(for: members)
        },
        UpkeepRule(
            id: RuleID(4, "initialize.restore"),
            when: "we hold the lock, the server runs as the leader's does, and `initialize` is missing or invalid",
            then: "write our system identifier"
        ) { s, _ in
            guard s.iHoldTheLock, s.iAmPrimary || s.leadsStandbyCluster, s.identity == .uninitialised, let data = s.data
            else { return nil }
            return .writeInitialize(data.systemIdentifier, replacing: s.view?.initializeRevision ?? 0)
        },
        UpkeepRule(
            id: RuleID(5, "config.restore"),
            when: "we hold the lock, the server runs as the leader's does, and `config` is missing or no JSON object",
            then: "write the dynamic configuration that is in force here"
        ) { s, _ in
            guard s.iHoldTheLock, s.iAmPrimary || s.leadsStandbyCluster, (s.view?.config?.modRevision ?? 0) == 0
            else { return nil }
            return .restoreConfig
        },
        UpkeepRule(
            id: RuleID(6, "sync.step"),
            when: "we hold the lock, the server is a primary and is not being stopped, and `sync` or "
                + "synchronous_standby_names are not what synchronous mode wants",
            then: "the next one write that leads there and loses no commit on the way"
        ) { s, decided in
            guard s.iHoldTheLock, s.iAmPrimary, !decided.contains(where: \.endsLeading), !s.isBusy else { return nil }
            return s.syncAction
        },
        UpkeepRule(
            id: RuleID(7, "sync.own-names"),
            when: "`sync` is being removed, since synchronous mode is off",
            then: "synchronous_standby_names get the owner's value back"
        ) { _, decided in
            decided.contains { if case .removeSync = $0 { true } else { false } } ? .setSynchronousStandbys(nil) : nil
        },
    ]
}

extension Action {
    /// After this the server is not to be writable any more.
    fileprivate var endsLeading: Bool {
        switch self {
        case .releaseLock, .begin(.demote), .begin(.stop), .begin(.restart), .begin(.reinitialise): true
        default: false
        }
    }
}
