import Facts
import PostgresModel

/// pg_hba.conf simulated for what the cluster and its clients need, now and after a failover.
let connectionRules: [Rule] = [
    simulated(
        "hba.members", "every member may replicate from every other", .replication,
        why: "After a failover any member is the source; a rule that was never needed before is missing then."),
    simulated(
        "hba.rewind", "every member may rewind from every other", .rewind,
        why: "pg_rewind reads from the new primary's database postgres; refused, the old primary is copied anew."),
    Rule(
        "hba.local", "the agent gets in over the socket",
        fails: "the first local rule for the superuser asks for a password or rejects",
        why: "The agent runs as the server's OS user and has no password to give.",
        remedy: "`local all postgres peer` above the other local rules.", .reload
    ) { picture in
        guard let primary = picture.primary, let server = picture.primaryServer, let text = server.hbaText else {
            return []
        }
        let user = server.sql?.activity?.connectedUser ?? server.osUser
        let rule = HBAFile(text: text).firstMatch(
            HBAConnection(database: .named("postgres"), user: user, address: nil))
        guard let rule else {
            return HBAFile(text: text).hasIncludes
                ? [] : [.fail(primary.name, "no local rule lets \(user) into the database postgres")]
        }
        return ["peer", "trust", "ident"].contains(rule.method)
            ? [.ok(primary.name, "line \(rule.line): \(rule.method)")]
            : [.fail(primary.name, "line \(rule.line) asks \(user) for \(rule.method): \(rule.summary)")]
    },
    Rule(
        "hba.clients", "today's clients are let in by every future primary",
        warns: "a client that is connected now would be refused after a failover",
        why: "Rules for samehost, samenet or 127.0.0.1 mean another machine after a failover.",
        remedy: "Add rules for the addresses these clients will come from.", .reload
    ) { picture in
        guard picture.asked != nil else { return [] }
        let simulation = ConnectionSimulation(picture: picture)
        return picture.replicas.compactMap { host in
            guard simulation.file(of: host) != nil, let clients = picture.primarySQL?.activity?.clients else {
                return nil
            }
            let refused = simulation.refusedClients(when: host)
            let shown = refused.map { "\($0.user)@\($0.database) from \($0.address ?? "?")" }
            return refused.isEmpty
                ? .ok(host.name, "\(clients.count) kinds of clients, none would be refused")
                : .warn(host.name, "would refuse \(listed(shown))")
        }
    },
    relayDanger,
    Rule(
        "hba.external", "logins need nothing that only this host has",
        warns: "a rule asks LDAP, GSSAPI, SSPI, RADIUS, PAM, BSD or a client certificate",
        why:
            "Keytabs, PAM services and certificate authorities are files of the host: the next primary needs them too.",
        remedy: "Copy and try them on each replica before the first failover.", .none
    ) { picture in
        guard let primary = picture.primary, let text = picture.primaryServer?.hbaText else { return [] }
        let external: Set = ["ldap", "gss", "sspi", "radius", "pam", "bsd", "cert", "oauth"]
        let found = HBAFile(text: text).rules.filter { external.contains($0.method) }.map {
            "\($0.method) (line \($0.line))"
        }
        return found.isEmpty ? [.ok(primary.name, "no such rule")] : [.warn(primary.name, listed(found))]
    },
    Rule(
        "hba.includes", "pg_hba.conf can be read in one piece",
        warns: "it includes other files, or names lists in files",
        why: "Rules in other files are not simulated here, and a copy of the main file alone misses them.",
        remedy: "See that the included files are on every member.", .human
    ) { picture in
        guard let primary = picture.primary, let text = picture.primaryServer?.hbaText else { return [] }
        let file = HBAFile(text: text)
        let lists = file.rules.flatMap { $0.databases + $0.users }.filter { !$0.isQuoted && $0.text.hasPrefix("@") }
            .map(\.text)
        if file.hasIncludes { return [.warn(primary.name, "includes other files")] }
        return lists.isEmpty
            ? [.ok(primary.name, "one file")] : [.warn(primary.name, "lists in files: \(listed(lists))")]
    },
    Rule(
        "tls.certificate", "the server's certificate is valid, for a while yet, and for every member",
        fails: "expired", warns: "fewer than 30 days left, or it does not name every member",
        why: "Clients with sslmode=verify-full refuse a new primary whose certificate does not name it.",
        remedy: "A new certificate with the names of all members.", .reload
    ) { picture in
        guard let primary = picture.primary, picture.setting("ssl") == "on",
            let certificate = picture.details?.certificate
        else { return [] }
        let days = Int(certificate.remainingSeconds / 86_400)
        if certificate.remainingSeconds < 0 {
            return [.fail(primary.name, "\(certificate.path) expired \(-days) days ago")]
        }
        if days < 30 { return [.warn(primary.name, "\(certificate.path) expires in \(days) days")] }
        let lacking = picture.members.filter { host in
            !certificate.names.contains { matches($0, host.spec.address) || matches($0, host.name) }
        }.map(\.name)
        return lacking.isEmpty
            ? [.ok(primary.name, "\(days) days left, names every member")]
            : [.warn(primary.name, "\(certificate.path) does not name \(listed(lacking))")]
    },
    Rule(
        "files.named", "files that settings name exist on every member",
        fails: "a replica that runs already lacks a file that TLS needs while ssl is on",
        warns: "a replica lacks another one",
        why: "A server with ssl = on and no key does not start.",
        remedy: "Copy it, with owner and mode.", .none
    ) { picture in
        guard let details = picture.details, let server = picture.primaryServer else { return [] }
        let outside = details.namedFiles.filter { $0.exists && server.isOutside($0.path) }.map(\.path)
        let built = Set(picture.replicasToBuild.map(\.name))
        return picture.replicas.map { host in
            if outside.isEmpty { return .ok(host.name, "none outside the server's directories") }
            let missing = outside.filter(host.facts.lacks)
            if missing.isEmpty { return .ok(host.name, "\(outside.count) files, all there") }
            let ofTLS = server.outsideTLSFiles.filter(missing.contains)
            let others = missing.filter { !ofTLS.contains($0) }
            if !ofTLS.isEmpty, !built.contains(host.name) { return .fail(host.name, "lacks \(listed(missing))") }
            if !others.isEmpty { return .warn(host.name, "lacks \(listed(others))") }
            return .ok(host.name, "the plan brings \(listed(ofTLS))")
        }
    },
]

