/// Where and as whom to log in: everything known before the first packet.
public struct SSHTarget: Equatable, Sendable {
    /// A host key is looked up under this name instead of the host's (ssh_config HostKeyAlias).
    public var hostKeyAlias: String?
    /// A DNS name or an address.
    public var host: String
    /// 1 to 65535.
    public var port: Int
    public var user: String
    /// Private key files in the order in which they are offered; those that do not exist are skipped.
    public var identityFiles: [String]
    /// Offer only keys that `identityFiles` names, even when the agent holds more (ssh_config IdentitiesOnly).
    public var identitiesOnly: Bool
    /// The agent's socket; nil: no agent.
    public var agentSocket: String?
    /// Files that host keys are looked up in; the first is the one named in remedies.
    public var knownHostsFiles: [String]
    /// Hosts to go through, the first one dialled directly (ssh_config ProxyJump).
    public var jumps: [SSHTarget]

    public init(
        host: String, port: Int = 22, user: String, identityFiles: [String] = [], identitiesOnly: Bool = false,
        agentSocket: String? = nil, knownHostsFiles: [String], hostKeyAlias: String? = nil, jumps: [SSHTarget] = []
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.identityFiles = identityFiles
        self.identitiesOnly = identitiesOnly
        self.agentSocket = agentSocket
        self.knownHostsFiles = knownHostsFiles
        self.hostKeyAlias = hostKeyAlias
        self.jumps = jumps
    }

    /// The name under which known_hosts has this host: `name`, or `[name]:port` when the port is not 22.
    public var knownHostsName: String {
        if let hostKeyAlias { return hostKeyAlias }
        return port == 22 ? host : "[\(host)]:\(port)"
    }
}

/// Limits and secrets of a connection.
public struct SSHOptions: Sendable {
    /// Name resolution, TCP, handshake and login together, each jump host counted separately.
    public var connectTimeout: Duration = .seconds(20)
    /// An idle connection is asked for a sign of life this often (whole seconds).
    public var keepaliveInterval: Duration = .seconds(15)
    /// A peer that sent nothing for so long is given up.
    public var deadPeerAfter: Duration = .seconds(45)
    /// The most one command may write to standard output and error together, in bytes.
    public var outputLimit: Int = 64 << 20
    /// Commands and forwarded connections at the same time on one connection; sshd's MaxSessions is 10 by default.
    public var channelLimit: Int = 8
    /// False: commands for another account than the login user fail instead of going through sudo.
    public var useSudo: Bool = true
    /// Asked for the passphrase of a key file (its path is given); nil: none known.
    public var passphrase: (@Sendable (String) throws -> String?)?

    public init() {}
}
