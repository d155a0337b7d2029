import Timekeeping

/// Our name on the leader key without a lock that is ours now.
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
    ]
}
