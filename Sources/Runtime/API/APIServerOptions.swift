import NIOCore

extension APIServer {
    /// What may be changed while the server runs: the `restapi` section without its addresses.
    public struct Options: Equatable, Sendable {
        public var security: APISecurity
        /// `http_extra_headers`.
        public var extraHeaders: [HTTPExtraHeader]
        /// `https_extra_headers`: sent in addition when TLS is on; of equal names these win.
        public var extraHeadersWithTLS: [HTTPExtraHeader]
        public var serverTokens: ServerTokens

        public init(
            security: APISecurity = .init(), extraHeaders: [HTTPExtraHeader] = [],
            extraHeadersWithTLS: [HTTPExtraHeader] = [], serverTokens: ServerTokens = .original
        ) {
            self.security = security
            self.extraHeaders = extraHeaders
            self.extraHeadersWithTLS = extraHeadersWithTLS
            self.serverTokens = serverTokens
        }

        var commonHeaders: CommonHeaders {
            let added = security.tls == nil ? [] : extraHeadersWithTLS
            let names = Set(added.map { $0.name.lowercased() })
            return CommonHeaders(
                server: serverTokens.header,
                extra: extraHeaders.filter { !names.contains($0.name.lowercased()) } + added)
        }
    }

    /// `restapi.server_tokens`: what the Server header says.
    public enum ServerTokens: Equatable, Sendable {
        /// The program: Patroni shows the one of its HTTP library here, we show ours.
        case original
        /// `Patroni/4.1.5`
        case minimal(version: String)
        /// `Patroni`
        case productOnly

        var header: String {
            switch self {
            case .original: "pgadopt"
            case .minimal(let version): "Patroni/\(version)"
            case .productOnly: "Patroni"
            }
        }
    }

    /// Limits that keep a hostile or slow client from holding the agent.
    public struct Limits: Sendable {
        /// Open connections; one more closes the one that has waited longest for its client.
        public var connections = 512
        /// Connections that the kernel keeps until they are accepted (`request_queue_size`; Patroni's 5 is too few
        /// for balancers that check at the same second).
        public var backlog = 128
        /// Request line and headers.
        public var headerBytes = 16 * 1024
        public var bodyBytes = 64 * 1024
        /// From the first byte of a request to its last, the TLS handshake of the first included.
        public var requestTime: TimeAmount = .seconds(10)
        /// Between two requests of one connection.
        public var idleTime: TimeAmount = .seconds(75)
        /// For a client to take an answer.
        public var writeTime: TimeAmount = .seconds(10)
        /// Changes that are carried out at the same time.
        public var commands = 16
        public init() {}
    }
}
