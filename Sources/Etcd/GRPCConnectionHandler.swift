import NIOCore
import NIOHTTP2

/// Notes when the last bytes came, before HTTP/2 takes them apart: data counts as a sign of life, too.
final class ActivityHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private(set) var lastRead = NIODeadline.now()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastRead = .now()
        context.fireChannelRead(data)
    }
}

/// The connection as a whole: readiness, GOAWAY, and pings that find out a dead peer.
///
/// etcd counts pings against a client when no stream is open or when they come more often than every 5 s,
/// so that a ping is sent only while a call is open, and at most every `pingInterval`.
final class GRPCConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let activity: ActivityHandler
    private let ready: EventLoopPromise<Void>
    private let endpoint: String
    private let pingInterval: TimeAmount
    private let pingTimeout: TimeAmount
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var lastPing: NIODeadline?
    private var failure = "the server closed the connection"
    private(set) var isDraining = false
    private(set) var openCalls = 0

    init(activity: ActivityHandler, ready: EventLoopPromise<Void>, endpoint: String, configuration: EtcdConfiguration) {
        self.activity = activity
        self.ready = ready
        self.endpoint = endpoint
        pingInterval = .nanoseconds(configuration.pingInterval.wholeNanoseconds)
        pingTimeout = .nanoseconds(configuration.pingTimeout.wholeNanoseconds)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        notReady()
    }

    func callStarted() {
        openCalls += 1
        if timer == nil { check(in: pingInterval) }
    }

    func callEnded() {
        openCalls -= 1
        if openCalls == 0 {
            timer?.cancel()
            timer = nil
        }
        closeIfDrained()
    }

    /// A call ran into its deadline: find out soon whether the server is alive at all.
    func probe() {
        guard openCalls > 0, lastPing.map({ $0 + .seconds(5) < .now() }) ?? true else { return }
        ping()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data).payload {
        case .settings(.settings):
            ready.succeed()
        case .goAway(_, let code, _):
            isDraining = true
            failure = "the server sent GOAWAY (\(code))"
            closeIfDrained()
            // Calls that were accepted may still be answered; a watch has to move.
            context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { self.context?.close(promise: nil) }
        default:
            break
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = "\(error)"
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        notReady()
        context.fireChannelInactive()
    }

    func handshakeTimedOut() {
        failure = "no HTTP/2 answer after connecting"
        notReady()
        context?.close(promise: nil)
    }

    private func notReady() {
        ready.fail(EtcdError(.unreachable, effect: .none, endpoint: endpoint, failure))
    }

    private func closeIfDrained() {
        if isDraining, openCalls == 0 { context?.close(promise: nil) }
    }

    private func check(in delay: TimeAmount) {
        guard let context else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: delay) { self.checkNow() }
    }

    private func checkNow() {
        let quiet = NIODeadline.now() - activity.lastRead
        if quiet >= pingInterval { ping() } else { check(in: pingInterval - quiet) }
    }

    private func ping() {
        guard let context else { return }
        timer?.cancel()
        let sent = NIODeadline.now()
        lastPing = sent
        let data = HTTP2PingData(withInteger: UInt64(sent.uptimeNanoseconds))
        context.writeAndFlush(wrapOutboundOut(.init(streamID: .rootStream, payload: .ping(data, ack: false))), promise: nil)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: pingTimeout) {
            if self.activity.lastRead < sent {
                self.failure = "no answer to a ping"
                self.context?.close(promise: nil)
            } else {
                self.check(in: self.pingInterval)
            }
        }
    }
}

extension Duration {
    /// Attoseconds cut off. Range: about 292 years either way.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
