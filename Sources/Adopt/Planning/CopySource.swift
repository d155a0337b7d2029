import Inventory
import PostgresModel

/// A server that is copied.
public struct CopySource: Codable, Equatable, Sendable {
    public var host: String
    /// Where the new replica reaches it.
    public var address: String
    public var port: Int
    /// How psql on its own host reaches it.
    public var server: LocalServer

    public init(host: String, address: String, port: Int, server: LocalServer) {
        self.host = host
        self.address = address
        self.port = port
        self.server = server
    }
}

extension PlanContext {
    /// Smaller databases are copied before a replica in between would be up: all their copies come from the primary, side
    /// by side.
    static let smallestToClone = ByteCount(1 << 30)

    /// The replica that is copied for `host` instead of the primary, which it spares; nil: the primary itself.
    func cloneHost(for host: HostSpec) -> HostSpec? {
        if backrestRestore(of: host) != nil { return nil }
        switch spec.replicas.cloneFrom {
        case .primary: return nil
        case .replica: break
        case nil: if !sql.isSizeKnown || sql.totalSize < Self.smallestToClone { return nil }
        }
        // PostgreSQL makes no base backup of a standby without it.
        if sql.setting("full_page_writes") == "off" { return nil }
        let candidates = replicas.filter { $0.tags["nostream"] != "true" }
        if let ready = preferred(candidates.filter { $0.name != host.name && isReady($0) }) { return ready }
        let first = preferred(candidates.filter(isBuilt))
        return first?.name == host.name ? nil : first
    }

    /// Patroni's tag `clonefrom` says who is copied; else the inventory's order does.
    private func preferred(_ hosts: [HostSpec]) -> HostSpec? {
        hosts.first { $0.tags["clonefrom"] == "true" } ?? hosts.first
    }

    /// A base backup makes its data directory in this plan.
    func isBuilt(_ host: HostSpec) -> Bool { !isAdopted(host) && standbys[host.name] == nil }

    /// It streams already. Where the configuration lies in the data directory, its own would come with the copy in place
    /// of the primary's.
    private func isReady(_ host: HostSpec) -> Bool { !isBuilt(host) && configDirectory(of: primary) != nil }

    func copySource(_ host: HostSpec) -> CopySource {
        let running = facts.host(host.name)?.servers.first {
            $0.control?.systemIdentifier == control.systemIdentifier
        }
        let local = running?.local
            ?? LocalServer(
                osUser: osUser(of: host), binDirectory: binDirectory(of: host), socketDirectory: socketDirectory,
                port: port(of: host))
        return CopySource(host: host.name, address: host.address, port: local.port, server: local)
    }

    /// Who is copied from the primary first, then who is copied from a replica.
    var buildOrder: [HostSpec] {
        replicas.filter { cloneHost(for: $0) == nil } + replicas.filter { cloneHost(for: $0) != nil }
    }
}
