import Facts
import Inventory
import PostgresModel

/// A connection that the cluster will make from one member to another, now or after a failover.
struct NeededConnection: Equatable, Sendable {
    enum Purpose: String, Sendable { case replication, rewind }

    var purpose: Purpose
    var client: String
    var server: String

    /// The names the plan gives its two roles.
    static let replicationRole = "pgadopt_replication"
    static let rewindRole = "pgadopt_rewind"

    var role: String { purpose == .replication ? Self.replicationRole : Self.rewindRole }
}

/// pg_hba.conf judged for every connection the cluster needs, in both directions.
struct ConnectionSimulation {
    /// What a server would answer.
    enum Answer: Equatable {
        case accepted(method: String)
        /// A line that refuses or does not fit, or nil: no line at all.
        case refused(HBARule?)
    }

    var picture: ClusterPicture
    private var files: [String: HBAFile] = [:]

    init(picture: ClusterPicture) {
        self.picture = picture
        for host in picture.members { files[host.name] = Self.file(of: host, picture) }
    }

    /// Every ordered pair of members, for replication and for pg_rewind.
    var needed: [NeededConnection] {
        picture.members.flatMap { server in
            picture.members.filter { $0.name != server.name }.flatMap { client in
                [NeededConnection.Purpose.replication, .rewind].map {
                    NeededConnection(purpose: $0, client: client.name, server: server.name)
                }
            }
        }
    }

    /// The rules that a member's server will have: its own once it is adopted; else the primary's, or those of a
    /// standby that runs; all with the managed block as the plan writes it, for members that come and go. Nil: no text
    /// is known.
    func file(of host: ClusterPicture.Host) -> HBAFile? { files[host.name] }

    private static func file(of host: ClusterPicture.Host, _ picture: ClusterPicture) -> HBAFile? {
        let own = picture.isAdopted(host) ? picture.server(on: host) : picture.standby(on: host)
        guard let text = own?.hbaText ?? picture.primaryServer?.hbaText else { return nil }
        let lines = picture.members.flatMap { member in
            let address = mask(member.spec.address)
            return [
                "host replication \(NeededConnection.replicationRole) \(address) scram-sha-256",
                "host postgres \(NeededConnection.rewindRole) \(address) scram-sha-256",
            ]
        }
        return HBAFile(text: text).replacingManagedBlock(with: lines)
    }

    private func present(_ host: ClusterPicture.Host) -> HBAFile? {
        guard picture.isAdopted(host) else { return nil }
        return picture.server(on: host)?.hbaText.map { HBAFile(text: $0) }
    }

    private static func mask(_ address: String) -> String {
        guard let parsed = IPAddress(address) else { return address }
        return "\(address)/\(parsed.bytes.count * 8)"
    }

    /// The address a member's packets to another one come from: what its kernel says, else that of the inventory.
    func source(from client: ClusterPicture.Host, to server: ClusterPicture.Host) -> String {
        client.facts.network.sourceAddresses[server.spec.address] ?? client.spec.address
    }

    /// Nil: it cannot be judged, because a text or an address is not known.
    ///
    /// - Parameter today: by the rules that an adopted member has now; not, as else, by those of the plan.
    func answer(_ connection: NeededConnection, today: Bool = false) -> Answer? {
        guard let client = picture.members.first(where: { $0.name == connection.client }),
            let server = picture.members.first(where: { $0.name == connection.server }),
            let file = today ? present(server) : file(of: server),
            let address = IPAddress(source(from: client, to: server))
        else { return nil }
        let database: HBAConnection.Database = connection.purpose == .replication ? .replication : .named("postgres")
        // libpq's sslmode=prefer: with TLS where the server has it, then without.
        let attempts = picture.setting("ssl") == "on" ? [true, false] : [false]
        var refused: HBARule?
        for tls in attempts {
            let attempt = HBAConnection(
                database: database, user: connection.role, address: address,
                hostName: IPAddress(client.spec.address) == nil ? client.spec.address : nil, usesTLS: tls,
                serverAddresses: networks(of: server))
            let rule = file.firstMatch(attempt)
            if let rule, Self.methods.contains(rule.method) { return .accepted(method: rule.method) }
            refused = refused ?? rule
        }
        return .refused(refused)
    }

    /// Methods that our roles, which have a password, can pass.
    private static let methods: Set = ["scram-sha-256", "md5", "password", "trust"]

    private func networks(of host: ClusterPicture.Host) -> [IPNetwork] {
        host.facts.network.addresses.compactMap { text in
            let parts = text.split(separator: "/")
            guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
            return IPNetwork(address: address, prefix: parts.count > 1 ? Int(parts[1]) ?? 0 : address.bytes.count * 8)
        }
    }

    /// Clients of today and what becomes of them when `leader` leads: those whose connection it would refuse.
    func refusedClients(when leader: ClusterPicture.Host) -> [ClientFacts] {
        guard let primary = picture.primary, let file = file(of: leader), let sql = picture.primarySQL else {
            return []
        }
        return (sql.activity?.clients ?? []).filter { client in
            guard let text = client.address, let address = IPAddress(text) else { return false }
            // A client on the primary's own host will come over the network.
            let seen =
                address.isLoopback || text == primary.spec.address
                ? IPAddress(source(from: primary, to: leader)) ?? address : address
            let rule = file.firstMatch(
                HBAConnection(
                    database: .named(client.database), user: client.user, address: seen, usesTLS: client.usesTLS,
                    serverAddresses: networks(of: leader)))
            return rule == nil || rule?.method == "reject"
        }
    }
}
