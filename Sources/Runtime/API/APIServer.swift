import Cluster
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Timekeeping

/// Carries out what the API was asked to change.
public protocol APIController: Sendable {
    func perform(_ command: APICommand) async -> APIResponse
}

/// The REST server: HTTP/1.1 with keep-alive on bare NIO (measured against larger frameworks: less than half
/// the memory). Answers to reads come from the last snapshot on the event loop itself, as bytes kept ready.
public final class APIServer: Sendable {
    struct State {
        var snapshot: APISnapshot?
        var cache = ResponseCache()
        var options: Options
        var common: CommonHeaders
        var tls: TLSState?
        /// Changes that are being carried out.
        var commands = 0
    }

    struct TLSState {
        var context: NIOSSLContext
        var files: TLSFiles
    }

    let state: NIOLockedValueBox<State>
    let connections: ConnectionTable
    let limits: Limits
    let now: @Sendable () -> BootInstant
    let wallClock: @Sendable () -> WallTime
    let log: Logger
    private let controller: any APIController

    /// - Parameter limits: for the server's lifetime; the rest of the options may be changed by `apply`.
    public init(
        controller: any APIController, limits: Limits = .init(), now: @escaping @Sendable () -> BootInstant,
        wallClock: @escaping @Sendable () -> WallTime = { WallTime.now }, log: Logger
    ) {
        self.controller = controller
        self.limits = limits
        self.now = now
        self.wallClock = wallClock
        self.log = log
        let options = Options()
        state = NIOLockedValueBox(State(options: options, common: options.commonHeaders))
        connections = ConnectionTable(
            limit: limits.connections, shortest: min(limits.requestTime, limits.idleTime, limits.writeTime))
    }

    /// From now on requests are answered from this value.
    public func publish(_ value: APISnapshot) {
        state.withLockedValue { state in
            state.snapshot = value
            state.cache.clear()
        }
    }

    /// Takes over new options and reads the TLS files again, at the start and at each reload. Open connections go on
    /// with what they have; new ones get the new certificate, headers and rules.
    ///
    /// - Throws: when a file cannot be read or used; everything stays as it was then.
    /// - Returns: true when the certificate or the rules of TLS are others than before.
    @discardableResult
    public func apply(_ options: Options) throws(APIServerError) -> Bool {
        let files = try options.security.tls.map { tls throws(APIServerError) in try TLSFiles(reading: tls) }
        let known = state.withLockedValue { $0.tls }
        let tls: TLSState?
        if let known, let files, known.files == files {
            tls = known
        } else {
            tls = try files.map { files throws(APIServerError) in
                TLSState(context: try files.serverContext(), files: files)
            }
        }
        state.withLockedValue { state in
            state.options = options
            state.common = options.commonHeaders
            state.tls = tls
            state.cache.clear()
        }
        return known?.files != files
    }

    /// Binds the address and serves until the returned channel is closed.
    /// - Throws: when the address cannot be bound.
    public func start(host: String, port: Int, on group: any EventLoopGroup) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Int32(clamping: limits.backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            // A client may say that it has said all and still wait for its answer.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 32 * 1024, high: 64 * 1024))
            .childChannelInitializer { [self] channel in configure(channel) }
            .bind(host: host, port: port).get()
    }

