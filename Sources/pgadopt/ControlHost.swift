import Certificates
import Cluster
import Etcd
import Facts
import Inventory
import SSH
import Shell
import Store
import Survey

/// What one command needs of the outside world for one cluster: shells on its hosts and a client of its store.
struct ControlHost {
    let spec: ClusterSpec
    /// Hosts that the inventory does not name any more, and that a plan takes out.
    var leaving: [HostSpec] = []

    /// A shell for each host. Nothing is connected yet: the first command on a host does that.
    func shells() async throws -> [String: SSHHost] {
        var shells: [String: SSHHost] = [:]
        for host in spec.hosts + leaving { shells[host.name] = try await shell(for: host) }
        return shells
    }

    func shell(for host: HostSpec) async throws -> SSHHost {
        let passphrase = host.ssh.passphraseSource
        var options = SSHOptions()
        options.useSudo = host.ssh.sudo == .auto
        options.passphrase = passphrase.map { source in { @Sendable _ in try Secret.read(source) } }
        let request = SSHRequest(
            alias: host.ssh.host, port: host.ssh.port, user: host.ssh.user, identityFile: host.ssh.identityFile,
            useAgent: host.ssh.useAgent, knownHostsFile: host.ssh.knownHostsFile, jump: host.ssh.jump)
        let target = try await SSHResolver(configFile: Files.environment("PGADOPT_SSH_CONFIG"))
            .resolve(request, hostName: host.name)
        return SSHHost(name: host.name, target: target, options: options)
    }

    func storeClient() throws -> EtcdClient { try EtcdClient(try storeConfiguration()) }

    private func storeConfiguration() throws -> EtcdConfiguration {
        let store = spec.store
        let tls = store.tls.map {
            EtcdConfiguration.TLS(
                authorityFile: $0.caFile, certificateFile: $0.certificateFile, keyFile: $0.keyFile)
        }
        var credentials: EtcdConfiguration.Credentials?
        if let username = store.username {
            let password = try store.passwordSource.map { try Secret.read($0) } ?? ""
            credentials = .init(name: username, password: password)
        }
        return EtcdConfiguration(
            endpoints: try store.endpoints.map { try .init(parsing: $0) }, tls: tls, credentials: credentials)
    }

    /// Reads the store and changes nothing: each endpoint's state, the members, the keys of this cluster.
    func storeFacts(_ client: EtcdClient) async -> StoreFacts {
        var facts = StoreFacts()
        facts.endpoints = await withTaskGroup(of: StoreFacts.Endpoint.self) { group in
            for endpoint in client.configuration.endpoints {
                group.addTask {
                    do {
                        let status = try await client.status(of: endpoint, timeout: .seconds(3))
                        let error = status.leader == 0 ? "it has no leader" : status.errors.first
                        var entry = StoreFacts.Endpoint(
                            endpoint: endpoint.description, version: status.version, error: error)
                        entry.databaseSize = .init(status.databaseSize)
                        return entry
                    } catch {
                        return .init(endpoint: endpoint.description, error: "\(error)")
                    }
                }
            }
            var found: [String: StoreFacts.Endpoint] = [:]
            for await entry in group { found[entry.endpoint] = entry }
            return client.configuration.endpoints.compactMap { found[$0.description] }
        }
        facts.clientCertificateDays = clientCertificateDays()
        guard facts.endpoints.contains(where: { $0.error == nil }) else { return facts }
        facts.memberCount = try? await client.memberList(timeout: .seconds(3)).members.count
        let clock = ContinuousClock()
        let began = clock.now
        if let range = try? await client.range(prefix: base, timeout: .seconds(3)) {
            let took = began.duration(to: clock.now)
            facts.readMilliseconds = Double(took.components.attoseconds) / 1e15 + Double(took.components.seconds) * 1e3
            facts.revision = range.header.revision
            facts.keys = Dictionary(
                range.keyValues.map { entry in
                    (String(entry.keyText.dropFirst(base.count)), String(decoding: entry.value, as: UTF8.self))
                },
                uniquingKeysWith: { first, _ in first })
        }
        facts.alarms = facts.endpoints.compactMap { entry in
            guard entry.version != nil, let error = entry.error else { return nil }
            return "\(entry.endpoint): \(error)"
        }
        facts.slowestReadMilliseconds = facts.readMilliseconds
        for _ in 0..<9 {
            let began = clock.now
            guard (try? await client.range(prefix: base, timeout: .seconds(3))) != nil else { break }
            let took = began.duration(to: clock.now).components
            let milliseconds = Double(took.attoseconds) / 1e15 + Double(took.seconds) * 1e3
            facts.slowestReadMilliseconds = max(facts.slowestReadMilliseconds ?? 0, milliseconds)
        }
        return facts
    }

    /// Of this machine's own certificate for a managed store; nil: there is none yet.
    func clientCertificateDays() -> Int? {
        guard let managed = spec.store.managed, let bytes = try? Files.read(managed.clientCertificateFile),
            let content = try? CertificateContent(pem: String(decoding: bytes, as: UTF8.self))
        else { return nil }
        return Int((Double(content.end) - Survey.WallClock.system.secondsSince1970()) / 86_400)
    }

    /// `/namespace/cluster/`
    var base: String {
        let namespace = spec.store.namespace.split(separator: "/").joined(separator: "/")
        return "/\(namespace)/\(spec.name)/"
    }
}

/// Reading secrets where the inventory says they are.
enum Secret {
    static func read(_ source: SecretSource) throws -> String {
        switch source {
        case .file(let path):
            let text = String(decoding: try Files.read(path), as: UTF8.self)
            return String(text.prefix { !$0.isNewline })
        case .environment(let name):
            guard let value = Files.environment(name) else {
                throw FileError(
                    path: "$\(name)", problem: "this environment variable is not set; the inventory names it")
            }
            return value
        }
    }
}
