import PostgresModel

/// Who may connect.
let hbaRules: [Rule] = [
    Rule(
        "hba.parse", "pg_hba.conf has no errors",
        fails: "there are some, or it cannot be read",
        why: "A reload keeps the old rules silently when one line is wrong.",
        remedy: "Correct the lines, reload.", .reload
    ) { picture in
        guard let primary = picture.primary, let server = picture.primaryServer else { return [] }
        guard let text = server.hbaText else {
            return [.fail(
                primary.name, "pg_hba.conf could not be read as text", remedy: "See survey.complete.", .human)]
        }
        let told = server.sql?.fileErrors.filter { error in server.hbaFile.map { error.hasPrefix($0 + ":") } ?? false } ?? []
        // The server's own verdict counts; our reading speaks only when the server could not be asked.
        let errors = server.sql == nil ? HBAFile(text: text).errors : told
        return errors.isEmpty
            ? [.ok(primary.name, "\(HBAFile(text: text).rules.count) rules, no errors")]
            : [.fail(primary.name, listed(errors).oneLine, remedy: "Correct the lines and reload.", .reload)]
    },
    Rule(
        "hba.replication", "replication is let in for the members, and not for everybody",
        warns: "a `trust` rule lets replication in from the network; or our block lacks a replica",
        why: "A base backup is a copy of everything; a trust rule gives it to whoever reaches the port.",
        remedy: "Ask for scram-sha-256; apply again.", .reload
    ) { picture in
        guard let primary = picture.primary, let text = picture.primaryServer?.hbaText else { return [] }
        let file = HBAFile(text: text)
        let open = file.rules.filter { rule in
            rule.method == "trust" && rule.address.reachesBeyondHost
                && rule.databases.contains { !$0.isQuoted && $0.text == "replication" }
        }
        if let rule = open.first {
            return [.warn(
                primary.name, "line \(rule.line) trusts replication from the network: \(rule.summary)",
                remedy: "Ask for scram-sha-256 or a certificate there.", .reload)]
        }
        let managed = file.managedLines.map { HBAFile(text: $0.joined(separator: "\n")) }
        guard let managed else {
            return [.ok(primary.name, "the plan puts rules for \(picture.members.count) members at the top")]
        }
        let uncovered = picture.replicas.filter { host in
            guard let address = IPAddress(host.spec.address) else { return false }
            return !managed.rules.contains { rule in
                rule.method != "reject" && rule.connection != .local && rule.address.contains(address)
                    && rule.databases.contains { !$0.isQuoted && $0.text == "replication" }
            }
        }.map(\.name)
        return uncovered.isEmpty
            ? [.ok(primary.name, "the managed block covers every replica")]
            : [.warn(primary.name, "the managed block lacks \(listed(uncovered))", remedy: "Apply the plan again.", .reload)]
    },
]

extension HBARule.Address {
    /// True: somebody else's machine can match.
    var reachesBeyondHost: Bool {
        switch self {
        case .none, .sameHost: false
        case .all, .sameNet, .name: true
        case .network(let network): !network.address.isLoopback || network.mask.first != 0xFF
        }
    }

    /// Names are given the benefit of the doubt: only a resolver could tell.
    func contains(_ address: IPAddress) -> Bool {
        switch self {
        case .none, .sameHost: false
        case .all, .sameNet, .name: true
        case .network(let network): network.contains(address)
        }
    }
}
