import Facts
import Inventory
import PostgresModel

/// What the planner knows about the cluster as a whole, resolved once from inventory and facts.
struct PlanContext {
    var spec: ClusterSpec
    var facts: ClusterFacts
    var layout: Layout
    /// The host whose server is writable and is, or becomes, the leader.
    var primary: HostSpec
    var primaryFacts: HostFacts
    var server: ServerFacts
    var sql: SQLFacts
    var control: ControlFacts
    /// Standbys of this cluster that run on other members without an agent, by member: they are taken over in place.
    var standbys: [String: ServerFacts] = [:]
    var bundle: BundleSource?
    /// Given: the plan restarts the server in it, and does nothing else.
    var restartWindow: RestartWindow?
    /// Members that leave.
    var departures: [Departure] = []

    init(
        spec: ClusterSpec, facts: ClusterFacts, bundle: BundleSource?, restartWindow: RestartWindow? = nil
    ) throws(PlanningError) {
        self.restartWindow = restartWindow
        self.spec = spec
        self.facts = facts
        self.bundle = bundle
        layout = Layout(scope: spec.name)
        guard let named = spec.primary else {
            throw PlanningError(.missingFacts, "cluster \(spec.name) has no host with the role primary")
        }
        let leader = Self.writableMember(spec, facts) ?? named
        guard let hostFacts = facts.host(leader.name) else {
            let reason = facts.unreachable.first { $0.host == leader.name }?.reason ?? "it was not surveyed"
            throw PlanningError(.missingFacts, host: leader.name, "nothing is known of the primary: \(reason)")
        }
        primary = leader
        primaryFacts = hostFacts
        server = try Self.server(of: primary, spec, hostFacts)
        guard let sql = server.sql, let control = server.control else {
            throw PlanningError(
                .missingFacts, host: primary.name,
                "the server on port \(server.port) could not be asked: "
                    + (hostFacts.problems.first ?? "no connection as \(server.osUser) over its socket"))
        }
        self.sql = sql
        self.control = control
        if sql.isInRecovery {
            throw PlanningError(
                .unsupported, host: primary.name,
                "the server on port \(server.port) is a standby; the inventory's primary must be the writable server")
        }
        for host in replicas where !isAdopted(host) { standbys[host.name] = runningStandby(on: host) }
    }

    /// After a failover the leader is another member than the inventory's primary; the store says which.
    private static func writableMember(_ spec: ClusterSpec, _ facts: ClusterFacts) -> HostSpec? {
        guard let leader = leader(spec, facts) else { return nil }
        return spec.members.first { host in
            host.name == leader && facts.host(host.name)?.servers.contains { $0.sql?.isInRecovery == false } == true
        }
    }

    static func leader(_ spec: ClusterSpec, _ facts: ClusterFacts) -> String? {
        facts.store.keys?["leader"] ?? facts.store.keys?["/\(spec.store.namespace)/\(spec.name)/leader"]
    }

    /// The server that inventory and survey mean: by data directory, by port, or the only one.
    private static func server(
        of host: HostSpec, _ spec: ClusterSpec, _ facts: HostFacts
    ) throws(PlanningError) -> ServerFacts {
        let wanted = host.postgres.merged(over: spec.postgres)
        let candidates = facts.servers.filter { server in
            (wanted.dataDirectory == nil || wanted.dataDirectory == server.dataDirectory)
                && (wanted.port == nil || wanted.port == server.port)
        }
        if candidates.count == 1 { return candidates[0] }
        let found = facts.servers.map { "port \($0.port) in \($0.dataDirectory)" }.joined(separator: ", ")
        throw PlanningError(
            .missingFacts, host: host.name,
            candidates.isEmpty
                ? "no running server matches the inventory; found: \(found.isEmpty ? "none" : found)"
                : "several servers run here (\(found)); name one with postgres.port or postgres.data_directory")
    }

    // MARK: What holds for one member

    func postgres(of host: HostSpec) -> PostgresSpec { host.postgres.merged(over: spec.postgres) }
    func osUser(of host: HostSpec) -> String { postgres(of: host).osUser ?? model(of: host).osUser }
    func port(of host: HostSpec) -> Int { postgres(of: host).port ?? model(of: host).port }
    func dataDirectory(of host: HostSpec) -> String { postgres(of: host).dataDirectory ?? model(of: host).dataDirectory }

    /// The inventory's, or the newest installation of the primary's major version, or the primary's path.
    func binDirectory(of host: HostSpec) -> String {
        if let running = runningServer(of: host) { return running.binDirectory }
        if let directory = postgres(of: host).binDirectory { return directory }
        let installations = facts.host(host.name)?.installations.filter { $0.version.major == sql.version.major } ?? []
        return installations.max { $0.version < $1.version }?.binDirectory ?? server.binDirectory
    }

    var socketDirectory: String { server.socketDirectories.first ?? "/tmp" }
    var local: LocalServer { server.local }
    var postmaster: PostmasterIdentity { server.identity }

    var replicas: [HostSpec] { spec.members.filter { $0.name != primary.name } }
    var storePrefix: String { "/\(spec.store.namespace.trimmingSlashes)/\(spec.name)/" }

    /// The value of a key below the cluster's prefix, whether the survey recorded it whole or relative.
    func storeValue(_ key: String) -> String? { facts.store.keys?[key] ?? facts.store.keys?[storePrefix + key] }

    /// True: the member's key says `running` and a server with the cluster's identity runs there.
    func isAdopted(_ host: HostSpec) -> Bool {
        guard let member = storeValue("members/\(host.name)"), member.contains("\"state\":\"running\"") else {
            return false
        }
        return storeValue("initialize") == control.systemIdentifier.description
            && facts.host(host.name)?.servers.contains { $0.control?.systemIdentifier == control.systemIdentifier }
                == true
    }

    /// The configuration directory of a member when it is not the data directory (Debian).
    func configDirectory(of host: HostSpec) -> String? { model(of: host).configDirectory }

    func primaryServer() -> PrimaryServer {
        PrimaryServer(
            host: primary.name, version: sql.version, systemIdentifier: control.systemIdentifier,
            timeline: control.timeline, postmasterPID: server.postmasterPID,
            postmasterStartTicks: server.postmasterStartTicks, startTime: server.startTime,
            dataDirectory: server.dataDirectory, binDirectory: server.binDirectory, port: server.port,
            socketDirectory: socketDirectory, osUser: server.osUser, unit: server.unit, size: sql.totalSize)
    }
}

/// The bundle on the control host.
public struct BundleSource: Codable, Equatable, Sendable {
    public var path: String
    public var digest: String
    public var size: ByteCount

    public init(path: String, digest: String, size: ByteCount) {
        self.path = path
        self.digest = digest
        self.size = size
    }
}

extension String {
    var lastPart: String { split(separator: "/").last.map(String.init) ?? self }

    var trimmingSlashes: String { split(separator: "/").joined(separator: "/") }
}
