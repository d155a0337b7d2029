import FoundationEssentials
import Glibc

/// What the inventory says of a host; everything absent comes from `~/.ssh/config` or OpenSSH's defaults.
public struct SSHRequest: Equatable, Sendable {
    /// A name, an address or an alias.
    public var alias: String
    public var port: Int?
    public var user: String?
    /// Offered before, and instead of, the key files of the configuration.
    public var identityFile: String?
    /// False: leave the ssh-agent alone.
    public var useAgent: Bool
    public var knownHostsFile: String?
    /// `[user@]host[:port]` or an alias, several separated by commas; `none` for a direct connection.
    public var jump: String?

    public init(
        alias: String, port: Int? = nil, user: String? = nil, identityFile: String? = nil, useAgent: Bool = true,
        knownHostsFile: String? = nil, jump: String? = nil
    ) {
        self.alias = alias
        self.port = port
        self.user = user
        self.identityFile = identityFile
        self.useAgent = useAgent
        self.knownHostsFile = knownHostsFile
        self.jump = jump
    }
}

/// Turns what the inventory says into a target, by asking the OpenSSH client (`ssh -G`) what its configuration means.
public struct SSHResolver: Sendable {
    /// Read instead of `~/.ssh/config` and the system's file (`ssh -F`).
    public var configFile: String?
    public var environment: [String: String]
    /// Longest jump chain followed; a configuration can name itself as its jump host.
    private static let jumpLimit = 8

    public init(configFile: String? = nil, environment: [String: String]? = nil) {
        self.configFile = configFile
        self.environment = environment ?? Self.processEnvironment
    }

    /// - Parameter hostName: the host's name in the inventory, for messages.
    /// - Throws: ``SSHError`` with `argument` when ssh refuses its configuration, `deadline` when it hangs.
    public func resolve(_ request: SSHRequest, hostName: String) async throws -> SSHTarget {
        try await resolve(request, hostName: hostName, depth: 0)
    }

    private func resolve(_ request: SSHRequest, hostName: String, depth: Int) async throws -> SSHTarget {
        guard depth < Self.jumpLimit else {
            throw SSHError(.argument, host: hostName, """
                more than \(Self.jumpLimit) jump hosts in a row: does ProxyJump of \(request.alias) lead back to itself?
                """)
        }
        guard !request.alias.isEmpty, !request.alias.hasPrefix("-") else {
            throw SSHError(.argument, host: hostName, "ssh.host '\(request.alias)' is not a host name.")
        }
        let settings = try await settings(of: request, hostName: hostName)
        let home = environment["HOME"] ?? "/root"
        let user = request.user ?? settings.first("user") ?? environment["USER"] ?? "root"
        let files = request.identityFile.map { [$0] } ?? settings.all("identityfile")
        let known = request.knownHostsFile.map { [$0] }
            ?? settings.list("userknownhostsfile") + settings.list("globalknownhostsfile")
        var target = SSHTarget(
            host: settings.first("hostname") ?? request.alias, port: request.port ?? settings.int("port") ?? 22, user: user,
            identityFiles: files.map { expand($0, home) },
            identitiesOnly: settings.first("identitiesonly") == "yes",
            agentSocket: agentSocket(request, settings, home), knownHostsFiles: known.map { expand($0, home) },
            hostKeyAlias: settings.first("hostkeyalias").flatMap { $0 == "none" ? nil : $0 })
        if let command = settings.first("proxycommand"), command != "none", request.jump == nil {
            throw SSHError(.argument, host: hostName, """
                ~/.ssh/config has a ProxyCommand for \(request.alias), which pgadopt does not run. Use ProxyJump there, \
                or ssh.jump in the inventory.
                """)
        }
        let jump = request.jump ?? settings.first("proxyjump") ?? "none"
        if jump != "none", !jump.isEmpty {
            target.jumps = try await jumps(jump, of: request, hostName: hostName, depth: depth)
        }
        return target
    }

    private func jumps(
        _ text: String, of request: SSHRequest, hostName: String, depth: Int
    ) async throws -> [SSHTarget] {
        var chain: [SSHTarget] = []
        for hop in text.split(separator: ",") {
            var next = Self.parseHop(String(hop))
            next.useAgent = request.useAgent
            next.knownHostsFile = request.knownHostsFile
            // The inventory's key is tried on the jump host only where the configuration names none that exists.
            // Hops after the first are dialled through the ones before; their own ProxyJump does not count (ssh_config).
            if !chain.isEmpty { next.jump = "none" }
            var target = try await resolve(next, hostName: hostName, depth: depth + 1)
            if let file = request.identityFile { target.identityFiles.append(expand(file, environment["HOME"] ?? "/root")) }
            chain += target.jumps
            target.jumps = []
            chain.append(target)
        }
        return chain
    }

