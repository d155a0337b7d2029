import PostgresModel

extension HostFacts {
    /// The one running server that these values mean: by data directory and port where they are given, by unit
    /// where several remain, and else the only one that is not in recovery.
    /// Nil: none, or more than one could be meant.
    public func server(dataDirectory: String?, port: Int?, unit: String? = nil) -> ServerFacts? {
        var candidates = servers
        if let dataDirectory { candidates.removeAll { $0.dataDirectory != dataDirectory } }
        if let port { candidates.removeAll { $0.port != port } }
        let named = candidates.filter { $0.unit == unit }
        if unit != nil, !named.isEmpty { candidates = named }
        if candidates.count > 1 { candidates.removeAll { $0.sql?.isInRecovery != false } }
        return candidates.count == 1 ? candidates[0] : nil
    }

    /// The one running standby of a cluster, by data directory and port where they are given.
    /// Nil: none, or more than one could be meant.
    public func runningStandby(
        of cluster: SystemIdentifier, dataDirectory: String?, port: Int?
    ) -> ServerFacts? {
        let candidates = servers.filter { server in
            server.control?.systemIdentifier == cluster && server.sql?.isInRecovery == true
                && (dataDirectory == nil || dataDirectory == server.dataDirectory)
                && (port == nil || port == server.port)
        }
        return candidates.count == 1 ? candidates[0] : nil
    }
}
