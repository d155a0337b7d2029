import Cluster
import Etcd
import Timekeeping

/// How writes are carried out, and what is done when nobody answers.
extension ClusterStore {
    /// What a linearizable read tells of a write that got no answer.
    enum Finding {
        case applied
        /// Its condition cannot hold any more.
        case ruledOut
        /// Not to be seen, but it may still come.
        case open
    }

    /// Carries out a transaction whose branches end with a read of all keys, so that the outcome and the view
    /// belong to one revision.
    func carryOut(
        compares: [Compare], success: [RequestOperation], otherwise: Transaction? = nil,
        finding: @Sendable (KeyCache) -> Finding
    ) async throws -> WriteOutcome {
        let all = RequestOperation.range(.prefix(paths.base))
        var failure = [all]
        if var otherwise {
            otherwise.success.append(all)
            otherwise.failure.append(all)
            failure = [.transaction(otherwise)]
        }
        let asked = clock.now
        let known = known
        do {
            let result = try await client.txn(
                compares: compares, success: success + [all], failure: failure, timeout: retryTimeout)
            let (didWrite, range) = Self.outcome(of: result)
            guard let range else { return .ambiguous("etcd's answer lacks the keys") }
            let read = KeyCache(range.keyValues, revision: result.header.revision, paths: paths)
            guard adopt(read, known: known, confirmed: asked) else { return .ambiguous("the store went back") }
            return didWrite ? .done(read.view) : .compareFailed(read.view)
        } catch let error as EtcdError where error.isAmbiguous {
            return await settle(error, finding: finding)
        }
    }

    private static func outcome(of result: TransactionResult) -> (didWrite: Bool, range: RangeResult?) {
        switch result.results.last {
        case .range(let range)?: (result.succeeded, range)
        case .transaction(let inner)?: outcome(of: inner)
        default: (false, nil)
        }
    }

    /// A write went out and no answer came: look at what is there now.
    func settle(_ error: EtcdError, finding: @Sendable (KeyCache) -> Finding) async -> WriteOutcome {
        guard await refresh() else { return .ambiguous(error.description) }
        switch finding(cache) {
        case .applied: return .done(cache.view)
        case .ruledOut: return .compareFailed(cache.view)
        case .open: return .ambiguous("\(error); it is not to be seen in the store, but may still come")
        }
    }

    /// Writes a key if its modification revision is still `expected` (0: if there is no such key).
    func compareAndPut(_ name: String, _ value: [UInt8], expected: Int64) async throws -> WriteOutcome {
        let key = paths.key(name)
        let compare: Compare = expected == 0 ? .absent(key) : Compare(key, .modRevision(expected))
        return try await carryOut(compares: [compare], success: [.put(key: key, value: value)]) { cache in
            let found = cache.keys[name]
            if let found, found.value == value, found.modRevision != expected { return .applied }
            return (found?.modRevision ?? 0) == expected ? .open : .ruledOut
        }
    }

    /// Writes a key without a condition, unless it has that value and lease already.
    func putUnlessSame(_ name: String, _ value: [UInt8], lease: Int64 = 0) async throws -> WriteOutcome {
        if let found = cache.keys[name], found.value == value, found.lease == lease, case .connected = state {
            return .done(cache.view)
        }
        do {
            let result = try await client.put(key: paths.key(name), value: value, lease: lease, timeout: retryTimeout)
            noteWrite(name, value, lease: lease, revision: result.header.revision)
            return .done(cache.view)
        } catch let error as EtcdError where error.isAmbiguous {
            return await settle(error) { cache in
                cache.keys[name].map { $0.value == value && $0.lease == lease } == true ? .applied : .open
            }
        }
    }

    /// Writes a key of the leader's on the condition that our name is on the leader key, unless it has that value
    /// already.
    func putWhileLeading(_ name: String, _ value: [UInt8]) async throws -> WriteOutcome {
        if let found = cache.keys[name], found.value == value, case .connected = state { return .done(cache.view) }
        do {
            let result = try await client.txn(
                compares: [Compare(paths.key("leader"), .value(self.name))],
                success: [.put(key: paths.key(name), value: value)], failure: [], timeout: retryTimeout)
            guard result.succeeded else { return .compareFailed(cache.view) }
            noteWrite(name, value, lease: 0, revision: result.header.revision)
            return .done(cache.view)
        } catch let error as EtcdError where error.isAmbiguous {
            return await settle(error) { $0.keys[name]?.value == value ? .applied : .open }
        }
    }

    private func noteWrite(_ name: String, _ value: [UInt8], lease: Int64, revision: Int64) {
        if (cache.keys[name]?.modRevision ?? 0) < revision {
            let created = cache.keys[name]?.createRevision ?? revision
            cache.note(name, StoredValue(value: value, createRevision: created, modRevision: revision, lease: lease))
        }
        if case .connected = state { publishOwnWrite() }
    }
}
