import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Why a member's API did not answer.
public struct APIClientError: Error, Equatable, CustomStringConvertible {
    public enum Code: Equatable, Sendable { case badURL, unreachable, deadline, closed }
    public var code: Code
    public var url: String
    public var detail: String
    public var description: String { "\(url): \(detail)" }
}

/// A small HTTP/1.1 client for asking the other members: one request a connection, a deadline on the whole.
public struct APIClient: Sendable {
    private let group: any EventLoopGroup
    private let credentials: BasicCredentials?
    private let tls: NIOSSLContext?

    /// Plain HTTP without a password; `https` URLs are refused.
    public init(group: any EventLoopGroup) {
        self.group = group
        credentials = nil
        tls = nil
    }

    /// Reads the TLS files once; a new client takes up renewed ones.
    /// - Throws: when a file cannot be read or used.
    public init(group: any EventLoopGroup, options: Options) throws(APIServerError) {
        self.group = group
        credentials = options.credentials
        tls = try options.tls.context()
    }

    public struct Answer: Equatable, Sendable {
        public var status: Int
        public var body: [UInt8]
    }

    /// - Parameters:
    ///   - url: `http://host:port/path` or `https://host:port/path`
    ///   - deadline: connecting included.
    public func request(
        _ method: String = "GET", _ url: String, body: String? = nil, deadline: Duration
    ) async throws(APIClientError) -> Answer {
        guard let target = Target(url) else {
            throw APIClientError(code: .badURL, url: url, detail: "not an http or https URL with a host")
        }
        guard !target.usesTLS || tls != nil else {
            throw APIClientError(code: .badURL, url: url, detail: "https, and this client has no TLS settings")
        }
        let limit = TimeAmount.nanoseconds(deadline.components.seconds * 1_000_000_000
            + deadline.components.attoseconds / 1_000_000_000)
        let loop = group.next()
        let promise = loop.makePromise(of: Answer.self)
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(limit)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { [tls, credentials] channel in
                channel.eventLoop.makeCompletedFuture {
                    if target.usesTLS, let tls {
                        // SNI takes names only.
                        let name = IPAddress(target.host) == nil ? target.host : nil
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(
                        ClientExchange(
                            method: method, target: target, body: body, credentials: credentials, url: url,
                            promise: promise))
                }
            }
        let connecting = bootstrap.connect(host: target.host, port: target.port)
        connecting.whenFailure { error in
            promise.fail(APIClientError(code: .unreachable, url: url, detail: "no connection (\(error))"))
        }
        let timer = loop.scheduleTask(in: limit) {
            promise.fail(APIClientError(code: .deadline, url: url, detail: "no answer within \(deadline)"))
            connecting.whenSuccess { $0.close(promise: nil) }
        }
        do {
            let answer = try await promise.futureResult.get()
            timer.cancel()
            return answer
        } catch {
            timer.cancel()
            throw error as? APIClientError ?? APIClientError(code: .closed, url: url, detail: "\(error)")
        }
    }

    struct Target: Equatable {
        var host: String
        var port: Int
        var path: String
        var usesTLS: Bool

        init?(_ url: String) {
            usesTLS = url.hasPrefix("https://")
            guard usesTLS || url.hasPrefix("http://") else { return nil }
            let rest = url.dropFirst(usesTLS ? 8 : 7)
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            path = slash == rest.endIndex ? "/" : String(rest[slash...])
            var authority = rest[..<slash]
            var portText: Substring?
            if let colon = authority.lastIndex(of: ":"), authority.last != "]" {
                portText = authority[authority.index(after: colon)...]
                authority = authority[..<colon]
            }
            if authority.hasPrefix("["), authority.hasSuffix("]") { authority = authority.dropFirst().dropLast() }
            guard !authority.isEmpty, let port = portText.map({ Int($0) }) ?? .some(usesTLS ? 443 : 80),
                (1...65535).contains(port)
            else { return nil }
            host = String(authority)
            self.port = port
        }
    }
}

private final class ClientExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let method: String
    private let target: APIClient.Target
    private let body: String?
    private let credentials: BasicCredentials?
    private let url: String
    private let promise: EventLoopPromise<APIClient.Answer>
    private var answer = APIClient.Answer(status: 0, body: [])

    init(
        method: String, target: APIClient.Target, body: String?, credentials: BasicCredentials?, url: String,
        promise: EventLoopPromise<APIClient.Answer>
    ) {
        self.method = method
        self.target = target
        self.body = body
        self.credentials = credentials
        self.url = url
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        let host = target.host.contains(":") ? "[\(target.host)]" : target.host
        var headers: HTTPHeaders = ["Host": "\(host):\(target.port)", "Connection": "close"]
        if let credentials { headers.add(name: "Authorization", value: credentials.headerValue) }
        if let body { headers.add(name: "Content-Length", value: String(body.utf8.count)) }
        let head = HTTPRequestHead(
            version: .http1_1, method: .init(rawValue: method), uri: target.path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): answer.status = Int(head.status.code)
        case .body(let part):
            // A member's report is a few kilobytes; a megabyte is not a member.
            if answer.body.count < 1 << 20 { answer.body.append(contentsOf: part.readableBytesView) }
        case .end:
            promise.succeed(answer)
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(APIClientError(code: .closed, url: url, detail: "the connection was closed before the answer"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(APIClientError(code: .closed, url: url, detail: "\(error)"))
        context.close(promise: nil)
    }
}
