import Cluster
import Etcd
import JSON
import PostgresModel

/// The writes of Patroni 4.1 to etcd with their conditions. Each throws an `EtcdError` when it was certainly not
/// carried out because the store could not be asked; `leaseNotFound` when the lease is gone.
extension ClusterStore {
    // MARK: The lock

    /// Creates the leader key under our lease, only if there is none.
    @discardableResult
    public func acquireLock(lease: Int64) async throws -> WriteOutcome {
        let key = paths.key("leader")
        return try await carryOut(
            compares: [.absent(key)], success: [.put(key: key, value: name, lease: lease)],
            finding: leaderFinding(lease: lease))
    }

    /// Puts the leader key under `lease` if our name is on it, or creates it if there is none.
    @discardableResult
    public func reattachLock(lease: Int64) async throws -> WriteOutcome {
        let key = paths.key("leader")
        let put = RequestOperation.put(key: key, value: name, lease: lease)
        return try await carryOut(
            compares: [Compare(key, .value(name))], success: [put],
            otherwise: Transaction(compares: [.absent(key)], success: [put]), finding: leaderFinding(lease: lease))
    }

    private func leaderFinding(lease: Int64) -> @Sendable (KeyCache) -> Finding {
        let me = member
        return { cache in
            guard let leader = cache.view.leader else { return .open }
            if leader.name != me { return .ruledOut }
            return leader.lease == lease ? .applied : .open
        }
    }

    /// Deletes the leader key if our name is on it. With `finalLSN` the position goes into `status` in the same
    /// transaction, so that candidates can tell whether they have everything; slots are kept as last known.
    @discardableResult
    public func releaseLock(finalLSN: LSN?) async throws -> WriteOutcome {
        var steps: [RequestOperation] = []
        if let finalLSN {
            var status = cache.view.status
            status.optime = finalLSN
            steps.append(.put(key: paths.key("status"), value: status.json.bytes))
        }
        let key = paths.key("leader")
        let me = member
        return try await carryOut(
            compares: [Compare(key, .value(name))], success: steps + [.delete(.key(key))]
        ) { $0.view.leader?.name == me ? .open : .applied }
    }

    // MARK: Keys of the cluster

    /// Creates `initialize`, only if there is none. `replacing`: the modification revision of an empty or invalid
    /// value that a leader may overwrite.
    @discardableResult
    public func writeInitialize(_ systemIdentifier: String, replacing: Int64 = 0) async throws -> WriteOutcome {
        try await compareAndPut("initialize", Array(systemIdentifier.utf8), expected: replacing)
    }

    /// Deletes `initialize` if it still stands at `expecting`: the making of a new cluster has failed.
    @discardableResult
    public func removeInitialize(expecting modRevision: Int64) async throws -> WriteOutcome {
        try await compareAndDelete("initialize", expected: modRevision)
    }

    /// Replaces the dynamic configuration if it is still at `expecting` (nil: if there is none).
    @discardableResult
    public func writeConfig(_ config: JSON, expecting modRevision: Int64?) async throws -> WriteOutcome {
        try await compareAndPut("config", config.bytes, expected: modRevision ?? 0)
    }

    /// Writes the configuration where there is none, or over a value that nobody can read, as last seen.
    @discardableResult
    public func restoreConfig(_ config: JSON) async throws -> WriteOutcome {
        try await compareAndPut("config", config.bytes, expected: cache.keys["config"]?.modRevision ?? 0)
    }

    /// Asks for a switchover (with `leader`) or a failover (without), on top of the `failover` key last seen.
    @discardableResult
    public func setFailover(
        leader: String?, candidate: String?, scheduledAt: String? = nil
    ) async throws -> WriteOutcome {
        let known = cache.keys["failover"]?.modRevision ?? 0
        let wish = FailoverKey(modRevision: known, leader: leader, candidate: candidate, scheduledAt: scheduledAt)
        return try await compareAndPut("failover", wish.json.bytes, expected: known)
    }

    /// Empties the `failover` key as last seen; it is never deleted. Nothing is written when there is nothing.
    @discardableResult
    public func clearFailover() async throws -> WriteOutcome {
        guard let wish = cache.view.failover, !wish.isEmpty else { return .done(cache.view) }
        return try await compareAndPut("failover", JSON.object([:]).bytes, expected: wish.modRevision)
    }

    /// Writes `sync` on top of the one at `expecting` (nil: there is none); nil deletes it, as Patroni expects
    /// when synchronous mode is off.
    @discardableResult
    public func writeSync(_ sync: SyncKey?, expecting modRevision: Int64?) async throws -> WriteOutcome {
        let expected = modRevision ?? 0
        if let sync { return try await compareAndPut("sync", sync.json.bytes, expected: expected) }
        return try await compareAndDelete("sync", expected: expected)
    }

    private func compareAndDelete(_ name: String, expected: Int64) async throws -> WriteOutcome {
        let key = paths.key(name)
        return try await carryOut(
            compares: [Compare(key, .modRevision(expected))], success: [.delete(.key(key))]
        ) { cache in
            guard let found = cache.keys[name] else { return .applied }
            return found.modRevision == expected ? .open : .ruledOut
        }
    }

    /// Writes this member's key under its lease; nothing is written when the store has the same already.
    @discardableResult
    public func touchMember(_ report: Member, lease: Int64) async throws -> WriteOutcome {
        try await putUnlessSame(paths.member(member), report.json.bytes, lease: lease)
    }

    /// Patroni puts the leader's keys without a condition; a put that was delayed would then take the place of what
    /// a later leader has written. Here our name must still be on the leader key.
    @discardableResult
    public func writeStatus(_ status: StatusKey) async throws -> WriteOutcome {
        try await putWhileLeading("status", status.json.bytes)
    }

    @discardableResult
    public func writeHistory(_ entries: [HistoryEntry]) async throws -> WriteOutcome {
        try await putWhileLeading("history", HistoryEntry.json(entries).bytes)
    }

    /// `failsafe`: member name to api_url.
    @discardableResult
    public func writeFailsafe(_ members: [String: String]) async throws -> WriteOutcome {
        var object = JSONObject()
        for name in members.keys.sorted() { object[name] = members[name].map(JSON.string) }
        return try await putWhileLeading("failsafe", JSON.object(object).bytes)
    }

    nonisolated var name: [UInt8] { Array(member.utf8) }
}

extension JSON {
    /// As Patroni writes it: compact UTF-8.
    var bytes: [UInt8] { Array(text.utf8) }
}
