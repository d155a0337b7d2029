import Facts
import Inventory
import PostgresModel
import Shell

/// Surveys every host of a cluster. The primary comes first, because its answer says where the replicas' data
/// directories and tablespaces will be; then all others at once.
///
/// Never throws: a host that cannot be surveyed is in the facts' `unreachable`, with the reason.
/// - Parameters:
///   - shells: by the host's name in the inventory; a host without one is unreachable.
///   - store: what was read of the store, which is somebody else's work.
public func surveyCluster(
    spec: ClusterSpec, shells: [String: any RemoteShell], store: StoreFacts, clock: WallClock = .system
) async -> ClusterFacts {
    var results: [String: SurveyResult] = [:]
    if let primary = spec.primary {
        let request = surveyRequest(for: primary, in: spec, primary: nil)
        results[primary.name] = await surveyOne(primary, shells[primary.name], request, clock)
    }
    var server: ServerFacts?
    if let primary = spec.primary, let facts = results[primary.name]?.facts {
        let wanted = primary.postgres.merged(over: spec.postgres)
        server = facts.server(dataDirectory: wanted.dataDirectory, port: wanted.port, unit: wanted.service)
    }
    let others = spec.hosts.filter { results[$0.name] == nil }
    await withTaskGroup(of: (String, SurveyResult).self) { group in
        for host in others {
            let request = surveyRequest(for: host, in: spec, primary: server)
            let shell = shells[host.name]
            group.addTask { (host.name, await surveyOne(host, shell, request, clock)) }
        }
        for await (name, result) in group { results[name] = result }
    }
    var facts = ClusterFacts(cluster: spec.name, hosts: [], store: store, takenAt: clock.timestamp)
    for host in spec.hosts {
        switch results[host.name] {
        case .found(let found): facts.hosts.append(found)
        case .failed(let failure): facts.unreachable.append(failure)
        case nil: break
        }
    }
    return facts
}

/// What to ask one host, from the inventory and, where that is silent, from the primary's server.
func surveyRequest(for host: HostSpec, in spec: ClusterSpec, primary server: ServerFacts?) -> SurveyRequest {
    let postgres = host.postgres.merged(over: spec.postgres)
    var request = SurveyRequest(
        osUser: postgres.osUser ?? server?.osUser ?? "postgres", binDirectory: postgres.binDirectory,
        mayUseSudo: host.ssh.sudo != .never)
    let others = spec.hosts.filter { $0.name != host.name }
    // Names that libc would take for an option are none.
    request.peers = others.map(\.address).filter { !$0.hasPrefix("-") }
    request.names = spec.members.map(\.address).filter { IPAddress($0) == nil && !$0.hasPrefix("-") }
    request.files = ["/etc/pgadopt/\(spec.name).yml", "/var/lib/pgadopt/\(spec.name)/build"]
    if spec.store.managed != nil { request.managedStore = spec.name }
    if let repository = spec.replicas.pgBackRest, host.role != .witness {
        request.stanza = repository.stanza
        request.stanzaConfig = repository.configFile
    }
    request.reach =
        spec.store.endpoints.compactMap(SurveyRequest.Endpoint.init(text:))
        + others.flatMap { reach($0, in: spec, server) }
    switch host.role {
    case .witness: break
    case .primary: request.targetDirectory = postgres.dataDirectory
    case .replica:
        request.targetDirectory = postgres.dataDirectory ?? server?.dataDirectory
        request.tablespaces = server?.sql?.tablespaces.map(\.location) ?? []
        request.walDirectory = postgres.walDirectory ?? server?.walDirectory
        request.files += files(named: server)
        request.locales = Set(server?.sql?.databases.filter { $0.provider == "c" }.map(\.collate) ?? [])
            .subtracting(["C", "POSIX", ""]).sorted()
    }
    return request
}

/// The ports of a member that every other host must be able to reach: PostgreSQL's and the agent's.
private func reach(_ peer: HostSpec, in spec: ClusterSpec, _ server: ServerFacts?) -> [SurveyRequest.Endpoint] {
    if peer.role == .witness { return [] }
    let port = peer.postgres.merged(over: spec.postgres).port ?? server?.port ?? 5432
    let addresses = server?.sql?.setting("listen_addresses")
    let isRelayed = peer.role == .primary && addresses.map { ListenAddresses($0).keepsOut(fromAddress: peer.address) } ?? false
    return [.init(host: peer.address, port: port), .init(host: peer.address, port: spec.replicas.restPort)]
        + (isRelayed ? [.init(host: peer.address, port: spec.replicas.portOfRelay)] : [])
}

/// Files outside the data directory that the primary's server needs: those its settings name, and what its archive
/// command is made of.
private func files(named server: ServerFacts?) -> [String] {
    guard let server else { return [] }
    let named = server.details?.namedFiles.map(\.path).filter {
        $0.hasPrefix("/") && !$0.hasPrefix(server.dataDirectory + "/")
    }
    let isArchiving = server.sql?.setting("archive_mode").map { $0 != "off" } ?? false
    return (named ?? []) + (isArchiving ? namedPaths(in: server.sql?.setting("archive_command") ?? "") : [])
}

private enum SurveyResult: Sendable {
    case found(HostFacts)
    case failed(UnreachableHost)

    var facts: HostFacts? { if case .found(let facts) = self { facts } else { nil } }
}

private func surveyOne(
    _ host: HostSpec, _ shell: (any RemoteShell)?, _ request: SurveyRequest, _ clock: WallClock
) async -> SurveyResult {
    guard let shell else {
        return .failed(UnreachableHost(host: host.name, reason: "no connection was made", check: "ssh.reach"))
    }
    do {
        var facts = try await HostSurvey.run(shell: shell, request: request, clock: clock)
        facts.host = host.name
        return .found(facts)
    } catch let failure as any ShellFailure {
        return .failed(UnreachableHost(host: host.name, reason: failure.message, check: failure.check))
    } catch let error as SurveyError {
        return .failed(UnreachableHost(host: host.name, reason: error.message, check: "ssh.shell"))
    } catch {
        return .failed(UnreachableHost(host: host.name, reason: "\(error)", check: "ssh.reach"))
    }
}

extension SurveyRequest.Endpoint {
    /// `host:port`, `[v6]:port`, with or without `http://` or `https://`.
    init?(text: String) {
        var rest = text[...]
        for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        while rest.last == "/" { rest = rest.dropLast() }
        guard let colon = rest.lastIndex(of: ":"), let port = Int(rest[rest.index(after: colon)...]),
            (1...65535).contains(port)
        else { return nil }
        var host = rest[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains(" ") else { return nil }
        self.init(host: String(host), port: port)
    }
}
