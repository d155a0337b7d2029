/// Why sudo did not start a command.
struct SudoRefusal: Equatable, Sendable {
    enum Reason: Equatable, Sendable { case password, notAllowed, terminal, missing, unknownUser, other }
    var reason: Reason
    var words: String

    /// Nil when the lines do not come from sudo.
    init?(_ lines: [String]) {
        guard let line = lines.last(where: { $0.contains("sudo") || $0.contains("not allowed to execute") }) else {
            return nil
        }
        words = line
        let text = lines.joined(separator: "\n")
        reason = if text.contains("sudo") && text.contains("not found") { .missing }
            else if text.contains("must have a tty") || text.contains("no tty present") { .terminal }
            else if text.contains("password is required") { .password }
            else if text.contains("not in the sudoers") || text.contains("not allowed") || text.contains("may not run sudo") {
                .notAllowed
            } else if text.contains("unknown user") { .unknownUser }
            else { .other }
    }

    func message(login: String, user: String) -> String {
        let line = "\(login) ALL=(ALL) NOPASSWD: ALL"
        let add = "Add a file /etc/sudoers.d/pgadopt (visudo -f) with the line: \(line)"
        switch reason {
        case .password:
            return "sudo wants a password to run commands as \(user) for \(login) (\(words)). \(add)"
        case .notAllowed:
            return "sudo does not allow \(login) to run commands as \(user) (\(words)). \(add)"
        case .terminal:
            return """
                sudo wants a terminal (\(words)), which a program does not have. Add to /etc/sudoers.d/pgadopt \
                (visudo -f): Defaults:\(login) !requiretty, and the line: \(line)
                """
        case .missing:
            return "there is no sudo on the host (\(words)). Install it, or log in as \(user). With sudo: \(add)"
        case .unknownUser:
            return "sudo knows no user \(user) on the host (\(words)). Is PostgreSQL's account named otherwise there?"
        case .other:
            return "sudo refused to run a command as \(user) (\(words)). \(add)"
        }
    }
}
