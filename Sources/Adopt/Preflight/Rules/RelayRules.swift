import Facts
import PostgresModel

/// What a relay to the server's socket, and the wider `listen_addresses` after it, would open.
///
/// The relay itself lets in one login, for physical replication, with a certificate of its own authority, and goes
/// on only when the server asks for that login's password. So rules that trust other logins open nothing through it.
/// Rules that trust addresses of the network mean nothing while the server is local; the restart that ends the relay
/// would bring them into force.
let relayDanger = Rule(
    "hba.relay-danger", "no trust that a relay or the restart after it would open",
    fails: "listen_addresses is local, and a rule trusts addresses of other hosts; or our replication login is a "
        + "superuser, or would not be asked for its password on the socket",
    warns: "a rule trusts 127.0.0.1, or replication over the socket",
    why: "Rules that never mattered while the server was local decide about the network as soon as it is not: "
        + "everybody on it could read and write everything.",
    remedy: "Ask for scram-sha-256 there.", .reload
) { picture in
    guard let primary = picture.primary, let text = picture.primaryServer?.hbaText else { return [] }
    let file = HBAFile(text: text)
    if picture.isRelayed, let reason = danger(file, picture) { return [.fail(primary.name, reason)] }
    let loopback = file.rules.first { rule in
        rule.method == "trust" && rule.connection != .local && rule.address.coversLoopback
    }
    if let loopback { return [.warn(primary.name, "line \(loopback.line): \(loopback.summary)")] }
    let socket = file.rules.first { rule in
        rule.method == "trust" && rule.connection == .local && rule.databases.contains { $0.text == "replication" }
    }
    if picture.isRelayed, let socket {
        return [
            .warn(
                primary.name,
                "line \(socket.line): \(socket.summary); not by way of the relay, whose login is asked for its password")
        ]
    }
    let words = picture.isRelayed ? "the relay opens nothing but its own login" : "no rule trusts 127.0.0.1"
    return [.ok(primary.name, words)]
}

/// What speaks against a relay; nil: nothing.
private func danger(_ file: HBAFile, _ picture: ClusterPicture) -> String? {
    let open = file.rules.first { rule in
        rule.method == "trust" && rule.connection != .local && rule.address.coversOtherHosts
    }
    if let open {
        return "line \(open.line): \(open.summary) would let the network in as soon as the server listens there"
    }
    let role = NeededConnection.replicationRole
    if picture.primarySQL?.roles.contains(where: { $0.name == role && $0.isSuperuser }) == true {
        return "the role \(role) is a superuser, and the relay lets it in from the network"
    }
    // As the plan will leave the file: with our rule at the top.
    let lines = (file.managedLines ?? []).filter { $0 != localRelayRule }
    let planned = file.replacingManagedBlock(with: [localRelayRule] + lines)
    let rule = planned.firstMatch(HBAConnection(database: .replication, user: role, address: nil))
    guard let rule, ["scram-sha-256", "md5", "password"].contains(rule.method) else {
        return "\(role) would not be asked for its password on the socket: \(rule?.summary ?? "no rule matches")"
    }
    return nil
}

/// The rule that the plan puts at the top for the relay.
private let localRelayRule = "local replication \(NeededConnection.replicationRole) scram-sha-256"

extension HBARule.Address {
    /// True: a connection from another host can match.
    var coversOtherHosts: Bool {
        switch self {
        case .network(let network): !network.isLoopback
        case .all, .sameNet: true
        case .sameHost, .none: false
        case .name(let name): name != "localhost"
        }
    }
}

extension IPNetwork {
    /// 127.0.0.0/8 and what is in it, and ::1.
    fileprivate var isLoopback: Bool {
        address.isLoopback && (address.bytes.count == 4 ? mask.first == 255 : mask.allSatisfy { $0 == 255 })
    }
}
