import Cluster

/// Which of two things is changed next: the key `sync` (who may be promoted) or `synchronous_standby_names` (whose
/// acknowledgement a commit waits for).
///
/// A commit that was acknowledged is on `count` of `names`. A member may take the lock when it has seen `quorum`
/// other `voters` and none of them is ahead of it, so when it knows `quorum + 1` of them. The two sets always meet
/// when `|voters ∪ names| <= count + quorum`; every step keeps that (the same invariant as Patroni's, where both
/// sets and the right side count the leader too). With `quorum` 0 and `count` = all names it says: the voters are
/// among those that have acknowledged everything, which is plain synchronous mode.
struct SyncResolver: Equatable {
    struct Key: Equatable {
        var voters: Set<String>
        var quorum: Int
        static let nobody = Key(voters: [], quorum: 0)
    }

    struct Names: Equatable {
        var names: Set<String>
        /// 0 without names: commits wait for nobody.
        var count: Int
        static let nobody = Names(names: [], count: 0)
    }

    enum Step: Equatable {
        case done
        case writeKey(Key)
        case setNames(Names)
        /// The names in force have not acknowledged everything of before yet.
        case wait
    }

    var key: Key
    var names: Names
    /// At least `count` of `names` have everything that was written before they were set.
    var isConfirmed: Bool

    /// The next step towards `goal`, whose names and voters are the same set.
    func step(towards goal: Names, quorum: Int) -> Step {
        let wanted = Key(voters: goal.names, quorum: goal.names.isEmpty ? 0 : quorum)
        if key == wanted, names == goal { return .done }
        guard meets(key, names) else {
            // Somebody else has changed one of them: put the names right for the key that stands.
            return .setNames(Names(names: key.voters, count: max(1, key.voters.count - key.quorum)))
        }
        if names != goal, meets(key, goal) { return .setNames(goal) }
        if key != wanted, allows(wanted) { return .writeKey(wanted) }
        let smaller = smallerKey(goal.names)
        if smaller != .nobody, smaller != key, smaller != wanted, allows(smaller) { return .writeKey(smaller) }
        // The key follows when the names have everything of before.
        if names == goal { return .wait }
        // More acknowledgements than wanted for the moment, so that the key can follow.
        let more = Names(names: goal.names, count: key.voters.union(goal.names).count - key.quorum)
        if names.names != more.names || names.count < more.count, more.count <= goal.names.count, meets(key, more) {
            return .setNames(more)
        }
        if names == more, !isConfirmed { return .wait }
        return key.voters.isEmpty ? .wait : .writeKey(.nobody)
    }

    /// Only those who are in both, with the smallest quorum that still protects.
    private func smallerKey(_ wanted: Set<String>) -> Key {
        let voters = key.voters.intersection(wanted)
        guard !voters.isEmpty else { return .nobody }
        let quorum = max(key.quorum, voters.union(names.names).count - names.count)
        return quorum < voters.count ? Key(voters: voters, quorum: quorum) : .nobody
    }

    func meets(_ key: Key, _ names: Names) -> Bool {
        key.voters.isEmpty || key.voters.union(names.names).count <= names.count + key.quorum
    }

    /// The key may be written: it goes with the names, and what was acknowledged before is safe under it.
    private func allows(_ new: Key) -> Bool {
        guard meets(new, names) else { return false }
        let added = new.voters.subtracting(key.voters).count
        // Any set that wins under the new key then contains one that wins under the present key.
        let isStricter = new.voters.isEmpty || (!key.voters.isEmpty && new.quorum - added >= key.quorum)
        return isStricter || isConfirmed
    }
}
