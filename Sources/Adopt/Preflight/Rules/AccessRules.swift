/// Can every host be reached, and may we do there what must be done?
let accessRules: [Rule] = [
    unreachable(
        "ssh.reach", "SSH answers", fails: "no connection",
        why: "Nothing can be read or changed on a host that does not answer.",
        remedy: "Make the connection work."),
    unreachable(
        "ssh.hostkey", "the host key is known", fails: "unknown or changed key",
        why: "A changed or unknown key may be somebody in the middle of a connection that will run commands as root.",
        remedy: "Compare the key, then put it into known_hosts."),
    unreachable(
        "ssh.auth", "the login works", fails: "no key or agent identity is taken",
        why: "Nothing else works without it.",
        remedy: "Name a key the host accepts."),
    unreachable(
        "ssh.shell", "the login shell runs commands", fails: "it does not run the survey's script",
        why: "Facts come from a script; a shell that breaks it gives half of them, and half is worse than none.",
        remedy: "Give the login user a POSIX shell."),
    Rule(
        "ssh.sudo", "root and the PostgreSQL user can be become",
        fails: "either cannot, without a password",
        why: "Units need root; the data directory and SQL need the PostgreSQL user.",
        remedy: "A file below `/etc/sudoers.d`, or log in as root.", .none
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
        warns: "a fact is missing",
        why: "A check that could not read its facts says nothing; what is not known is not fine.",
        remedy: "See what the host says, check again.", .human
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
private func unreachable(_ name: String, _ title: String, fails: String, why: String, remedy: String) -> Rule {
    Rule(name, title, fails: fails, why: why, remedy: remedy, .human) { picture in
        picture.facts.unreachable.filter { $0.check == name }.map { .fail($0.host, $0.reason) }
            + picture.hosts.map { .ok($0.name, title) }
    }
}
