import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import Timekeeping

/// Carries out what the API was asked to change.
public protocol APIController: Sendable {
    func perform(_ command: APICommand) async -> APIResponse
}

/// The REST server: HTTP/1.1 with keep-alive on bare NIO (measured against larger frameworks: less than half
/// the memory). Answers to reads come from the last snapshot on the event loop itself.
public final class APIServer: Sendable {
    /// Limits that keep a hostile or slow client from holding the agent.
    public struct Limits: Sendable {
        public var connections = 512
        public var bodyBytes = 64 * 1024
        /// From the first byte of a request to its last.
        public var requestTime: TimeAmount = .seconds(10)
        /// Between two requests of one connection.
        public var idleTime: TimeAmount = .seconds(75)
        public init() {}
    }

    private let snapshot = NIOLockedValueBox<APISnapshot?>(nil)
    private let connectionCount = NIOLockedValueBox(0)
    private let controller: any APIController
    private let limits: Limits
    private let now: @Sendable () -> BootInstant
    private let log: Logger

    public init(
        controller: any APIController, limits: Limits = .init(), now: @escaping @Sendable () -> BootInstant, log: Logger
    ) {
        self.controller = controller
        self.limits = limits
        self.now = now
        self.log = log
    }

    /// From now on requests are answered from this value.
    public func publish(_ value: APISnapshot) { snapshot.withLockedValue { $0 = value } }

    /// Binds the address and serves until the returned channel is closed.
    /// - Throws: when the address cannot be bound.
    public func start(host: String, port: Int, on group: any EventLoopGroup) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [self] channel in configure(channel) }
            .bind(host: host, port: port).get()
    }

    private func configure(_ channel: any Channel) -> EventLoopFuture<Void> {
        let admitted = connectionCount.withLockedValue { count in
            guard count < limits.connections else { return false }
            count += 1
            return true
        }
        guard admitted else { return channel.close() }
        channel.closeFuture.whenComplete { [connectionCount] _ in connectionCount.withLockedValue { $0 -= 1 } }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
            try channel.pipeline.syncOperations.addHandler(APIConnection(server: self, limits: limits))
        }
    }

    fileprivate func route(_ request: APIRequest) -> APIRoute {
        guard let current = snapshot.withLockedValue({ $0 }) else {
            return .answer(.text("the agent is starting", status: 503))
        }
        return current.route(request, at: now())
    }

    fileprivate func perform(_ command: APICommand, on loop: any EventLoop) -> EventLoopFuture<APIResponse> {
        loop.makeFutureWithTask { [controller] in await controller.perform(command) }
    }
}

/// One client connection.
private final class APIConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: APIServer
    private let limits: APIServer.Limits
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLarge = false
    private var timer: Scheduled<Void>?

    init(server: APIServer, limits: APIServer.Limits) {
        self.server = server
        self.limits = limits
    }

    func channelActive(context: ChannelHandlerContext) {
        limit(limits.requestTime, context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
            isTooLarge = false
            limit(limits.requestTime, context)
        case .body(let part):
            isTooLarge = isTooLarge || body.count + part.readableBytes > limits.bodyBytes
            if !isTooLarge { body.append(contentsOf: part.readableBytesView) }
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard !isTooLarge else {
            return write(.text("the body is larger than \(limits.bodyBytes) bytes", status: 413), head, context)
        }
        let request = APIRequest(
            method: head.method.rawValue, target: head.uri, body: body,
            authorization: head.headers.first(name: "authorization"))
        switch server.route(request) {
        case .answer(let response): write(response, head, context)
        case .command(let command):
            timer?.cancel()
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            server.perform(command, on: context.eventLoop).whenSuccess { response in
                let (connection, context) = bound.value
                connection.write(response, head, context)
            }
        }
    }

    private func write(_ response: APIResponse, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders()
        if let type = response.contentType { headers.add(name: "Content-Type", value: type) }
        for (name, value) in response.headers { headers.add(name: name, value: value) }
        let withoutBody = head.method == .HEAD
        headers.add(name: "Content-Length", value: String(withoutBody ? 0 : response.body.utf8.count))
        let keepAlive = head.isKeepAlive && !isTooLarge
        headers.add(name: "Connection", value: keepAlive ? "keep-alive" : "close")
        let responseHead = HTTPResponseHead(
            version: head.version, status: .init(statusCode: response.status), headers: headers)
        context.write(wrapOutboundOut(.head(responseHead)), promise: nil)
        if !withoutBody, !response.body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: response.body)))), promise: nil)
        }
        let done = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if keepAlive {
            limit(limits.idleTime, context)
        } else {
            let channel = context.channel
            done.whenComplete { _ in channel.close(promise: nil) }
        }
    }

    private func limit(_ time: TimeAmount, _ context: ChannelHandlerContext) {
        timer?.cancel()
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }
}
