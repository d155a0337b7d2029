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

    /// Asks the store's server on this host, and if it leads, to give the lead to another one that keeps up.
    /// - Returns: the server that got it; nil when the lead is elsewhere, or nobody else can have it.
    /// - Throws: `EtcdError`: no answer, or not allowed (with authentication, only the user root may).
    public func moveAway(timeout: Duration) async throws -> EtcdConfiguration.Endpoint? {
        let endpoints = client.configuration.endpoints
        guard let own = endpoints.first(where: { ownHosts.contains($0.host) }) else { return nil }
        let status = try await client.status(of: own, timeout: timeout)
        guard status.leader != 0, status.leader == status.header.memberID else { return nil }
        for other in endpoints where !ownHosts.contains(other.host) {
            guard let peer = try? await client.status(of: other, timeout: timeout), peer.canTakeOver(from: status)
            else { continue }
            try await client.moveLeader(from: own, to: peer.header.memberID, timeout: timeout)
            return other
        }
        return nil
    }
}

extension EtcdStatus {
    /// A voter of the same cluster that follows, has no alarm and has nearly all of the log.
    func canTakeOver(from leader: EtcdStatus) -> Bool {
        header.clusterID == leader.header.clusterID && header.memberID != leader.header.memberID
            && self.leader == leader.leader && !isLearner && errors.isEmpty && raftIndex + 100 >= leader.raftIndex
    }
}