private func simulated(_ name: String, _ title: String, _ purpose: NeededConnection.Purpose, why: String) -> Rule {
    Rule(
        name, title, fails: "a server would refuse a member, judged from the address its packets come from",
        warns: "an adopted server refuses another one now, and a plan puts that right", why: why,
        remedy: "Correct the address in the inventory, or the rule that comes first; then apply again.", .reload
    ) { picture in
        let simulation = ConnectionSimulation(picture: picture)
        return picture.members.compactMap { server in
            let needed = simulation.needed.filter { $0.server == server.name && $0.purpose == purpose }
            let judged = needed.count { simulation.answer($0) != nil }
            if let refused = needed.lazy.compactMap({ simulation.refusal($0) }).first {
                return .fail(server.name, "would refuse \(refused)")
            }
            let adopted = Set(picture.members.filter(picture.isAdopted).map(\.name))
            let today = needed.lazy.filter { adopted.contains($0.client) }
            if let refused = today.compactMap({ simulation.refusal($0, today: true) }).first {
                return .warn(
                    server.name, "refuses \(refused)",
                    remedy: "Make a plan and apply it: it puts our rules first again.", .reload)
            }
            return judged == 0 ? nil : .ok(server.name, "lets in \(judged) members")
        }
    }
}

extension ConnectionSimulation {
    /// Who is refused, as whom and by what; nil: nobody, or it cannot be judged.
    fileprivate func refusal(_ connection: NeededConnection, today: Bool = false) -> String? {
        guard case .refused(let rule)? = answer(connection, today: today),
            let client = picture.members.first(where: { $0.name == connection.client }),
            let server = picture.members.first(where: { $0.name == connection.server })
        else { return nil }
        let because = rule.map { "line \($0.line): \($0.summary)" } ?? "no line matches"
        return "\(client.name) (\(source(from: client, to: server))) as \(connection.role): \(because)"
    }
}

/// A name of a certificate covers one label with its star.
private func matches(_ pattern: String, _ name: String) -> Bool {
    if pattern.lowercased() == name.lowercased() { return true }
    guard pattern.hasPrefix("*."), let dot = name.firstIndex(of: ".") else { return false }
    return name[dot...].lowercased() == pattern.dropFirst().lowercased()
}

extension HBARule.Address {
    var coversLoopback: Bool {
        guard let loopback = IPAddress("127.0.0.1") else { return false }
        return switch self {
        case .network(let network): network.contains(loopback)
        case .all, .sameHost, .sameNet: true
        case .name(let name): name == "localhost"
        case .none: false
        }
    }
}
