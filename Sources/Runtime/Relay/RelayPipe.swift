import NIOCore

/// One end of a carried connection: what is read here is written there. Neither end is read while the other one does
/// not take what was written, so that a slow reader costs a buffer and no more.
final class RelayPipe: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let endTime: TimeAmount
    private var context: ChannelHandlerContext?
    private var partner: RelayPipe?
    private var wantsRead = false
    private var isEnding = false

    init(endTime: TimeAmount) { self.endTime = endTime }

    static func join(_ one: RelayPipe, _ other: RelayPipe) {
        one.partner = other
        other.partner = one
        one.resume()
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        partner = nil
    }

    private var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: From this end's peer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { partner?.write(unwrapInboundIn(data)) }

    func channelReadComplete(context: ChannelHandlerContext) {
        partner?.context?.flush()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        // Without a partner: still before the startup packet, which the handler before this one reads.
        if partner?.isWritable ?? true { context.read() } else { wantsRead = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { partner?.resume() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let other = partner
        partner = nil
        other?.end()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: From the other end

    private func write(_ bytes: ByteBuffer) {
        guard let context, !isEnding else { return }
        context.write(wrapOutboundOut(bytes), promise: nil)
    }

    private func resume() {
        guard wantsRead, let context, partner?.isWritable == true else { return }
        wantsRead = false
        context.read()
    }

    /// The other end is gone. What it said last, such as why, still arrives, if the peer takes it in time.
    func end(_ lastWords: [UInt8] = []) {
        guard let context, !isEnding else { return }
        isEnding = true
        partner = nil
        let channel = context.channel
        let overdue = channel.eventLoop.scheduleTask(in: endTime) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in overdue.cancel() }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: lastWords))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
