import NIOCore
import NIOSSL
import NIOTLS

/// Stands before the pipe of the client's end until a startup packet was let through: plain words until TLS is asked
/// for, then the handshake with the client's certificate, then the startup packet.
final class ClientGreeting: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase { case plain, handshake, startup, connecting, passed, over }

    private let relay: ReplicationRelay
    private let connection: RelayConnection
    private var phase = Phase.plain
    private var collected = ByteBuffer()
    private var hasAskedForGSS = false
    private var wantsRead = false

    init(relay: ReplicationRelay, connection: RelayConnection) {
        self.relay = relay
        self.connection = connection
    }

    // MARK: Events

    func read(context: ChannelHandlerContext) {
        if phase == .connecting { wantsRead = true } else { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if phase == .passed { return context.fireChannelRead(data) }
        guard phase != .over else { return }
        collected.writeImmutableBuffer(unwrapInboundIn(data))
        do throws(RelayError) {
            try take(context)
        } catch {
            refuse(error, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent, phase == .handshake { phase = .startup }
        context.fireUserInboundEventTriggered(event)
    }

    /// A handshake that fails: there is nobody to answer in clear text.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        relay.noteRefusal("the TLS handshake failed: \(error)", of: connection)
        phase = .over
        context.close(promise: nil)
    }

    // MARK: Packets

    private func take(_ context: ChannelHandlerContext) throws(RelayError) {
        while phase != .over, phase != .connecting {
            guard let (packet, length) = try StartupPacket.parse(collected.readableBytesView) else { return }
            switch (packet, phase) {
            case (.gssEncryption, .plain) where !hasAskedForGSS:
                hasAskedForGSS = true
                collected.moveReaderIndex(forwardBy: length)
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "N")), promise: nil)
            case (.tls, .plain):
                // Bytes that came with it would later count as if they had been protected (CVE-2021-23214).
                guard collected.readableBytes == length else {
                    throw RelayError(.malformed, "unprotected bytes follow the request for TLS")
                }
                collected.clear()
                try beginTLS(context)
            case (.startup(let parameters), .startup):
                try parameters.admit(role: relay.role)
                try connect(context)
            case (.startup, _):
                throw RelayError(
                    .noTLS, "the replication relay of pgadopt speaks TLS with client certificates only",
                    hint: "Connect with sslmode=verify-full, sslcert, sslkey and sslrootcert")
            case (.cancel, _): throw RelayError(.cancelRequest, "requests to cancel are not relayed")
            case (.tls, _), (.gssEncryption, _): throw RelayError(.malformed, "encryption is asked for a second time")
            }
        }
    }

    private func beginTLS(_ context: ChannelHandlerContext) throws(RelayError) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "S")), promise: nil)
        phase = .handshake
        do {
            try context.pipeline.syncOperations.addHandler(relay.tlsHandler(), position: .first)
        } catch {
            throw RelayError(.files, "TLS cannot be used: \(error)")
        }
    }

    private func connect(_ context: ChannelHandlerContext) throws(RelayError) {
        try relay.admit(connection)
        phase = .connecting
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        relay.connect(connection, on: context.channel).whenComplete { result in
            let (greeting, context) = bound.value
            switch result {
            case .success: greeting.pass(context)
            case .failure(let error):
                let reason = (error as? RelayError) ?? RelayError(
                    .serverUnavailable, "the server's socket \(greeting.relay.socket) does not answer: \(error)")
                greeting.refuse(reason, context)
            }
        }
    }

    /// The packet as it came, and from here on everything.
    private func pass(_ context: ChannelHandlerContext) {
        guard phase == .connecting else { return }
        phase = .passed
        context.fireChannelRead(wrapInboundOut(collected))
        context.fireChannelReadComplete()
        collected = ByteBuffer()
        let next = context.channel
        let reads = wantsRead
        context.pipeline.syncOperations.removeHandler(self).whenComplete { _ in if reads { next.read() } }
    }

    private func refuse(_ error: RelayError, _ context: ChannelHandlerContext) {
        guard phase != .over else { return }
        relay.noteRefusal("\(error.message)", of: connection)
        let isInClear = phase == .plain
        phase = .over
        // In clear only where nobody has asked for more; a request to cancel gets no answer, as from the server.
        let isSilent = error.code == .cancelRequest || (isInClear && error.code == .malformed)
        connection.pipe.end(isSilent ? [] : error.response)
    }
}
