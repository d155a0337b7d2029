import Facts
import Inventory
import PostgresModel

/// Facts and inventory together, with the questions that many rules ask.
struct ClusterPicture: Sendable {
    var facts: ClusterFacts
    var spec: ClusterSpec

    /// A host of the inventory that was surveyed.
    struct Host: Sendable {
        var spec: HostSpec
        var facts: HostFacts
        var name: String { spec.name }
    }

    /// Surveyed hosts in the order of the inventory.
    var hosts: [Host] {
        spec.hosts.compactMap { host in facts.host(host.name).map { Host(spec: host, facts: $0) } }
    }

    var members: [Host] { hosts.filter { $0.spec.role != .witness } }

    /// The host that leads: after adoption and a failover the one the store names, when its server is writable and
    /// of the identity the store holds; otherwise the inventory's primary.
    var primary: Host? {
        if let leader = storeKeys?["leader"], let host = members.first(where: { $0.name == leader }),
            let server = server(on: host), server.sql?.isInRecovery == false, hasAgent(host),
            server.control?.systemIdentifier.description == storeKeys?["initialize"]
        {
            return host
        }
        return members.first { $0.spec.role == .primary }
    }

    var primaryServer: ServerFacts? { primary.flatMap { server(on: $0) } }
    var primarySQL: SQLFacts? { primaryServer?.sql }
    var systemIdentifier: SystemIdentifier? { primaryServer?.control?.systemIdentifier }

    /// Members other than the leader.
    var replicas: [Host] {
        let leader = primary?.name
        return members.filter { $0.name != leader }
    }

    func postgres(_ host: HostSpec) -> PostgresSpec { host.postgres.merged(over: spec.postgres) }

    /// The server the inventory means on a host.
    func server(on host: Host) -> ServerFacts? {
        let wanted = postgres(host.spec)
        return host.facts.server(dataDirectory: wanted.dataDirectory, port: wanted.port, unit: wanted.service)
    }

    /// The port PostgreSQL has, or will have, on a host.
    func port(of host: HostSpec) -> Int {
        if let port = postgres(host).port { return port }
        let running = hosts.first { $0.name == host.name }.flatMap { standby(on: $0) }
        return running?.port ?? primaryServer?.port ?? 5432
    }

    /// An agent of this cluster runs there. Those of other clusters, for other servers of the host, do not count.
    func hasAgent(_ host: Host) -> Bool { host.facts.agents.contains { $0.cluster == nil || $0.cluster == spec.name } }

    /// True: an agent runs there, or is set up and off, and the data directory holds this cluster.
    func isAdopted(_ host: Host) -> Bool {
        let configuration = "/etc/pgadopt/\(spec.name).yml"
        let isSetUp = host.facts.namedFiles.contains { $0.path == configuration && $0.exists }
        guard isSetUp || hasAgent(host), let identifier = systemIdentifier else { return false }
        return host.facts.target?.control?.systemIdentifier == identifier
            || host.facts.servers.contains { $0.control?.systemIdentifier == identifier }
    }

    /// The running standby of this cluster on a host, that the plan would take over in place; nil: none, several, or an
    /// agent has it.
    func standby(on host: Host) -> ServerFacts? {
        guard let identifier = systemIdentifier, host.name != primary?.name, !isAdopted(host) else { return nil }
        let wanted = postgres(host.spec)
        return host.facts.runningStandby(
            of: identifier, dataDirectory: wanted.dataDirectory, port: wanted.port)
    }

    /// Replicas that the plan would build.
    var replicasToBuild: [Host] { replicas.filter { !isAdopted($0) && standby(on: $0) == nil } }

    /// The installation that a host's server would run from: the inventory's directory, else the highest minor
    /// version of the primary's major one.
    func installation(on host: Host) -> InstallationFacts? {
        if let directory = postgres(host.spec).binDirectory {
            return host.facts.installations.first { $0.binDirectory == directory }
        }
        guard let major = primarySQL?.version.major else { return nil }
        return host.facts.installations.filter { $0.version.major == major }.max { $0.version < $1.version }
    }

    /// The store's keys relative to `/NAMESPACE/SCOPE/`, nil when it could not be read.
    var storeKeys: [String: String]? {
        guard let keys = facts.store.keys else { return nil }
        let prefix = "/\(spec.store.namespace.trimmingSlashes)/\(spec.name)/"
        var relative: [String: String] = [:]
        for (key, value) in keys {
            relative[key.hasPrefix(prefix) ? String(key.dropFirst(prefix.count)) : key] = value
        }
        return relative
    }

    /// The running value of one of the primary's settings; nil when it could not be asked.
    func setting(_ name: String) -> String? { primarySQL?.setting(name) }
}

extension String {
    var trimmingSlashes: String {
        var text = self[...]
        while text.first == "/" { text = text.dropFirst() }
        while text.last == "/" { text = text.dropLast() }
        return String(text)
    }
}

/// `a, b and c`; at most six names, then how many more.
func listed(_ names: [String]) -> String {
    let shown = names.prefix(6)
    let rest = names.count - shown.count
    if rest > 0 { return shown.joined(separator: ", ") + " and \(rest) more" }
    guard shown.count > 1, let last = shown.last else { return shown.first ?? "" }
    return shown.dropLast().joined(separator: ", ") + " and " + last
}
