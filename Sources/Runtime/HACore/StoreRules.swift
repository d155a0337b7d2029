import Timekeeping

/// What to do while the store says nothing, or nothing usable.
enum StoreRules {
    static let all: [Rule] = [
        Rule(
            20, "store.unknown", .store,
            when: "the store has not been read since the agent started",
            then: "leave the server as it is; the guard's deadline still holds",
            { $0.o.store == .unknown },
            { _, _ in Outcome(reason: "the store has not been read yet; the server stays as it is") }),
        Rule(
            21, "store.lost-near-deadline", .store,
            when: "the store is out of reach, we lead, and a quarter of ttl is left until the lease's deadline",
            then: "stop the server in an orderly way before the deadline",
            isUrgent: true,
            { s in
                !s.isPaused && s.storeIsUnreachable && s.mayBePrimary && !s.isBusy
                    && s.leadDeadline.map { $0 - s.fastStopReserve <= s.now } ?? false
            },
            { s, _ in
                let left = s.leadDeadline.map { ($0 - s.now).text } ?? "0s"
                return Outcome(
                    .begin(.demote(.offline)),
                    reason: "the store is out of reach and the lease ends in \(left): stopping before that")
            }),
        Rule(
            273, "store.regressed", .store,
            when: "the store shows an older state than before",
            then: "believe nothing it says: promote, demote and follow nobody; the lease's deadline still holds",
            { if case .regressed = $0.o.store { true } else { false } },
            { s, _ in
                guard case .regressed(_, let why) = s.o.store else { return Outcome(reason: "the store went back") }
                return Outcome(
                    reason: "the store went back in time (\(why)); the server stays as it is until a person has looked",
                    wake: s.mayBePrimary ? s.leadDeadline.map { $0 - s.fastStopReserve } : nil)
            }),
        Rule(
            22, "store.lost-leading", .store,
            when: "the store is out of reach, we lead, and the lease's deadline is not near",
            then: "lead on, and look again when the deadline is near",
            { s in s.storeIsUnreachable && s.mayBePrimary && s.leadDeadline != nil },
            { s, _ in
                let deadline = s.leadDeadline ?? s.now
                return Outcome(
                    reason: s.isBusy
                        ? "the store is out of reach; \(s.runningOperation?.text ?? "") under way"
                        : "the store is out of reach; leading on, the lease holds for \((deadline - s.now).text)",
                    wake: deadline - s.fastStopReserve)
            }),
        Rule(
            292, "store.lost-unled", .store,
            when: "the store is out of reach, the server is a primary of the scope's system identifier without a lock, a "
                + "guard's deadline or a promise (after a pause), and there are other members",
            then: "stop the server: another member may take the lock unseen, and nothing else would stop this one",
            isUrgent: true,
            { !$0.isPaused && !$0.isBusy && $0.isUnledPrimary },
            { _, _ in
                Outcome(
                    .begin(.demote(.offline)),
                    reason: "the store is out of reach and this primary has no lock: stopping before another leads")
            }),
        Rule(
            23, "store.lost", .store,
            when: "the store is out of reach and we do not lead",
            then: "leave the server as it is, its upstream included",
            { $0.storeIsUnreachable },
            { _, _ in Outcome(reason: "the store is out of reach; the server stays as it is") }),
        Rule(
            24, "store.leader-key-broken", .store,
            when: "the leader key is empty or hangs on no lease, so that no member can have written it",
            then: "leave the server as it is until the key is repaired or removed",
            { !$0.leaderKeyIsSound },
            { s, _ in
                Outcome(
                    reason: "the leader key (\"\(s.leaderName)\") hangs on no lease, so that no member has written "
                        + "it; remove it by hand")
            }),
        Rule(
            274, "store.failsafe-promise", .store,
            when: "nobody has the lock, and we have promised a leader that it may lead on without the store",
            then: "keep the promise until it ends: take part in no race, follow nobody else",
            { $0.promisedLeader != nil && !$0.iAmPrimary },
            { s, _ in
                guard let promise = s.promisedLeader else { return Outcome(reason: "no promise") }
                return Outcome(
                    reason: "\(promise.leader) leads on without the store; it was promised "
                        + "\((promise.until - s.now).text) more",
                    wake: promise.until)
            }),
    ]
}

extension Situation {
    /// A primary of this scope that neither lease nor guard nor promise bounds, by the last view of a store that is gone.
    fileprivate var isUnledPrimary: Bool {
        guard case .unreachable(_, let last?) = o.store, iAmPrimary, leadDeadline == nil, settings.standbyCluster == nil,
            let data, last.initialize == data.systemIdentifier.description
        else { return false }
        return last.members.contains { $0.name != me }
    }
}
