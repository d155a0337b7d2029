import API
import Configuration

// The API's settings from the words of the configuration.

extension APIServer.Options {
    /// - Throws: when a password file cannot be read.
    /// - Parameter warn: takes a sentence for each word that counts for nothing.
    init(_ configuration: AgentConfiguration, warn: (String) -> Void) throws {
        let section = configuration.restapi
        let (ranges, unknown) = APISecurity.allowlist(section.allowlist)
        for word in unknown { warn("restapi.allowlist: '\(word)' is no address, network or known host name") }
        let tls = try section.certificateFile.map { file in
            APISecurity.TLS(
                certificateFile: file, keyFile: section.keyFile,
                keyPassword: try section.keyFilePassword?.secret().asSecret, authorityFile: section.caFile,
                ciphers: section.ciphers,
                clientVerification: .init(rawValue: section.verifyClient.rawValue) ?? .none)
        }
        func headers(_ list: [AgentConfiguration.RestAPI.Header]) -> [HTTPExtraHeader] {
            list.compactMap { header in
                let extra = HTTPExtraHeader(name: header.name, value: header.value)
                if extra == nil { warn("restapi: the header '\(header.name)' cannot be sent as it is written") }
                return extra
            }
        }
        let tokens: APIServer.ServerTokens =
            switch section.serverTokens {
            case .original: .original
            case .minimal: .minimal(version: AgentVersion.patroni)
            case .productOnly: .productOnly
            }
        self.init(
            security: APISecurity(
                credentials: try section.authentication?.basic, allowlist: ranges,
                allowlistIncludesMembers: section.allowlistIncludeMembers, tls: tls),
            extraHeaders: headers(section.extraHeaders), extraHeadersWithTLS: headers(section.tlsExtraHeaders),
            serverTokens: tokens)
    }
}

extension APIClient.Options {
    /// How this member speaks to the others: `ctl`, else `restapi`. As Patroni's daemon does it, names in
    /// certificates are not compared, and without a certificate of our own nothing is verified at all unless an
    /// authority is named in `ctl`.
    init(_ configuration: AgentConfiguration) throws {
        let control = configuration.ctl
        let mayVerify = !control.insecure && configuration.apiAuthorityFile != nil
        let verifies = mayVerify && (control.certificateFile != nil || control.caFile != nil)
        self.init(
            credentials: try configuration.apiLogin?.basic,
            tls: APIClient.TLS(
                verification: verifies ? .certificate : .none,
                authorityFile: verifies ? configuration.apiAuthorityFile : nil,
                certificateFile: control.certificateFile, keyFile: control.keyFile,
                keyPassword: try control.keyFilePassword?.secret().asSecret))
    }
}

extension APIServer.Limits {
    init(_ section: AgentConfiguration.RestAPI) {
        self.init()
        if let backlog = section.requestQueueSize { self.backlog = max(backlog, self.backlog) }
    }
}

extension Login {
    fileprivate var basic: BasicCredentials {
        get throws { BasicCredentials(username: username, password: try password?.secret() ?? "") }
    }
}

extension String {
    fileprivate var asSecret: Secret { Secret(self) }
}
