import PostgresModel

/// What goes with every decision: all rows that match add their action.
enum Upkeep {
    static let all: [UpkeepRule] = [
        UpkeepRule(
            id: RuleID(1, "guard.arm"),
            when: "we hold the lock (or held it when the store was last seen), are not paused, and neither stop the "
                + "server nor give the lock back",
            then: "let the guard hold the lease's deadline"
        ) { s, decided in
            // A guard that was started anew while the store is out of reach must learn the deadline, too.
            guard s.iHoldTheLock || (s.storeIsUnreachable && s.memory.leads), !s.isPaused, !decided.contains(where: \.endsLeading), let deadline = s.leaseDeadline,
                s.o.guardian != .armed(deadline: deadline)
            else { return nil }
            return .armGuard(deadline)
        },
        UpkeepRule(
            id: RuleID(2, "guard.disarm"),
            when: "the guard is armed, and we are paused or the server cannot be writable and the lock is not ours",
            then: "disarm the guard"
        ) { s, _ in
            guard case .armed = s.o.guardian else { return nil }
            let idle = !s.mayBePrimary && !s.iHoldTheLock && !s.leaderIsMyName && s.runningOperation != .promote
            return s.isPaused || idle ? .disarmGuard : nil
        },
        UpkeepRule(
            id: RuleID(3, "slots.keep"),
            when: "we hold the lock, the server is a primary, and it is not being stopped",
            then: "a replication slot exists for every other member"
        ) { s, decided in
            guard s.iHoldTheLock, s.iAmPrimary, !decided.contains(where: \.endsLeading), !s.isBusy else { return nil }
            return .keepSlots(for: s.otherMembers)
        },
        UpkeepRule(
            id: RuleID(4, "initialize.restore"),
            when: "we hold the lock, the server is a primary, and `initialize` is missing or invalid",
            then: "write our system identifier"
        ) { s, _ in
            guard s.iHoldTheLock, s.iAmPrimary, s.identity == .uninitialised, let data = s.data else { return nil }
            return .writeInitialize(data.systemIdentifier, replacing: s.view?.initializeRevision ?? 0)
        },
    ]
}

extension Action {
    /// After this the server is not to be writable any more.
    fileprivate var endsLeading: Bool {
        switch self {
        case .releaseLock, .begin(.demote), .begin(.stop): true
        default: false
        }
    }
}
