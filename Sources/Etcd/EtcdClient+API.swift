/// etcd's calls. `timeout` bounds the whole call with all its tries; a silent server costs at most
/// `timeout / number of endpoints` (never less than 200 ms) before the next one is asked.
extension EtcdClient {
    /// Reads keys at one revision. Linearizable unless `serializable`: then one server answers from what it has,
    /// which may be old, but needs no quorum.
    public func range(_ range: KeyRange, serializable: Bool = false, timeout: Duration) async throws -> RangeResult {
        try await call(
            "/etcdserverpb.KV/Range", RangeRequest(range: range, isSerializable: serializable), repetition: .harmless,
            standing: serializable ? .local : .confirmed, timeout: timeout)
    }

    /// Reads all keys that begin with `prefix`.
    public func range(prefix: String, serializable: Bool = false, timeout: Duration) async throws -> RangeResult {
        try await range(.prefix(prefix), serializable: serializable, timeout: timeout)
    }

    /// Writes a key. `lease` 0: the key stays until it is deleted.
    public func put(key: String, value: [UInt8], lease: Int64 = 0, timeout: Duration) async throws -> PutResult {
        try await call(
            "/etcdserverpb.KV/Put", PutRequest(key: key, value: value, lease: lease), repetition: .onlyIfNotApplied,
            timeout: timeout)
    }

    public func delete(_ range: KeyRange, timeout: Duration) async throws -> DeleteResult {
        try await call(
            "/etcdserverpb.KV/DeleteRange", DeleteRangeRequest(range: range), repetition: .onlyIfNotApplied,
            timeout: timeout)
    }

    /// Carries out `success` if all compares hold, else `failure`. A compare that does not hold is no error:
    /// see ``TransactionResult/succeeded``.
    public func txn(
        compares: [Compare], success: [RequestOperation], failure: [RequestOperation] = [], timeout: Duration
    ) async throws -> TransactionResult {
        try await txn(Transaction(compares: compares, success: success, failure: failure), timeout: timeout)
    }

    public func txn(_ transaction: Transaction, timeout: Duration) async throws -> TransactionResult {
        try await call("/etcdserverpb.KV/Txn", transaction, repetition: .onlyIfNotApplied, timeout: timeout)
    }

    /// A new lease. When an answer gets lost, a second lease is granted; the first expires unused.
    public func leaseGrant(ttlSeconds: Int64, timeout: Duration) async throws -> LeaseGrant {
        let grant: LeaseGrant = try await call(
            "/etcdserverpb.Lease/LeaseGrant", LeaseGrantRequest(ttl: ttlSeconds), repetition: .harmless,
            timeout: timeout)
        guard grant.error.isEmpty, grant.id != 0 else {
            throw EtcdError(.rejected, effect: .none, "lease not granted: \(grant.error)")
        }
        return grant
    }

    /// Renews a lease once.
    public func leaseKeepAlive(id: Int64, timeout: Duration) async throws -> LeaseKeepAlive {
        do {
            let reply: LeaseKeepAliveResponse = try await call(
                "/etcdserverpb.Lease/LeaseKeepAlive", LeaseIDRequest(id: id), repetition: .harmless, timeout: timeout)
            return reply.ttl > 0 ? .renewed(ttl: reply.ttl) : .lost
        } catch let error as EtcdError where error.code == .leaseNotFound {
            return .lost
        }
    }

    /// Ends a lease and deletes its keys. A lease that is gone already is no error.
    public func leaseRevoke(id: Int64, timeout: Duration) async throws {
        do {
            let _: BareResponse = try await call(
                "/etcdserverpb.Lease/LeaseRevoke", LeaseIDRequest(id: id), repetition: .harmless, timeout: timeout)
        } catch let error as EtcdError where error.code == .leaseNotFound {
            return
        }
    }

    public func leaseTimeToLive(id: Int64, timeout: Duration) async throws -> LeaseTimeToLive {
        try await call(
            "/etcdserverpb.Lease/LeaseTimeToLive", LeaseIDRequest(id: id), repetition: .harmless, timeout: timeout)
    }

    public func memberList(timeout: Duration) async throws -> MemberList {
        try await call(
            "/etcdserverpb.Cluster/MemberList", MemberListRequest(), repetition: .harmless, standing: .local,
            timeout: timeout)
    }

    /// The state of the server at `endpoint`, or of the one that answers first.
    public func status(of endpoint: EtcdConfiguration.Endpoint? = nil, timeout: Duration) async throws -> EtcdStatus {
        try await call(
            "/etcdserverpb.Maintenance/Status", EmptyRequest(), repetition: .harmless, standing: .unchecked,
            only: try endpoint.map(index), timeout: timeout)
    }

    /// Has the leader at `endpoint` give the lead to another member. Every lease gets its whole time anew by that.
    /// - Throws: also when the server at `endpoint` does not lead; with authentication on, for all users but root.
    public func moveLeader(
        from endpoint: EtcdConfiguration.Endpoint, to member: UInt64, timeout: Duration
    ) async throws {
        let _: BareResponse = try await call(
            "/etcdserverpb.Maintenance/MoveLeader", MoveLeaderRequest(target: member), repetition: .onlyIfNotApplied,
            standing: .unchecked, only: try index(of: endpoint), timeout: timeout)
    }

    private func index(of endpoint: EtcdConfiguration.Endpoint) throws -> Int {
        guard let index = configuration.endpoints.firstIndex(of: endpoint) else {
            let text = "not one of this client's endpoints"
            throw EtcdError(.configuration, effect: .none, endpoint: "\(endpoint)", text)
        }
        return index
    }
}
