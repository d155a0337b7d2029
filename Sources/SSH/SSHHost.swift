import Shell

/// A host reached over SSH. Connects on first use, again after a broken connection, and carries many commands at once.
public actor SSHHost: RemoteShell {
    public nonisolated let hostName: String
    public nonisolated let target: SSHTarget
    public nonisolated let options: SSHOptions

    /// The jump hosts in the order of dialling, then the host.
    private var chain: [Connection] = []

    public init(name: String, target: SSHTarget, options: SSHOptions = .init()) {
        hostName = name
        self.target = target
        self.options = options
    }

    /// Connects and logs in now, for callers that want the error before the first command.
    public func connect(deadline: Duration = .seconds(30)) async throws {
        _ = try await connection(until: .now + deadline)
    }

    /// Ends the connection; the next command makes a new one.
    public func disconnect() async {
        let old = chain
        chain = []
        for connection in old.reversed() { await connection.close() }
    }

    public func run(
        _ command: String, as account: Account, standardInput: [UInt8], deadline: Duration,
        onOutput: (@Sendable ([UInt8]) -> Void)?
    ) async throws -> CommandResult {
        let (first, rest) = CommandInput.bytes(standardInput)
        return try await run(command, as: account, first: first, input: rest, deadline: deadline, onOutput: onOutput)
    }

    func run(
        _ command: String, as account: Account, first: [UInt8] = [], input: CommandInput, deadline: Duration,
        onOutput: (@Sendable ([UInt8]) -> Void)? = nil
    ) async throws -> CommandResult {
        let sudoUser = try sudoUser(for: account)
        let text = CommandText(command, sudoUser: sudoUser, nonce: String(UInt64.random(in: .min ... .max), radix: 16))
        guard text.text.utf8.count <= CommandText.limit, !command.utf8.contains(0) else {
            throw SSHError(.argument, host: hostName, """
                a command of \(command.utf8.count) bytes is too long for one request or holds a zero byte; \
                run sh and pass it on standard input.
                """)
        }
        let until = ContinuousClock.now + deadline
        let connection = try await connection(until: until)
        let outcome: Connection.Outcome
        do {
            outcome = try await connection.execute(text, first: first, input: input, until: until, onOutput: onOutput)
        } catch is DeadlinePassed {
            throw SSHError(.deadline, host: hostName, """
                a command did not end within \(deadline.components.seconds) s; its channel was closed, but a process \
                that ignores that may still run on the host. It began with: \(command.prefix(80))
                """)
        }
        if outcome.started { return outcome.result }
        throw notStarted(outcome, sudoUser: sudoUser)
    }

    // MARK: Connections

    func connection(until deadline: Connection.Instant) async throws -> Connection {
        if let last = chain.last, await last.usable {
            try await last.ready(until: deadline)
            return last
        }
        return try await fresh(until: deadline)
    }

    private func fresh(until deadline: Connection.Instant) async throws -> Connection {
        let old = chain
        var next: [Connection] = []
        for hop in target.jumps + [target] {
            let name = next.count == target.jumps.count ? hostName : "\(hostName) (jump host \(hop.host))"
            next.append(Connection(name: name, target: hop, options: options, via: next.last))
        }
        chain = next
        let connection = next[next.count - 1]
        for connection in old.reversed() { await connection.close() }
        try await connection.ready(until: deadline)
        return connection
    }

    // MARK: Accounts

    private func sudoUser(for account: Account) throws -> String? {
        guard case .user(let user) = account, user != target.user else { return nil }
        if options.useSudo { return user }
        throw SSHError(.sudo, host: hostName, """
            this step runs as \(user), but the login user is \(target.user) and sudo is switched off for this host. \
            Log in as \(user), or allow sudo (ssh.sudo: auto).
            """)
    }

    private func notStarted(_ outcome: Connection.Outcome, sudoUser: String?) -> SSHError {
        let said = (outcome.errorNoise + "\n" + outcome.noise).split(whereSeparator: \.isNewline)
            .map { String($0) }.filter { !$0.isEmpty }
        if let sudoUser, let refusal = SudoRefusal(said) {
            return SSHError(.sudo, host: hostName, refusal.message(login: target.user, user: sudoUser))
        }
        let words = said.isEmpty ? "nothing" : said.suffix(3).joined(separator: " | ")
        return SSHError(.shell, host: hostName, """
            the login shell of \(target.user) did not run the command (exit code \(outcome.result.status)); it said: \
            \(words). The account needs a login shell that runs commands (not nologin), and no ForceCommand \
            or command= in authorized_keys.
            """)
    }
}

extension Connection {
    /// Worth waiting for or using.
    var usable: Bool {
        if case .broken = state { return false }
        return session?.transport.ended == nil
    }
}
