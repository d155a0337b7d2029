import NIOSSL

extension APIClient {
    /// How the client proves itself and whom it believes: `ctl` of the configuration, else `restapi`.
    public struct Options: Equatable, Sendable {
        /// Sent with every request.
        public var credentials: BasicCredentials?
        public var tls: TLS

        public init(credentials: BasicCredentials? = nil, tls: TLS = .init()) {
            self.credentials = credentials
            self.tls = tls
        }
    }

    /// For URLs that begin with `https://`.
    public struct TLS: Equatable, Sendable {
        public enum Verification: String, Sendable {
            /// Any certificate will do: what Patroni's daemon does towards other members without a client
            /// certificate.
            case none
            /// Signed by the authorities; the name does not matter. Member certificates often name no address.
            case certificate
            /// Signed, and for the host of the URL.
            case full
        }

        public var verification: Verification
        /// Nil: the system's authorities.
        public var authorityFile: String?
        /// The client's own certificate; nil: none is shown.
        public var certificateFile: String?
        public var keyFile: String?
        public var keyPassword: Secret?

        public init(
            verification: Verification = .none, authorityFile: String? = nil, certificateFile: String? = nil,
            keyFile: String? = nil, keyPassword: Secret? = nil
        ) {
            self.verification = verification
            self.authorityFile = authorityFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.keyPassword = keyPassword
        }

        /// Reads the files.
        func context() throws(APIServerError) -> NIOSSLContext {
            var settings = TLSConfiguration.makeClientConfiguration()
            settings.minimumTLSVersion = .tlsv12
            settings.certificateVerification =
                switch verification {
                case .none: .none
                case .certificate: .noHostnameVerification
                case .full: .fullVerification
                }
            if let authorityFile {
                let bytes = try TLSFiles.read(authorityFile)
                guard let roots = try? NIOSSLCertificate.fromPEMBytes(bytes), !roots.isEmpty else {
                    throw APIServerError(
                        code: .badAuthorities, message: "\(authorityFile): no certificates in PEM form")
                }
                settings.trustRoots = .certificates(roots)
            }
            if let certificateFile {
                let files = try TLSFiles(reading: APISecurity.TLS(
                    certificateFile: certificateFile, keyFile: keyFile, keyPassword: keyPassword))
                settings.certificateChain = try files.chain()
                settings.privateKey = .privateKey(try files.privateKey())
            }
            do {
                return try NIOSSLContext(configuration: settings)
            } catch {
                throw APIServerError(code: .unusable, message: "the client's TLS settings cannot be used: \(error)")
            }
        }
    }
}
