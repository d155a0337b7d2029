/// Can every host be reached, and may we do there what must be done?
let accessRules: [Rule] = [
    unreachable("ssh.reach", "SSH answers", why: "Nothing can be read or changed on a host that does not answer."),
    unreachable(
        "ssh.hostkey", "the host key is known",
        why: "A changed or unknown key may be somebody in the middle of a connection that will run commands as root."),
    unreachable("ssh.auth", "the login works", why: "Nothing else works without it."),
    unreachable(
        "ssh.shell", "the login shell runs commands",
        why: "Facts come from a script; a shell that breaks it gives half of them, and half is worse than none."),
    Rule(
        "ssh.sudo", "root and the PostgreSQL user can be become",
        why: "Units need root; the data directory and SQL need the PostgreSQL user."
    ) { picture in
        let refused = picture.facts.unreachable.filter { $0.check == "ssh.sudo" }.map {
            Issue.fail($0.host, $0.reason, remedy: sudoRemedy, .none)
        }
        return refused
            + picture.hosts.map { host in
                let system = host.facts.system
                if !system.canBecomeRoot {
                    return .fail(
                        host.name, "user \(system.loginUser) cannot become root without a password", remedy: sudoRemedy, .none)
                }
                if system.hasPostgresUser, host.spec.role != .witness, !system.canBecomePostgres {
                    return .fail(
                        host.name, "user \(system.loginUser) cannot become the PostgreSQL user", remedy: sudoRemedy, .none)
                }
                return .ok(host.name, "user \(system.loginUser) can become root and the PostgreSQL user")
            }
    },
    Rule(
        "survey.complete", "everything that was asked was answered",
        why: "A check that could not read its facts says nothing; what is not known is not fine."
    ) { picture in
        picture.hosts.map { host in
            guard let first = host.facts.problems.first else { return .ok(host.name, "all facts were gathered") }
            let more = host.facts.problems.count > 1 ? " (and \(host.facts.problems.count - 1) more)" : ""
            return .warn(host.name, first.oneLine + more, remedy: "See what the host says and check again.", .human)
        }
    },
]

private let sudoRemedy = "Allow it without a password in a file below /etc/sudoers.d, or log in as root."

/// A rule about hosts that could not be surveyed: fails for those that name it, ok for the surveyed ones.
private func unreachable(_ name: String, _ title: String, why: String) -> Rule {
    Rule(name, title, why: why) { picture in
        picture.facts.unreachable.filter { $0.check == name }.map {
            .fail($0.host, $0.reason, remedy: "Make the connection work, then check again.", .human)
        } + picture.hosts.map { .ok($0.name, title) }
    }
}

extension String {
    /// The text with line ends and runs of blanks as single blanks, at most 200 characters.
    var oneLine: String {
        let text = split(whereSeparator: { $0.isWhitespace }).joined(separator: " ")
        return text.count > 200 ? text.prefix(199) + "…" : text
    }
}
