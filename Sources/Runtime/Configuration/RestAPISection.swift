import PostgresModel

extension AgentConfiguration {
    /// The `restapi` section.
    public struct RestAPI: Hashable, Sendable {
        public enum ClientVerification: String, CaseIterable, Hashable, Sendable { case none, optional, required }

        /// What the `Server` header says (`server_tokens`).
        public enum ServerTokens: String, CaseIterable, Hashable, Sendable {
            /// The program with its version.
            case original = "Original"
            /// `Patroni/VERSION`
            case minimal = "Minimal"
            /// `Patroni`
            case productOnly = "ProductOnly"
        }

        public struct Header: Hashable, Sendable {
            public var name: String
            public var value: String

            public init(_ name: String, _ value: String) {
                self.name = name
                self.value = value
            }
        }

        public var listen: ListenAddress
        /// Where the other members and tools reach the API; published as `api_url`.
        public var connectAddress: HostPort
        /// Given: the API speaks TLS, and `api_url` begins with https.
        public var certificateFile: String?
        public var keyFile: String?
        /// The password of an encrypted `keyFile`.
        public var keyFilePassword: Credential?
        /// The authority whose client certificates are believed.
        public var caFile: String?
        /// OpenSSL's cipher list for TLS 1.2 and older; nil: the library's default.
        public var ciphers: String?
        /// `required`: every request; `optional`: those that change something.
        public var verifyClient: ClientVerification
        /// Asked for by requests that change something; nil: everybody may.
        public var authentication: Login?
        /// Names, addresses and networks whose requests may change something; empty: all.
        public var allowlist: [String] = []
        /// The cluster's members are on the list too.
        public var allowlistIncludeMembers = false
        /// Added to every answer.
        public var extraHeaders: [Header] = []
        /// Added when the API speaks TLS; wins over a header of the same name in `extraHeaders`.
        public var tlsExtraHeaders: [Header] = []
        /// Connections the kernel may keep waiting (listen's backlog). Patroni's 5 is too few for health checks;
        /// nil: the agent's default.
        public var requestQueueSize: Int?
        public var serverTokens = ServerTokens.original

        public init(
            listen: ListenAddress, connectAddress: HostPort, certificateFile: String? = nil, keyFile: String? = nil,
            caFile: String? = nil, verifyClient: ClientVerification = .none, authentication: Login? = nil
        ) {
            self.listen = listen
            self.connectAddress = connectAddress
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.caFile = caFile
            self.verifyClient = verifyClient
            self.authentication = authentication
        }

        public var usesTLS: Bool { certificateFile != nil }

        /// The headers every answer carries, in the order of the file.
        public var headers: [Header] {
            guard usesTLS else { return extraHeaders }
            let names = Set(tlsExtraHeaders.map { $0.name.lowercased() })
            return extraHeaders.filter { !names.contains($0.name.lowercased()) } + tlsExtraHeaders
        }
    }

    /// The `ctl` section: how this member speaks to the API of the others, and patronictl to all.
    public struct Control: Hashable, Sendable {
        /// Nil: `restapi.authentication` (see `AgentConfiguration.apiLogin`).
        public var authentication: Login?
        /// Certificates are not verified.
        public var insecure = false
        /// Nil: `restapi.cafile`.
        public var caFile: String?
        public var certificateFile: String?
        public var keyFile: String?
        public var keyFilePassword: Credential?

        public init() {}
    }

    /// The login this member shows to the API of the others (compatibility sheet c.2).
    public var apiLogin: Login? { ctl.authentication ?? restapi.authentication }

    /// The authority this member believes when it speaks to the API of the others.
    public var apiAuthorityFile: String? { ctl.caFile ?? restapi.caFile }
}
