import NIOCore
import NIOHTTP1
import NIOSSL

/// Where a connection stands, shared by its two handlers; on the event loop only.
final class ConnectionTimes {
    enum Phase {
        /// Nothing of a request has come yet.
        case idle
        case reading, working
        /// The client does not take what was written.
        case writing
        /// The last answer is on its way; then the connection is closed.
        case ending
        /// The last answer is sent, while the client may still be sending; what it sends is thrown away.
        case lingering
    }

    private(set) var phase = Phase.reading
    private let entry: ConnectionEntry
    private let limits: APIServer.Limits

    init(entry: ConnectionEntry, limits: APIServer.Limits) {
        self.entry = entry
        self.limits = limits
    }

    func enter(_ next: Phase) {
        phase = next
        switch next {
        case .idle: entry.await(limits.idleTime)
        case .reading: entry.await(limits.requestTime)
        case .working: entry.work()
        case .writing: entry.await(limits.writeTime)
        case .ending: entry.await(limits.writeTime)
        case .lingering: entry.await(min(limits.writeTime, .seconds(2)))
        }
    }
}

/// Sees the first byte of each request, before the parser: from there its time counts, however slowly the rest drips.
final class FirstByteWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let times: ConnectionTimes

    init(times: ConnectionTimes) { self.times = times }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .idle = times.phase { times.enter(.reading) }
        context.fireChannelRead(data)
    }
}

/// One client connection: collects requests, answers them in their order, one after the other.
///
/// Answers leave as bytes, not through NIO's encoder: those to reads are kept ready for all connections.
final class APIConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private let server: APIServer
    private let times: ConnectionTimes
    private let usesTLS: Bool
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    /// Parts of requests that came while an earlier one is worked on; what one read brings at most.
    private var waiting = CircularBuffer<HTTPServerRequestPart>()
    private var wantsRead = false
    /// The client will send nothing more.
    private var inputEnded = false
    private var needsFlush = false

    init(server: APIServer, times: ConnectionTimes, usesTLS: Bool) {
        self.server = server
        self.times = times
        self.usesTLS = usesTLS
    }

    /// Nothing is read while an answer is being made or the client does not take the last one.
    private var isHeld: Bool { times.phase == .working || times.phase == .writing }

    private var isOver: Bool { times.phase == .ending || times.phase == .lingering }

    // MARK: Events

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if isHeld || !waiting.isEmpty { waiting.append(part) } else { take(part, context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush(context)
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if isHeld { wantsRead = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, times.phase == .writing {
            times.enter(.idle)
            resume(context)
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            inputEnded = true
            // What is being answered is answered; nothing else will come.
            if times.phase == .lingering { context.close(promise: nil) } else if !isHeld { end(context) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let parserError = error as? HTTPParserError, times.phase == .idle || times.phase == .reading else {
            return context.close(promise: nil)
        }
        // What was not understood cannot be answered in its order: this is the last word.
        let isTooLarge = parserError == .headerOverflow
        let answer = isTooLarge
            ? APIResponse.text("the request's headers are larger than \(server.limits.headerBytes) bytes", status: 431)
            : .text("Bad Request: not HTTP/1.1", status: 400)
        refuse(answer, context)
    }

    // MARK: Requests

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        guard !isOver else { return }
        switch part {
        case .head(let head): begin(head, context)
        case .body(let bytes):
            guard body.count + bytes.readableBytes <= server.limits.bodyBytes else { return refuseBody(context) }
            body.append(contentsOf: bytes.readableBytesView)
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        self.head = head
        body = []
        if times.phase == .idle { times.enter(.reading) }
        guard head.method != .GET else { return }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) }
        if let length, length > server.limits.bodyBytes {
            return refuseBody(context)
        }
        if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let form = AnswerForm(
            isHTTP10: head.version == .http1_0, keepAlive: head.isKeepAlive && !inputEnded,
            withoutBody: head.method == .HEAD)
        switch head.method {
        case .GET, .HEAD, .OPTIONS:
            body = []
            write(server.read(head, form: form), form, context)
        default:
            let request = APIRequest(
                method: head.method.rawValue, target: head.uri, body: body,
                declaresBody: head.headers.contains(name: "content-length")
                    || head.headers.contains(name: "transfer-encoding"),
                authorization: head.headers.first(name: "authorization"))
            body = []
            times.enter(.working)
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            server.change(request, from: identity(context), on: context.eventLoop).whenSuccess { answer in
                let (connection, context) = bound.value
                connection.changed(answer, form, context)
            }
        }
    }

    private func identity(_ context: ChannelHandlerContext) -> APIClientIdentity {
        let handler = usesTLS ? try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self) : nil
        return APIClientIdentity(
            address: context.remoteAddress?.ipAddress.flatMap { IPAddress($0) }, usesTLS: usesTLS,
            hasCertificate: handler?.peerCertificate != nil)
    }

    // MARK: Answers

    private func changed(_ answer: APIResponse, _ form: AnswerForm, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        times.enter(.idle)
        write(server.bytes(answer, form: form), form, context)
        flush(context)
        resume(context)
    }

    private func write(_ bytes: ByteBuffer, _ form: AnswerForm, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(bytes), promise: nil)
        needsFlush = true
        guard form.keepAlive else { return end(context) }
        times.enter(.idle)
        if !context.channel.isWritable {
            flush(context)
            // The flush may have emptied the buffer at once.
            if !context.channel.isWritable { times.enter(.writing) }
        }
    }

    private func flush(_ context: ChannelHandlerContext) {
        guard needsFlush else { return }
        needsFlush = false
        context.flush()
    }

    /// Goes on with what came meanwhile.
    private func resume(_ context: ChannelHandlerContext) {
        while !isHeld, let part = waiting.popFirst() { take(part, context) }
        guard !isHeld else { return }
        flush(context)
        if inputEnded { return end(context) }
        if wantsRead {
            wantsRead = false
            context.read()
        }
    }

    private func refuseBody(_ context: ChannelHandlerContext) {
        refuse(.text("the body is larger than \(server.limits.bodyBytes) bytes", status: 413), context)
    }

    /// The last answer of a connection whose client may still be sending: closing at once would reset the
    /// connection, and the client would never read why.
    private func refuse(_ answer: APIResponse, _ context: ChannelHandlerContext) {
        guard !isOver else { return }
        let form = AnswerForm(isHTTP10: false, keepAlive: false, withoutBody: false)
        head = nil
        body = []
        waiting.removeAll()
        times.enter(.lingering)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(server.bytes(answer, form: form))).whenComplete { _ in
            channel.close(mode: .output, promise: nil)
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        guard !isOver else { return }
        times.enter(.ending)
        waiting.removeAll()
        needsFlush = false
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in channel.close(promise: nil) }
    }
}
