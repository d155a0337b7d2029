import NIOCore
import NIOHPACK
import NIOHTTP2

/// What a call gives: any number of messages, then exactly one end.
enum GRPCEvent: Sendable {
    case message([UInt8])
    /// Nil: the server ended the call with status OK.
    case ended(EtcdError?)
}

/// One call on its HTTP/2 stream. Lives on the connection's event loop.
final class GRPCCallHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let request: GRPCRequest
    private let endpoint: String
    private let scheme: String
    private let sink: (GRPCEvent) -> Void
    private var deframer = GRPCDeframer()
    private var deadline: Scheduled<Void>?
    private var wasSent = false
    private var isOver = false
    private var context: ChannelHandlerContext?

    init(request: GRPCRequest, endpoint: String, scheme: String, sink: @escaping (GRPCEvent) -> Void) {
        self.request = request
        self.endpoint = endpoint
        self.scheme = scheme
        self.sink = sink
    }

    /// Starts the local timer; the same time goes to the server as `grpc-timeout`.
    func startDeadline(on loop: any EventLoop) {
        guard let timeout = request.timeout else { return }
        deadline = loop.assumeIsolated().scheduleTask(in: timeout) {
            self.fail(.deadlineExceeded, "no answer within \(timeout.nanoseconds / 1_000_000) ms")
        }
    }

    /// Ends the call from this side.
    func fail(_ code: EtcdError.Code, _ message: String) {
        finish(EtcdError(code, effect: wasSent ? .unknown : .none, endpoint: endpoint, message))
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        guard !isOver else { return context.close(promise: nil) }
        wasSent = true
        let headers = request.headers(authority: endpoint, scheme: scheme)
        context.write(wrapOutboundOut(.headers(.init(headers: headers))), promise: nil)
        let data = GRPCDeframer.frame(request.message, allocator: context.channel.allocator)
        context.writeAndFlush(
            wrapOutboundOut(.data(.init(data: .byteBuffer(data), endStream: request.endsAfterMessage))), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let frame):
            if let status = GRPCStatus(frame.headers) {
                finish(status.code == 0 ? nil : EtcdError(status: status.code, text: status.message, endpoint: endpoint))
            } else if frame.endStream {
                fail(.connectionLost, "the stream ended without a status")
            }
        case .data(let frame):
            if case .byteBuffer(let bytes) = frame.data { deframer.append(bytes) }
            deliver()
            if frame.endStream { fail(.connectionLost, "the stream ended without a status") }
        case .rstStream(let code):
            refused(code)
        default:
            break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let closed = event as? StreamClosedEvent, let code = closed.reason { refused(code) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let closed = error as? NIOHTTP2Errors.StreamClosed { refused(closed.errorCode) }
        fail(.connectionLost, "the stream broke: \(error)")
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(.connectionLost, "the connection closed before the answer")
    }

    private func deliver() {
        do {
            while !isOver, let message = try deframer.next() { sink(.message(message)) }
        } catch {
            fail(.malformedReply, "\((error as? GRPCDeframer.Malformed)?.reason ?? "unreadable frame")")
        }
    }

    private func refused(_ code: HTTP2ErrorCode) {
        if code == .refusedStream { wasSent = false }  // RFC 9113, 8.7: certainly not processed
        fail(.connectionLost, "the server reset the stream (\(code))")
    }

    private func finish(_ error: EtcdError?) {
        guard !isOver else { return }
        isOver = true
        deadline?.cancel()
        deadline = nil
        sink(.ended(error))
        context?.close(promise: nil)
    }
}

/// A handle by which another task ends or feeds a call.
struct GRPCCall: Sendable {
    let handler: NIOLoopBound<GRPCCallHandler>
    let channel: EventLoopFuture<any Channel>

    func cancel() {
        channel.eventLoop.execute { handler.value.fail(.cancelled, "cancelled") }
    }

    /// Sends a further message on a call without deadline.
    func send(_ message: [UInt8]) {
        channel.whenSuccess { channel in
            let data = GRPCDeframer.frame(message, allocator: channel.allocator)
            channel.writeAndFlush(HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(data))), promise: nil)
        }
    }
}
