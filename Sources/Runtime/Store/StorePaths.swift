import Cluster
import Etcd

/// Where a cluster's keys are: `/NAMESPACE/SCOPE/`, repeated slashes collapsed as Patroni does, so that the
/// namespaces `service` and `/service/` are the same.
public struct StorePaths: Hashable, Sendable {
    /// Begins and ends with a slash.
    public let base: String

    public init(namespace: String, scope: String) {
        let parts = (namespace.split(separator: "/") + scope.split(separator: "/"))
        base = "/" + parts.joined(separator: "/") + "/"
    }

    public func member(_ name: String) -> String { "members/\(name)" }

    /// The full key of a name relative to the base, such as `leader`.
    func key(_ name: String) -> String { base + name }

    /// The name of a full key relative to the base; nil when it lies elsewhere.
    func name(of key: [UInt8]) -> String? {
        let prefix = base.utf8
        return key.starts(with: prefix) ? String(decoding: key.dropFirst(prefix.count), as: UTF8.self) : nil
    }
}

/// Reads a cluster once, linearizably; for commands on a control host. Writes nothing.
///
/// - Returns: the decoded view and the keys below the base path as they are.
public func readCluster(
    _ client: EtcdClient, namespace: String, scope: String, timeout: Duration = .seconds(5)
) async throws -> (ClusterView, [String: StoredValue]) {
    let paths = StorePaths(namespace: namespace, scope: scope)
    let result = try await client.range(prefix: paths.base, timeout: timeout)
    let cache = KeyCache(result, paths: paths)
    return (cache.view, cache.keys)
}