    /// `[user@]host[:port]`, `[v6]:port`, or `ssh://` and the same.
    static func parseHop(_ text: String) -> SSHRequest {
        var rest = text.filter { $0 != " " }[...]
        if rest.hasPrefix("ssh://") { rest = rest.dropFirst(6) }
        var user: String?
        if let at = rest.lastIndex(of: "@") {
            user = String(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
            let host = String(rest[rest.index(after: rest.startIndex)..<end])
            return SSHRequest(alias: host, port: Int(rest[end...].dropFirst(2)), user: user)
        }
        if let colon = rest.lastIndex(of: ":"), rest.filter({ $0 == ":" }).count == 1 {
            return SSHRequest(alias: String(rest[..<colon]), port: Int(rest[rest.index(after: colon)...]), user: user)
        }
        return SSHRequest(alias: String(rest), user: user)
    }

    private func agentSocket(_ request: SSHRequest, _ settings: SSHSettings, _ home: String) -> String? {
        guard request.useAgent else { return nil }
        let inherited = environment["SSH_AUTH_SOCK"].flatMap { $0.isEmpty ? nil : $0 }
        guard let configured = settings.first("identityagent"), configured != "SSH_AUTH_SOCK" else { return inherited }
        if configured == "none" { return nil }
        if configured.hasPrefix("$") {
            let name = configured.dropFirst().filter { $0 != "{" && $0 != "}" }
            return environment[String(name)]
        }
        return expand(configured, home)
    }

    private func expand(_ path: String, _ home: String) -> String {
        path.hasPrefix("~/") ? home + path.dropFirst(1) : path
    }

    // MARK: ssh -G

    private func settings(of request: SSHRequest, hostName: String) async throws -> SSHSettings {
        var words = ["ssh", "-G"]
        if let configFile { words += ["-F", configFile] }
        if let port = request.port { words += ["-p", String(port)] }
        if let user = request.user { words += ["-l", user] }
        words += ["--", request.alias]
        let variables = environment.map { "\($0)=\($1)" }
        let command = words
        let result: Result<ChildProcess.Output, ChildProcess.Failure> = await onThread {
            do throws(ChildProcess.Failure) {
                return .success(try ChildProcess.run(command, environment: variables, timeout: .seconds(10)))
            } catch { return .failure(error) }
        }
        switch result {
        case .success(let output) where output.status == 0: return SSHSettings(output.text)
        case .success(let output):
            throw SSHError(.argument, host: hostName, """
                the OpenSSH configuration for \(request.alias) cannot be used: \
                \(output.errorText.split(whereSeparator: \.isNewline).joined(separator: " | "))
                """)
        case .failure(.timeout):
            throw SSHError(.deadline, host: hostName, """
                ssh -G \(request.alias) did not end within 10 s. Does a Match exec in ~/.ssh/config hang?
                """)
        case .failure(.notStarted): return .withoutClient
        }
    }

    private static var processEnvironment: [String: String] {
        var variables: [String: String] = [:]
        for entry in ChildProcess.environment {
            guard let split = entry.firstIndex(of: "=") else { continue }
            variables[String(entry[..<split])] = String(entry[entry.index(after: split)...])
        }
        return variables
    }
}

/// The output of `ssh -G`: lines of keyword and value, keywords in lower case, some repeated.
struct SSHSettings: Equatable, Sendable {
    private var values: [String: [String]] = [:]

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            guard let space = line.firstIndex(of: " ") else { continue }
            values[line[..<space].lowercased(), default: []].append(String(line[line.index(after: space)...]))
        }
    }

    /// What OpenSSH assumes, for a machine without its client.
    static let withoutClient = SSHSettings("""
        identityfile ~/.ssh/id_ed25519
        identityfile ~/.ssh/id_ecdsa
        identityfile ~/.ssh/id_rsa
        userknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2
        globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2
        """)

    func first(_ key: String) -> String? { values[key]?.first }
    func all(_ key: String) -> [String] { values[key] ?? [] }
    func int(_ key: String) -> Int? { first(key).flatMap { Int($0) } }
    /// One line with several values.
    func list(_ key: String) -> [String] { first(key)?.split(separator: " ").map { String($0) } ?? [] }
}
