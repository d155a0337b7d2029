import NIOCore

/// Stands before the pipe of the server's end until the server has asked for the password.
final class ServerCheck: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var collected = ByteBuffer()
    private let settled: (Result<ServerGreeting, RelayError>) -> Void
    private var isSettled = false

    /// - Parameter settled: called once, on the event loop: what the server said, or why it is not believed.
    init(settled: @escaping (Result<ServerGreeting, RelayError>) -> Void) { self.settled = settled }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isSettled else { return context.fireChannelRead(data) }
        collected.writeImmutableBuffer(unwrapInboundIn(data))
        do throws(RelayError) {
            guard let greeting = try ServerGreeting.parse(collected.readableBytesView) else { return }
            isSettled = true
            settled(.success(greeting))
            context.fireChannelRead(wrapInboundOut(collected))
            collected = ByteBuffer()
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            fail(error, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isSettled {
            isSettled = true
            settled(.failure(RelayError(.serverUnavailable, "the server ended the connection without a word")))
        }
        context.fireChannelInactive()
    }

    private func fail(_ error: RelayError, _ context: ChannelHandlerContext) {
        isSettled = true
        collected = ByteBuffer()
        settled(.failure(error))
        context.close(promise: nil)
    }
}
