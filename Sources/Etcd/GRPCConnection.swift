import Glibc
import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL

/// One HTTP/2 connection to one etcd server.
final class GRPCConnection: Sendable {
    let endpoint: String
    private let scheme: String
    private let channel: any Channel
    private let handler: NIOLoopBound<GRPCConnectionHandler>
    private let multiplexer: NIOHTTP2Handler.StreamMultiplexer

    private init(
        endpoint: String, scheme: String, channel: any Channel, handler: NIOLoopBound<GRPCConnectionHandler>,
        multiplexer: NIOHTTP2Handler.StreamMultiplexer
    ) {
        self.endpoint = endpoint
        self.scheme = scheme
        self.channel = channel
        self.handler = handler
        self.multiplexer = multiplexer
    }

    var isActive: Bool { channel.isActive }

    func close() { channel.close(promise: nil) }

    /// Connects and waits for the server's first HTTP/2 frame: a stopped process still accepts connections.
    static func connect(
        to endpoint: EtcdConfiguration.Endpoint, configuration: EtcdConfiguration, group: any EventLoopGroup
    ) -> EventLoopFuture<GRPCConnection> {
        let loop = group.next()
        let name = endpoint.description
        let context: NIOSSLContext?
        do {
            context = try configuration.tls.map(Self.sslContext)
        } catch {
            let text = "the TLS files cannot be used: \(error)"
            return loop.makeFailedFuture(EtcdError(.configuration, effect: .none, endpoint: name, text))
        }
        let ready = loop.makePromise(of: Void.self)
        let made = loop.makePromise(of: GRPCConnection.self)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(configuration.connectTimeout.wholeNanoseconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = try assemble(
                        channel, endpoint: endpoint, configuration: configuration, context: context, ready: ready)
                    made.succeed(connection)
                }
            }
        let connected = bootstrap.connect(host: endpoint.host, port: endpoint.port)
        connected.whenFailure { error in
            let text = "cannot connect: \(Self.reason(error))"
            ready.fail(EtcdError(.unreachable, effect: .none, endpoint: name, text))
            made.fail(EtcdError(.unreachable, effect: .none, endpoint: name, text))
        }
        return connected.flatMap { _ in made.futureResult }.flatMap { connection in
            let timeout = TimeAmount.nanoseconds(configuration.handshakeTimeout.wholeNanoseconds)
            let timer = loop.scheduleTask(in: timeout) { connection.handler.value.handshakeTimedOut() }
            ready.futureResult.whenComplete { _ in timer.cancel() }
            return ready.futureResult.map { connection }
        }.flatMapErrorThrowing { error in
            if let error = error as? EtcdError { throw error }
            throw EtcdError(.unreachable, effect: .none, endpoint: name, "cannot connect: \(reason(error))")
        }
    }

    private static func assemble(
        _ channel: any Channel, endpoint: EtcdConfiguration.Endpoint, configuration: EtcdConfiguration,
        context: NIOSSLContext?, ready: EventLoopPromise<Void>
    ) throws -> GRPCConnection {
        let pipeline = channel.pipeline.syncOperations
        if let context {
            let isAddress = (try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port)) != nil
            try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : endpoint.host))
        }
        let activity = ActivityHandler()
        try pipeline.addHandler(activity)
        var settings = NIOHTTP2Handler.Configuration()
        // Go's gRPC server sends one ping per burst of data; the default limit of 200 in 30 s closes a busy
        // connection. The peer is our own store, not a stranger.
        settings.connection.controlFrameRateLimit.maximumCount = 1_000_000
        settings.stream.streamResetFrameRateLimit.maximumCount = 1_000_000
        let multiplexer = try pipeline.configureHTTP2Pipeline(
            mode: .client, connectionConfiguration: settings.connection, streamConfiguration: settings.stream
        ) { stream in
            stream.close()  // servers do not open streams
        }
        let handler = GRPCConnectionHandler(
            activity: activity, ready: ready, endpoint: endpoint.description, configuration: configuration)
        try pipeline.addHandler(handler)
        return GRPCConnection(
            endpoint: endpoint.description, scheme: context == nil ? "http" : "https", channel: channel,
            handler: NIOLoopBound(handler, eventLoop: channel.eventLoop), multiplexer: multiplexer)
    }

    /// NIO's errors list every address with its own dump; a person needs the system's word for each.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            let reasons = error.connectionErrors.map { reason($0.error) }
            return reasons.isEmpty ? "the name \(error.host) cannot be resolved" : reasons.joined(separator: ", ")
        case let error as IOError:
            return String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout:
            return "no answer in time"
        default:
            return "\(error)"
        }
    }

    private static func sslContext(_ tls: EtcdConfiguration.TLS) throws -> NIOSSLContext {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.applicationProtocols = ["h2"]
        settings.minimumTLSVersion = .tlsv12
        if let file = tls.authorityFile { settings.trustRoots = .file(file) }
        if !tls.verifiesHostName { settings.certificateVerification = .noHostnameVerification }
        if let file = tls.certificateFile {
            settings.certificateChain = try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) }
            settings.privateKey = .privateKey(try NIOSSLPrivateKey(file: tls.keyFile ?? file, format: .pem))
        }
        return try NIOSSLContext(configuration: settings)
    }

    /// Starts a call. `sink` is called on the event loop.
    func start(_ request: GRPCRequest, sink: @escaping @Sendable (GRPCEvent) -> Void) -> EventLoopFuture<GRPCCall> {
        channel.eventLoop.submit { self.startOnLoop(request, sink: sink) }
    }

    private func startOnLoop(_ request: GRPCRequest, sink: @escaping @Sendable (GRPCEvent) -> Void) -> GRPCCall {
        let connection = handler.value
        let call = GRPCCallHandler(request: request, endpoint: endpoint, scheme: scheme) { event in
            if case .ended(let error) = event {
                if error?.code == .deadlineExceeded { connection.probe() }
                connection.callEnded()
            }
            sink(event)
        }
        let bound = NIOLoopBound(call, eventLoop: channel.eventLoop)
        let stream = channel.eventLoop.makePromise(of: (any Channel).self)
        connection.callStarted()
        call.startDeadline(on: channel.eventLoop)
        if connection.isDraining || !channel.isActive {
            stream.fail(ChannelError.alreadyClosed)
        } else {
            multiplexer.createStreamChannel(promise: stream) { stream in
                stream.eventLoop.makeCompletedFuture { try stream.pipeline.syncOperations.addHandler(bound.value) }
            }
        }
        stream.futureResult.whenFailure { _ in
            bound.value.fail(.connectionLost, "the connection closed before the call was sent")
        }
        return GRPCCall(handler: bound, channel: stream.futureResult)
    }

    /// A call with one message each way. Cancelling the task ends the call.
    func unary(_ request: GRPCRequest) async throws -> [UInt8] {
        let loop = channel.eventLoop
        let promise = loop.makePromise(of: [UInt8].self)
        let endpoint = endpoint
        let reply = NIOLoopBoundBox<[UInt8]?>.makeBoxSendingValue(nil, eventLoop: loop)
        let call = start(request) { event in
            switch event {
            case .message(let message):
                reply.value = message
            case .ended(let error?):
                promise.fail(error)
            case .ended(nil):
                if let message = reply.value {
                    promise.succeed(message)
                } else {
                    let text = "status OK without a message"
                    promise.fail(EtcdError(.malformedReply, effect: .unknown, endpoint: endpoint, text))
                }
            }
        }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            call.whenSuccess { $0.cancel() }
        }
    }
}
