import Etcd

/// Keeps the store's own leader off the host of the cluster's leader.
///
/// etcd gives every lease its whole time anew when its leader changes (lessor.Promote). A power failure that takes both
/// leaders costs an election and a whole ttl instead of what is left of one: 15 s instead of 8 to 12 s with a ttl
/// of 12 s.
public struct StoreLeader: Sendable {
    let client: EtcdClient
    /// Names and addresses of this host.
    let ownHosts: Set<String>

    public init(client: EtcdClient, ownHosts: Set<String>) {
        self.client = client
        self.ownHosts = ownHosts
    }

    /// What came of it.
    public enum Move: Equatable, Sendable {
        case moved(to: EtcdConfiguration.Endpoint)
        /// The lead is at another host's server, or none of this host's is known.
        case elsewhere
        /// No other server keeps up well enough to take it.
        case nobodyElse
    }

    /// The store's term, as its last answer to anybody here told it. It is another one whenever the lead has moved.
    public func term() async -> UInt64? { await client.history?.raftTerm }

    /// Asks the store's server on this host, and if it leads, to give the lead to another one that keeps up.
    /// - Throws: `EtcdError`: no answer, or not allowed (with authentication, only the user root may).
    public func moveAway(timeout: Duration) async throws -> Move {
        let endpoints = client.configuration.endpoints
        guard let own = endpoints.first(where: { ownHosts.contains($0.host) }) else { return .elsewhere }
        let status = try await client.status(of: own, timeout: timeout)
        guard status.leader != 0, status.leader == status.header.memberID else { return .elsewhere }
        for other in endpoints where !ownHosts.contains(other.host) {
            guard let peer = try? await client.status(of: other, timeout: timeout), peer.canTakeOver(from: status)
            else { continue }
            try await client.moveLeader(from: own, to: peer.header.memberID, timeout: timeout)
            return .moved(to: other)
        }
        return .nobodyElse
    }
}

extension EtcdStatus {
    /// A voter of the same cluster that follows, has no alarm and has nearly all of the log.
    func canTakeOver(from leader: EtcdStatus) -> Bool {
        header.clusterID == leader.header.clusterID && header.memberID != leader.header.memberID
            && self.leader == leader.leader && !isLearner && errors.isEmpty && raftIndex + 100 >= leader.raftIndex
    }
}
