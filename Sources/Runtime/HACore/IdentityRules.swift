import PostgresModel

/// No role is taken or given before the system identifier is known to be the scope's.
enum IdentityRules {
    static let all: [Rule] = [
        Rule(
            30, "identity.mismatch-leading", .identity,
            when: "we hold the lock and the store's system identifier is not this server's",
            then: "keep the lock and the server; somebody has changed `initialize`",
            { $0.isMismatch && $0.iHoldTheLock },
            { s, _ in Outcome(reason: "\(mismatch(s)); leading on, put the initialize key right") }),
        Rule(
            31, "identity.mismatch", .identity,
            when: "the store's system identifier is not this server's",
            then: "never touch the server's role",
            { $0.isMismatch },
            { s, _ in Outcome(reason: "\(mismatch(s)); this server belongs to another cluster and is left alone") }),
        Rule(
            293, "identity.deleted", .identity,
            when: "nobody leads, the scope has no system identifier any more, and this primary has led it until now",
            then: "write our system identifier again: somebody has deleted the keys of a running cluster",
            { $0.identity == .uninitialised && $0.isLeaderless && $0.memory.leads && $0.iAmPrimary && $0.data != nil },
            { s, _ in
                var outcome = Outcome(
                    reason: "somebody has deleted the keys of this running cluster; making it known again")
                if let data = s.data {
                    outcome.actions = [
                        .writeInitialize(data.systemIdentifier, replacing: s.view?.initializeRevision ?? 0)
                    ]
                }
                return outcome
            }),
        Rule(
            32, "identity.uninitialised-primary", .identity,
            when: "the scope has no system identifier, nobody of us holds the lock, and the server may be writable",
            then: "wait until adoption has written `initialize`",
            { $0.identity == .uninitialised && !$0.leaderIsMyName && $0.mayBePrimary },
            { _, _ in Outcome(reason: "the scope is not initialised yet; the primary is left alone until it is") }),
        Rule(
            33, "identity.uninitialised", .identity,
            when: "the scope has no system identifier and the server is a standby, stopped or not there",
            then: "wait; a standby never promotes in a scope that is not initialised",
            { $0.identity == .uninitialised && !$0.leaderIsMyName },
            { _, _ in Outcome(reason: "the scope is not initialised; waiting, a standby does not initialise it") }),
    ]

    private static func mismatch(_ s: Situation) -> String {
        guard case .mismatch(let store, let local) = s.identity else { return "system identifiers differ" }
        return "system identifier mismatch: the store says \(store), the data directory \(local)"
    }
}