    private func configure(_ channel: any Channel) -> EventLoopFuture<Void> {
        let tls = state.withLockedValue { $0.tls }
        guard let entry = connections.admit(channel, deadline: .now() + limits.requestTime) else {
            return refuse(channel, isPlain: tls == nil)
        }
        return channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.context)) }
            let times = ConnectionTimes(entry: entry, limits: limits)
            try pipeline.addHandler(FirstByteWatch(times: times))
            var heads = NIOHTTPDecoderLimitConfiguration()
            heads.maxHeaderFieldSize = limits.headerBytes
            heads.maxHeaderListSize = limits.headerBytes
            heads.maxHeaderFieldCount = 100
            try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(
                leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop, limitConfiguration: heads)))
            try pipeline.addHandler(APIConnection(server: self, times: times, usesTLS: tls != nil))
        }
    }

    /// Says no in words where that costs nothing: without a TLS handshake.
    private func refuse(_ channel: any Channel, isPlain: Bool) -> EventLoopFuture<Void> {
        guard isPlain else { return channel.close() }
        let answer = APIResponse.text("too many connections", status: 503)
        let form = AnswerForm(isHTTP10: false, keepAlive: false, withoutBody: false)
        let common = state.withLockedValue { $0.common }
        channel.writeAndFlush(answer.bytes(form, common: common, date: wallClock())).whenComplete { _ in
            channel.close(promise: nil)
        }
        return channel.eventLoop.makeSucceededVoidFuture()
    }

    // MARK: Answers

    /// The answer to a GET, HEAD or OPTIONS request.
    func read(_ head: HTTPRequestHead, form: AnswerForm) -> ByteBuffer {
        let moment = now()
        let key = ResponseCache.Key(target: head.uri, isGet: head.method == .GET, form: form)
        return state.withLockedValue { state in
            if let ready = state.cache.find(key, at: moment.nanoseconds) { return ready }
            let date = wallClock()
            guard let snapshot = state.snapshot else {
                return APIResponse.starting.bytes(form, common: state.common, date: date)
            }
            let request = APIRequest(method: head.method.rawValue, target: head.uri)
            let answer: APIResponse =
                switch snapshot.route(request, at: moment, wallTime: date) {
                case .answer(let answer): answer
                case .command: .text("a read became a command", status: 500)
                }
            let bytes = answer.bytes(form, common: state.common, date: date)
            // Metrics tell ages, which are others each time.
            guard request.word != "metrics" else { return bytes }
            let second = moment.nanoseconds + (1_000_000 - (date.microseconds - date.seconds * 1_000_000)) * 1000
            let change = snapshot.nextChange(after: moment)?.nanoseconds ?? .max
            state.cache.store(bytes, for: key, at: moment.nanoseconds, until: min(second, change))
            return bytes
        }
    }

    func bytes(_ answer: APIResponse, form: AnswerForm) -> ByteBuffer {
        let common = state.withLockedValue { $0.common }
        return answer.bytes(form, common: common, date: wallClock())
    }

    /// Checks who asks, routes, and has the command carried out.
    func change(
        _ request: APIRequest, from client: APIClientIdentity, on loop: any EventLoop
    ) -> EventLoopFuture<APIResponse> {
        loop.makeFutureWithTask { [self] in
            let (options, snapshot) = state.withLockedValue { ($0.options, $0.snapshot) }
            let members = options.security.allowlistIncludesMembers
                ? await MemberAddresses.resolve(snapshot?.cluster?.members ?? [], on: loop) : []
            let answer: APIResponse
            if let refusal = options.security.refusal(of: request, from: client, members: members) {
                answer = refusal
            } else {
                answer = await carryOut(request, snapshot)
            }
            let source = client.address.map(\.description) ?? "an unknown address"
            log.info("API: \(request.method.harmless) \(request.path.harmless) from \(source): \(answer.status)")
            return answer
        }
    }

    private func carryOut(_ request: APIRequest, _ snapshot: APISnapshot?) async -> APIResponse {
        guard let snapshot else { return .starting }
        switch snapshot.route(request, at: now(), wallTime: wallClock()) {
        case .answer(let answer): return answer
        case .command(let command):
            let isAdmitted = state.withLockedValue { state in
                guard state.commands < limits.commands else { return false }
                state.commands += 1
                return true
            }
            guard isAdmitted else { return .text("too many changes at once; try again later", status: 503) }
            defer { state.withLockedValue { $0.commands -= 1 } }
            return await controller.perform(command)
        }
    }
}
