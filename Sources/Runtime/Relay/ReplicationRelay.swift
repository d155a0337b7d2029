import Glibc
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

/// Carries replication connections of other members to a server that listens on its own host only: TLS with client
/// certificates on the network's side, the server's unix socket on the other, and nothing but physical replication by
/// one login, which the server asks for its password.
public final class ReplicationRelay: Sendable {
    private struct State {
        var settings: RelaySettings
        var files: RelayFiles
        var tls: NIOSSLContext
        var table: RelayTable
        var refusals = RefusalLog()
    }

    private let state: NIOLockedValueBox<State>
    private let limits: RelayLimits
    private let log: Logger

    /// - Throws: `files`.
    public init(_ settings: RelaySettings, limits: RelayLimits = .init(), log: Logger) throws(RelayError) {
        let files = try RelayFiles(reading: settings)
        let tls = try files.context(settings)
        state = NIOLockedValueBox(State(settings: settings, files: files, tls: tls, table: RelayTable(limits)))
        self.limits = limits
        self.log = log
    }

    /// Reads the certificates again. Connections that are carried go on with what they have; new ones see the new.
    /// - Returns: true when they are others than before.
    /// - Throws: `files`; everything stays as it was then.
    public func reloadCertificates() throws(RelayError) -> Bool {
        let (settings, known) = state.withLockedValue { ($0.settings, $0.files) }
        let files = try RelayFiles(reading: settings)
        guard files != known else { return false }
        let tls = try files.context(settings)
        state.withLockedValue { state in
            state.files = files
            state.tls = tls
        }
        return true
    }

    /// Seconds since 1970 of the end of the certificate that is shown.
    public var certificateEnd: Int64 { state.withLockedValue { $0.files.certificateEnd } }

    /// Connections that are carried now.
    public var carriedConnections: Int { state.withLockedValue { $0.table.carried } }

    var role: String { state.withLockedValue { $0.settings.role } }
    var socket: String { state.withLockedValue { $0.settings.socket } }

    // MARK: Serving

    /// Binds the address and serves until the returned channel is closed.
    /// - Throws: `address`.
    public func start(on group: any EventLoopGroup) async throws(RelayError) -> any Channel {
        let settings = state.withLockedValue { $0.settings }
        let host = settings.host == "*" ? "0.0.0.0" : settings.host
        let marks = ChannelOptions.Types.WriteBufferWaterMark(low: limits.buffer / 4, high: limits.buffer)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 32)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            // A replica whose host has lost its power is let go after two minutes.
            .childChannelOption(Self.tcpOption(TCP_KEEPIDLE), value: 60)
            .childChannelOption(Self.tcpOption(TCP_KEEPINTVL), value: 10)
            .childChannelOption(Self.tcpOption(TCP_KEEPCNT), value: 6)
            .childChannelOption(.writeBufferWaterMark, value: marks)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try admit(channel) }
            }
        do {
            return try await bootstrap.bind(host: host, port: settings.port).get()
        } catch {
            throw RelayError(
                .address, "the relay cannot listen at \(settings.address): \(error)",
                hint: "Choose another port with replicas.relay_port in the inventory, or end what uses it")
        }
    }

    /// Ends every connection; the listening channel is closed by whoever has it.
    public func endConnections() {
        for channel in state.withLockedValue({ $0.table.channels }) { channel.close(promise: nil) }
    }

    private static func tcpOption(_ name: Int32) -> ChannelOptions.Types.SocketOption {
        .init(level: .tcp, name: .init(rawValue: name))
    }

    private func admit(_ channel: any Channel) throws {
        let (id, evicted) = state.withLockedValue { $0.table.add(channel) }
        evicted?.close(promise: nil)
        let connection = RelayConnection(id: id, channel: channel, pipe: RelayPipe(endTime: limits.endTime))
        let overdue = channel.eventLoop.scheduleTask(in: limits.startTime) { [self] in
            guard state.withLockedValue({ $0.table.isWaiting(id) }) else { return }
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { [self] _ in
            overdue.cancel()
            state.withLockedValue { $0.table.remove(id) }
        }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(ClientGreeting(relay: self, connection: connection))
        try pipeline.addHandler(connection.pipe)
    }

    // MARK: For a connection, on its event loop

    func tlsHandler() -> NIOSSLServerHandler {
        NIOSSLServerHandler(context: state.withLockedValue { $0.tls })
    }

    /// - Throws: `tooMany`.
    func admit(_ connection: RelayConnection) throws(RelayError) {
        guard state.withLockedValue({ !$0.table.isFull }) else {
            throw RelayError(.tooMany, "the relay carries \(limits.carried) connections already")
        }
    }

    /// Connects to the server and joins the two ends.
    func connect(_ connection: RelayConnection, on client: any Channel) -> EventLoopFuture<Void> {
        let loop = client.eventLoop
        let bound = NIOLoopBound(connection, eventLoop: loop)
        let marks = ChannelOptions.Types.WriteBufferWaterMark(low: limits.buffer / 4, high: limits.buffer)
        return ClientBootstrap(group: loop)
            .channelOption(.writeBufferWaterMark, value: marks)
            .connectTimeout(limits.startTime)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = bound.value
                    let pipe = RelayPipe(endTime: limits.endTime)
                    let check = ServerCheck { [self] result in settle(result, connection) }
                    try channel.pipeline.syncOperations.addHandler(check)
                    try channel.pipeline.syncOperations.addHandler(pipe)
                    RelayPipe.join(connection.pipe, pipe)
                }
            }
            .connect(unixDomainSocketPath: socket)
            .flatMapThrowing { server in
                // The client has gone meanwhile.
                if !client.isActive { server.close(promise: nil) }
            }
    }

    private func settle(_ result: Result<ServerGreeting, RelayError>, _ connection: RelayConnection) {
        switch result {
        case .success(.asksForPassword):
            state.withLockedValue { $0.table.carry(connection.id) }
            log.info("the relay carries a connection from \(connection.address)")
        case .success(.refuses): break
        case .failure(let error):
            guard connection.channel.isActive else { return }
            noteRefusal(error.message, of: connection)
            connection.pipe.end(error.response)
        }
    }

    func noteRefusal(_ reason: String, of connection: RelayConnection) {
        let (isLogged, suppressed) = state.withLockedValue { $0.refusals.note(at: .now()) }
        guard isLogged else { return }
        let others = suppressed > 0 ? " (and \(suppressed) others were refused since)" : ""
        log.notice("the relay refuses a connection from \(connection.address): \(reason)\(others)")
    }
}
