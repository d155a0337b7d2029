/// How to reach an etcd cluster.
public struct EtcdConfiguration: Sendable {
    public var endpoints: [Endpoint]
    /// Nil: plaintext.
    public var tls: TLS?
    public var credentials: Credentials?
    /// For the TCP connection; TLS and HTTP/2 get ``handshakeTimeout`` on top.
    public var connectTimeout: Duration
    /// From the TCP connection to the server's first HTTP/2 frame.
    public var handshakeTimeout: Duration
    /// A connection on which nothing was heard for this long is pinged. Never below 5 s, etcd's
    /// `--grpc-keepalive-min-time`: servers close connections that ping more often.
    public var pingInterval: Duration
    /// How long a pinged server may take before its connection counts as dead.
    public var pingTimeout: Duration

    public init(
        endpoints: [Endpoint], tls: TLS? = nil, credentials: Credentials? = nil,
        connectTimeout: Duration = .milliseconds(500), handshakeTimeout: Duration = .seconds(1),
        pingInterval: Duration = .seconds(6), pingTimeout: Duration = .seconds(2)
    ) {
        self.endpoints = endpoints
        self.tls = tls
        self.credentials = credentials
        self.connectTimeout = connectTimeout
        self.handshakeTimeout = handshakeTimeout
        self.pingInterval = max(pingInterval, .seconds(5))
        self.pingTimeout = pingTimeout
    }

    /// Host and port of a server.
    public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
        /// A name or an address; IPv6 without brackets.
        public var host: String
        public var port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// Reads `host:port`, `[IPv6]:port`, `host` (port 2379) or such a URL with `http://` or `https://`.
        public init(parsing text: String) throws {
            func refuse(_ reason: String) -> EtcdError {
                EtcdError(.configuration, effect: .none, "endpoint \"\(text)\": \(reason); write host:port")
            }
            var rest = Substring(text)
            for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
            while rest.hasSuffix("/") { rest = rest.dropLast() }
            var portText: Substring?
            if rest.hasPrefix("[") {
                guard let close = rest.firstIndex(of: "]") else { throw refuse("the bracket is not closed") }
                let after = rest[rest.index(after: close)...]
                rest = rest[rest.index(after: rest.startIndex)..<close]
                if !after.isEmpty {
                    guard after.hasPrefix(":") else { throw refuse("there is more text after the bracket") }
                    portText = after.dropFirst()
                }
            } else if let colon = rest.lastIndex(of: ":"), rest.firstIndex(of: ":") == colon {
                portText = rest[rest.index(after: colon)...]
                rest = rest[..<colon]
            }
            guard !rest.isEmpty, !rest.contains("/"), !rest.contains(" ") else { throw refuse("there is no host name") }
            guard let port = portText.map({ Int($0) }) ?? 2379, (1...65535).contains(port) else {
                throw refuse("the port is not a number from 1 to 65535")
            }
            self.init(host: String(rest), port: port)
        }

        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// Files in PEM form. They are read again for each new connection, so that renewed ones come into use.
    public struct TLS: Hashable, Sendable {
        /// Certificates that may sign the servers'; nil: those of the system.
        public var authorityFile: String?
        /// The client's certificate, with intermediate ones after it.
        public var certificateFile: String?
        public var keyFile: String?
        /// False only where the servers' certificates do not name the hosts.
        public var verifiesHostName: Bool

        public init(
            authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
            verifiesHostName: Bool = true
        ) {
            self.authorityFile = authorityFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.verifiesHostName = verifiesHostName
        }
    }

    /// A user of etcd. Printing it shows the name only.
    public struct Credentials: Sendable, CustomStringConvertible, CustomReflectable {
        public var name: String
        var password: String

        public init(name: String, password: String) {
            self.name = name
            self.password = password
        }

        public var description: String { name }
        public var customMirror: Mirror { Mirror(self, children: ["name": name]) }
    }
}
