import PostgresModel

extension AgentConfiguration {
    /// `pgadopt.relay`: replication through the agent while a server listens on its own host only. The files serve
    /// both ends: this member's relay shows them to its clients, and this member shows them to the relays of others.
    public struct Relay: Hashable, Sendable {
        /// Where this member's relay listens while its server is local; nil: it has none.
        public var listen: ListenAddress?
        public var certificateFile: String
        public var keyFile: String
        /// Who signs the certificates of all members.
        public var authorityFile: String
        /// Relays of other members: who connects there shows the certificate and verifies theirs.
        public var members: [HostPort]

        public init(
            listen: ListenAddress? = nil, certificateFile: String, keyFile: String, authorityFile: String,
            members: [HostPort] = []
        ) {
            self.listen = listen
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.authorityFile = authorityFile
            self.members = members
        }

        /// libpq's keywords of a connection to a relay.
        public var connectionSettings: [String: String] {
            Self.connectionSettings(certificate: certificateFile, key: keyFile, authority: authorityFile)
        }

        /// As ``connectionSettings``, of these files.
        public static func connectionSettings(
            certificate: String, key: String, authority: String
        ) -> [String: String] {
            ["sslmode": "verify-full", "sslcert": certificate, "sslkey": key, "sslrootcert": authority]
        }
    }
}
