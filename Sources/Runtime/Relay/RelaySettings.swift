import NIOCore

/// Where a relay listens, what it leads to and whom it lets in.
public struct RelaySettings: Equatable, Sendable {
    /// An address of this host; `*` for all.
    public var host: String
    /// 0: any free one.
    public var port: Int
    /// The server's unix socket, such as `/var/run/postgresql/.s.PGSQL.5432`.
    public var socket: String
    /// The one login that is let in.
    public var role: String
    /// PEM: the certificate it shows, with the chain above it.
    public var certificateFile: String
    public var keyFile: String
    /// PEM: who signs the certificates of those that may come.
    public var authorityFile: String

    public init(
        host: String, port: Int, socket: String, role: String, certificateFile: String, keyFile: String,
        authorityFile: String
    ) {
        self.host = host
        self.port = port
        self.socket = socket
        self.role = role
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.authorityFile = authorityFile
    }

    var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// What keeps strangers and slow clients from holding the agent.
public struct RelayLimits: Equatable, Sendable {
    /// Connections that the server has not yet asked for their password; one more ends the oldest of them.
    public var waiting = 16
    /// Connections that are carried: two for each base backup, one a streaming replica.
    public var carried = 24
    /// From the connection to the server's question for the password, the TLS handshake included. From there on the
    /// server's own `authentication_timeout` counts.
    public var startTime: TimeAmount = .seconds(10)
    /// For a client to take the last bytes when the server has ended the connection.
    public var endTime: TimeAmount = .seconds(10)
    /// Bytes that wait for a slow reader before the other side is not read any more.
    public var buffer = 128 * 1024

    public init() {}
}
