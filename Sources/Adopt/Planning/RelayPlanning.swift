import Configuration
import Inventory
import PostgresModel

/// Where a relay's certificates lie on a member, and what signs them.
public struct RelayCertificates: Codable, Equatable, Sendable {
    /// The member whose root keeps the authority's key.
    public var authorityHost: String
    public var authorityDirectory: String
    /// Names and addresses the member's relay is reached at; empty: it only goes to another's.
    public var names: [String]
    public var certificate: String
    public var key: String
    public var authority: String
    /// True: nothing else of the secrets is touched; the agents read the files again by themselves.
    public var isRenewal: Bool
}

/// How a member reaches another one through its relay.
public struct RelayAccess: Codable, Equatable, Sendable {
    public var certificate: String
    public var key: String
    public var authority: String

    /// libpq's keywords for it, sorted.
    public var settings: [(keyword: String, value: String)] {
        AgentConfiguration.Relay.connectionSettings(certificate: certificate, key: key, authority: authority)
            .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

extension Layout {
    public var relayCertificate: String { "\(secrets)/relay.pem" }
    public var relayKey: String { "\(secrets)/relay.key" }
    public var relayAuthority: String { "\(secrets)/relay-ca.pem" }
    /// On the primary, root's alone.
    public var relayAuthorityDirectory: String { "\(state)/relay-ca" }
    public var relayAccess: RelayAccess {
        RelayAccess(certificate: relayCertificate, key: relayKey, authority: relayAuthority)
    }
}

/// A primary that listens on its own host only: until its next planned restart its replicas come through the agent.
extension PlanContext {
    /// The replicas cannot reach the server itself. A plan that restarts it needs no relay.
    var isRelayed: Bool {
        guard restartWindow == nil, !replicas.isEmpty, let value = sql.setting("listen_addresses") else { return false }
        return ListenAddresses(value).keepsOut(fromAddress: primary.address)
    }

    /// Where replicas connect to: the server, or its relay.
    var sourcePort: Int { isRelayed ? spec.replicas.portOfRelay : server.port }

    var relayAccess: RelayAccess? { isRelayed ? layout.relayAccess : nil }

    /// What `listen_addresses` is to be on a member; nil: not ours to say. The owner's own addresses stay, and the
    /// member's is added; where it is not known to be the host's own, all are listened at.
    func wantedListenAddresses(of host: HostSpec) -> String? {
        guard let setting = sql.settings.first(where: { $0.name == "listen_addresses" }) else { return nil }
        var running = ListenAddresses(setting.value)
        // After the restart the value is that of an earlier plan of ours.
        let isOurs = setting.sourceFile == settingsFile(of: primary).path
        guard running.keepsOut(fromAddress: primary.address) || isOurs else { return nil }
        running.entries.removeAll { isOurs && ownAddresses(of: primary).contains($0) }
        guard let address = ownAddresses(of: host).first else { return "*" }
        return running.adding(address).value
    }

    /// The inventory's address, or what the host resolves its name to, as far as the host has it.
    private func ownAddresses(of host: HostSpec) -> [String] {
        let network = facts.host(host.name)?.network
        let own = network?.addresses.map { $0.split(separator: "/").first.map(String.init) ?? $0 } ?? []
        let meant = IPAddress(host.address) == nil ? network?.names[host.address] ?? [] : [host.address]
        if own.isEmpty, IPAddress(host.address) != nil { return meant }
        return meant.filter { own.contains($0) && IPAddress($0)?.isLoopback == false }
    }

    /// For the agent's configuration.
    func relaySection(of host: HostSpec) -> AgentConfiguration.Relay? {
        guard isRelayed else { return nil }
        let port = spec.replicas.portOfRelay
        let isPrimary = host.name == primary.name
        return .init(
            listen: isPrimary
                ? ListenAddress(hosts: [ownAddresses(of: host).first ?? "*"], port: port) : nil,
            certificateFile: layout.relayCertificate, keyFile: layout.relayKey, authorityFile: layout.relayAuthority,
            members: isPrimary ? [] : [HostPort(host: primary.address, port: port)])
    }

    func relayCertificates(of host: HostSpec, isRenewal: Bool = false) -> RelayCertificates? {
        guard isRelayed else { return nil }
        return RelayCertificates(
            authorityHost: primary.name, authorityDirectory: layout.relayAuthorityDirectory,
            names: host.name == primary.name ? [host.address] : [], certificate: layout.relayCertificate,
            key: layout.relayKey, authority: layout.relayAuthority, isRenewal: isRenewal)
    }

    /// New certificates where those of a relay that is still needed end soon.
    func relayRenewalSteps() -> [PlannedStep] {
        guard isRelayed, isAdopted(primary),
            let end = relayCertificateEnd(facts.store.keys ?? [:], member: primary.name, prefix: storePrefix),
            let now = UTCTime(facts.takenAt)?.seconds,
            end - now < Int64(relayRenewalDays) * 86_400
        else { return [] }
        let members = [primary] + replicas.filter { isAdopted($0) }
        return members.compactMap { host in
            guard let relay = relayCertificates(of: host, isRenewal: true) else { return nil }
            var change = SecretsChange(
                directory: layout.secrets, osUser: osUser(of: host), roles: [], copiedFrom: nil, shipped: [],
                passfile: layout.passfile)
            change.relay = relay
            return PlannedStep(
                host: host.name, kind: .secrets(change), effect: .none,
                summary: "renew the certificate for the replication relay, which ends in "
                    + "\(max(0, end - now) / 86_400) days; the agents read it by themselves",
                estimate: StepEstimate(.milliseconds(300)), undo: "nothing: it replaces one that ends")
        }
    }
}

/// Days before the end of a relay's certificate at which people are told, and a plan renews it.
public let relayRenewalDays = 90
