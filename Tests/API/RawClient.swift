import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

/// A client that says exactly what it is told, and keeps what it hears.
final class RawClient: Sendable {
    let channel: any Channel
    private let heard: Heard

    private init(channel: any Channel, heard: Heard) {
        self.channel = channel
        self.heard = heard
    }

    /// - Parameter reads: false: never takes an answer.
    static func connect(port: Int, reads: Bool = true, tls: NIOSSLContext? = nil) async throws -> RawClient {
        let heard = Heard()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: nil))
                    }
                    try channel.pipeline.syncOperations.addHandler(Collector(heard: heard))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return RawClient(channel: channel, heard: heard)
    }

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }

    /// All that came until the server closed the connection.
    func everything() async -> String {
        for await _ in heard.changes() {}
        return heard.text
    }

    /// Waits until `word` was heard `times` times, or the connection ends.
    func hear(_ word: String, times: Int = 1) async -> String {
        for await text in heard.changes() where text.ranges(of: word).count >= times { return text }
        return heard.text
    }

    func close() async { try? await channel.close() }
}

/// What was heard so far.
private final class Heard: Sendable {
    private struct State {
        var text = ""
        var isOver = false
        var listeners: [AsyncStream<String>.Continuation] = []
    }
    private let state = NIOLockedValueBox(State())

    var text: String { state.withLockedValue { $0.text } }

    func add(_ more: String) {
        state.withLockedValue { state in
            state.text += more
            for listener in state.listeners { listener.yield(state.text) }
        }
    }

    func end() {
        state.withLockedValue { state in
            state.isOver = true
            for listener in state.listeners { listener.finish() }
        }
    }

    func changes() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        state.withLockedValue { state in
            continuation.yield(state.text)
            if state.isOver { continuation.finish() } else { state.listeners.append(continuation) }
        }
        return stream
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let heard: Heard
    init(heard: Heard) { self.heard = heard }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { heard.add(String(buffer: unwrapInboundIn(data))) }
    func channelInactive(context: ChannelHandlerContext) { heard.end() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
