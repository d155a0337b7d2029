import Cluster

/// Who may change something through the API, and how connections are protected: the security half of the
/// `restapi` section.
public struct APISecurity: Equatable, Sendable {
    /// `restapi.authentication`: asked for by every request that changes something; nil: nobody is asked.
    public var credentials: BasicCredentials?
    /// `restapi.allowlist`: from where changes may come; empty (and no members included): from everywhere.
    public var allowlist: [AddressRange]
    /// `restapi.allowlist_include_members`: the hosts of the members' API addresses count as listed.
    public var allowlistIncludesMembers: Bool
    /// Nil: plain HTTP.
    public var tls: TLS?

    public init(
        credentials: BasicCredentials? = nil, allowlist: [AddressRange] = [], allowlistIncludesMembers: Bool = false,
        tls: TLS? = nil
    ) {
        self.credentials = credentials
        self.allowlist = allowlist
        self.allowlistIncludesMembers = allowlistIncludesMembers
        self.tls = tls
    }

    /// Files of the server's certificate; read when the server starts and at every reload.
    public struct TLS: Equatable, Sendable {
        /// PEM: the certificate and the chain above it; without `keyFile` the key, too.
        public var certificateFile: String
        public var keyFile: String?
        public var keyPassword: Secret?
        /// Who signs the certificates of clients; nil: the system's authorities.
        public var authorityFile: String?
        /// In OpenSSL's notation, for TLS up to 1.2; nil: the library's choice.
        public var ciphers: String?
        public var clientVerification: ClientVerification

        public init(
            certificateFile: String, keyFile: String? = nil, keyPassword: Secret? = nil, authorityFile: String? = nil,
            ciphers: String? = nil, clientVerification: ClientVerification = .none
        ) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.keyPassword = keyPassword
            self.authorityFile = authorityFile
            self.ciphers = ciphers
            self.clientVerification = clientVerification
        }
    }

    /// `restapi.verify_client`.
    public enum ClientVerification: String, CaseIterable, Sendable {
        /// Clients are not asked for a certificate.
        case none
        /// A certificate that is shown must be good; requests that change something need one.
        case optional
        /// No connection without a good certificate.
        case required
    }
}

/// A text that is never shown: not by `print`, not by `dump`, not in an error.
public struct Secret: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let text: String
    public init(_ text: String) { self.text = text }
    public var description: String { "(a secret)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// User and password of HTTP's Basic scheme (RFC 7617).
public struct BasicCredentials: Equatable, Sendable {
    public var username: String
    private let encoded: Secret

    public init(username: String, password: String) {
        self.username = username
        encoded = Secret(Base64.encode("\(username):\(password)".utf8))
    }

    /// The value of the `Authorization` header.
    var headerValue: String { "Basic " + encoded.text }

    /// Whether a header carries these; takes the same time wherever they differ.
    func match(_ header: String) -> Bool {
        guard let blank = header.firstIndex(of: " "), header[..<blank].lowercased() == "basic" else { return false }
        let given = Array(header[header.index(after: blank)...].utf8)
        let wanted = Array(encoded.text.utf8)
        var difference: UInt8 = given.count == wanted.count ? 0 : 1
        for index in wanted.indices { difference |= wanted[index] ^ (index < given.count ? given[index] : 0) }
        return difference == 0
    }
}

enum Base64 {
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var out: [UInt8] = []
        var (bits, count) = (UInt32(0), 0)
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                out.append(alphabet[Int(bits >> UInt32(count)) & 63])
            }
        }
        if count > 0 { out.append(alphabet[Int(bits << UInt32(6 - count)) & 63]) }
        while out.count % 4 != 0 { out.append(UInt8(ascii: "=")) }
        return String(decoding: out, as: UTF8.self)
    }
}

/// Who sends a request, as the connection knows it.
public struct APIClientIdentity: Equatable, Sendable {
    /// Nil for a connection that is not TCP.
    public var address: IPAddress?
    public var usesTLS: Bool
    /// A certificate that was verified in the handshake.
    public var hasCertificate: Bool

    public init(address: IPAddress? = nil, usesTLS: Bool = false, hasCertificate: Bool = false) {
        self.address = address
        self.usesTLS = usesTLS
        self.hasCertificate = hasCertificate
    }
}

extension APISecurity {
    /// The checks of a request that changes something, in Patroni's order: address, certificate, password.
    ///
    /// - Parameters:
    ///   - members: addresses of the members' APIs; used when `allowlistIncludesMembers` and the request is not a
    ///     leader's failsafe call (a leader without a store may be one that our view does not know).
    /// - Returns: the refusal; nil: the request may go on.
    func refusal(of request: APIRequest, from client: APIClientIdentity, members: [IPAddress]) -> APIResponse? {
        let asksMembers = allowlistIncludesMembers && request.word != "failsafe"
        if !allowlist.isEmpty || asksMembers {
            let isListed = client.address.map { address in
                allowlist.contains { $0.contains(address) } || (asksMembers && members.contains(address))
            } ?? false
            guard isListed else { return .text("Access is denied", status: 403) }
        }
        if let tls, tls.clientVerification != .none, !client.hasCertificate {
            return .text("client certificate required", status: 403)
        }
        guard let credentials else { return nil }
        guard let header = request.authorization else { return Self.unauthorized("no auth header received") }
        return credentials.match(header) ? nil : Self.unauthorized("not authenticated")
    }

    private static func unauthorized(_ reason: String) -> APIResponse {
        var answer = APIResponse.text(reason, status: 401)
        answer.headers["WWW-Authenticate"] = "Basic realm=\"Patroni\""
        return answer
    }
}
