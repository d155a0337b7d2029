import NIOCore
import NIOPosix

/// A client of one etcd cluster: keeps a connection to the server that answered last, and goes on to the next
/// server when that one refuses, breaks or is silent.
///
/// Reads and other repeatable calls are tried on every server until their time is up. A write is tried again
/// only while it is certain that it was not carried out; otherwise it throws an error with effect `unknown`.
public actor EtcdClient {
    public nonisolated let configuration: EtcdConfiguration
    private let group: any EventLoopGroup
    private var connections: [Int: EventLoopFuture<GRPCConnection>] = [:]
    /// The index of the server to ask first: the one that answered last.
    private var preferred = 0
    private var token: String?
    private var watermark = TermWatermark()
    private var isClosed = false

    /// - Parameter group: event loops that outlive the client.
    public init(
        _ configuration: EtcdConfiguration, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) throws {
        guard !configuration.endpoints.isEmpty else {
            throw EtcdError(.configuration, effect: .none, "no endpoints; give at least one host:port")
        }
        self.configuration = configuration
        self.group = group
    }

    /// Ends all connections; calls under way fail. The client cannot be used afterwards.
    public func close() {
        isClosed = true
        for connection in connections.values { connection.whenSuccess { $0.close() } }
        connections = [:]
    }

    /// Forgets cluster id and raft term, for the case that an operator confirms that the store was rebuilt.
    public func forgetHistory() { watermark = TermWatermark() }

    /// The cluster that has answered so far, and the highest raft term it has shown; nil: none has answered.
    public var history: (clusterID: UInt64, raftTerm: UInt64)? { watermark.history }

    /// What a client before this one has seen: a server of another cluster or of an older term is refused.
    public func recall(clusterID: UInt64, raftTerm: UInt64) {
        watermark = TermWatermark(clusterID: clusterID, term: raftTerm)
    }

    // MARK: Calls

    /// How often a call may be carried out.
    enum Repetition {
        /// Twice is the same as once.
        case harmless
        case onlyIfNotApplied
    }

    /// What a reply's raft term says.
    enum Standing {
        /// The reply needed the quorum: a lower term than seen before means a stale server, a higher one is news.
        case confirmed
        /// The reply is the server's own: it may be stale, and a cut-off candidate's high term means nothing.
        case local
        /// Asked about itself.
        case unchecked
    }

    func call<Reply: HeadedResponse>(
        _ path: String, _ message: some RequestMessage, as type: Reply.Type = Reply.self, repetition: Repetition,
        standing: Standing = .confirmed, only: Int? = nil, timeout: Duration
    ) async throws -> Reply {
        let count = only == nil ? configuration.endpoints.count : 1
        let end = NIODeadline.now() + .nanoseconds(timeout.wholeNanoseconds)
        let slice = max(TimeAmount.nanoseconds(timeout.wholeNanoseconds / Int64(count)), .milliseconds(200))
        let body = message.encoded
        var failures = 0
        var mayAuthenticate = true
        var cause: EtcdError?
        while true {
            let index = only ?? preferred
            do {
                let limit = min(end, .now() + slice)
                let bytes = try await attempt(path, body, at: index, until: limit)
                let reply = try decode(type, bytes, endpoint: index)
                try check(reply.header, standing, endpoint: index)
                return reply
            } catch let error as EtcdError {
                if error.code == .unauthenticated, configuration.credentials != nil, mayAuthenticate {
                    mayAuthenticate = false
                    token = nil
                    continue
                }
                guard error.isTroubleOfTheEndpoint else { throw error }
                moveOn(from: index)
                if repetition == .onlyIfNotApplied, error.isAmbiguous { throw error }
                failures += 1
                let isRound = failures % count == 0
                let pause = isRound ? TimeAmount.milliseconds(100) : .zero
                // That the time ran out before the last try was sent says less than what stopped the tries before.
                let isCutShort = error.code == .deadlineExceeded && !error.isAmbiguous
                if !isCutShort { cause = error }
                if NIODeadline.now() + pause + .milliseconds(5) >= end || Task.isCancelled { throw cause ?? error }
                if isRound { try await sleep(pause) }
            }
        }
    }

    private func attempt(
        _ path: String, _ body: [UInt8], at index: Int, until end: NIODeadline
    ) async throws -> [UInt8] {
        let connection = try await connection(to: index, until: end)
        let token = try await currentToken(over: connection, until: end)
        let left = end - .now()
        guard left > .zero else {
            throw EtcdError(.deadlineExceeded, effect: .none, endpoint: connection.endpoint, "no time left to ask")
        }
        return try await connection.unary(GRPCRequest(path: path, message: body, timeout: left, token: token))
    }

    private func decode<Reply: ResponseMessage>(
        _ type: Reply.Type, _ bytes: [UInt8], endpoint index: Int
    ) throws -> Reply {
        do {
            return try Reply(decoding: bytes)
        } catch {
            let text = "unreadable reply: \((error as? ProtobufReader.Malformed)?.reason ?? "\(error)")"
            throw EtcdError(.malformedReply, effect: .unknown, endpoint: name(index), text)
        }
    }

    func check(_ header: ResponseHeader, _ standing: Standing, endpoint index: Int) throws {
        guard standing != .unchecked else { return }
        if let (code, text) = watermark.judge(header, isConfirmed: standing == .confirmed) {
            throw EtcdError(code, effect: .unknown, endpoint: name(index), text)
        }
    }

    // MARK: Servers

    func name(_ index: Int) -> String { configuration.endpoints[index].description }

    var preferredIndex: Int { preferred }

    /// The next call asks the next server, unless another call has moved on already.
    func moveOn(from index: Int) {
        if preferred == index { preferred = (index + 1) % configuration.endpoints.count }
    }

    func connection(to index: Int, until end: NIODeadline) async throws -> GRPCConnection {
        guard !isClosed else { throw EtcdError(.cancelled, effect: .none, "the client is closed") }
        for _ in 0..<2 {
            let future = connections[index] ?? GRPCConnection.connect(
                to: configuration.endpoints[index], configuration: configuration, group: group)
            connections[index] = future
            do {
                let connection = try await within(future, end, endpoint: name(index))
                if connection.isActive { return connection }
            } catch {
                // A connection attempt that is merely slow goes on for the next call.
                if (error as? EtcdError)?.code != .deadlineExceeded, connections[index] === future {
                    connections[index] = nil
                }
                throw error
            }
            if connections[index] === future { connections[index] = nil }
        }
        throw EtcdError(.unreachable, effect: .none, endpoint: name(index), "the connection closes at once")
    }

    private func within<Value: Sendable>(
        _ future: EventLoopFuture<Value>, _ end: NIODeadline, endpoint: String
    ) async throws -> Value {
        let promise = future.eventLoop.makePromise(of: Value.self)
        let timer = future.eventLoop.scheduleTask(deadline: end) {
            promise.fail(EtcdError(.deadlineExceeded, effect: .none, endpoint: endpoint, "not connected in time"))
        }
        future.whenComplete { result in
            timer.cancel()
            promise.completeWith(result)
        }
        return try await promise.futureResult.get()
    }

    /// Waits on an event loop; ends early with an error when the task is cancelled.
    func sleep(_ pause: TimeAmount) async throws {
        let promise = group.next().makePromise(of: Void.self)
        let timer = promise.futureResult.eventLoop.scheduleTask(in: pause) { promise.succeed() }
        try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            timer.cancel()
            promise.fail(EtcdError(.cancelled, effect: .none, "cancelled"))
        }
    }

    // MARK: Authentication

    func currentToken(over connection: GRPCConnection, until end: NIODeadline) async throws -> String? {
        guard let credentials = configuration.credentials else { return nil }
        if let token { return token }
        let request = AuthenticateRequest(name: credentials.name, password: credentials.password)
        let left = end - .now()
        guard left > .zero else {
            throw EtcdError(.deadlineExceeded, effect: .none, endpoint: connection.endpoint, "no time left to log in")
        }
        do {
            let bytes = try await connection.unary(
                GRPCRequest(path: "/etcdserverpb.Auth/Authenticate", message: request.encoded, timeout: left))
            let reply = try AuthenticateResponse(decoding: bytes)
            token = reply.token
            return reply.token
        } catch var error as EtcdError {
            error.effect = .none  // the caller's request was not sent
            if error.code == .rejected { error.code = .unauthenticated }
            error.message = "log in as \(credentials.name): " + error.message
            throw error
        } catch {
            let text = "unreadable reply to the log-in"
            throw EtcdError(.malformedReply, effect: .none, endpoint: connection.endpoint, text)
        }
    }

    /// After the server refused the token: get another one with the next call.
    func forgetToken() { token = nil }
}

/// The highest raft term seen in replies that needed the quorum, and of which cluster.
///
/// A server that was cut off, or restored from an old copy, still answers; its lower term gives it away.
struct TermWatermark {
    private var clusterID: UInt64?
    private var term: UInt64

    init(clusterID: UInt64? = nil, term: UInt64 = 0) {
        self.clusterID = clusterID
        self.term = term
    }

    var history: (clusterID: UInt64, raftTerm: UInt64)? { clusterID.map { ($0, term) } }

    /// Nil when the header is fine, otherwise the error.
    mutating func judge(_ header: ResponseHeader, isConfirmed: Bool) -> (EtcdError.Code, String)? {
        if let clusterID, clusterID != header.clusterID {
            let ids = "\(String(header.clusterID, radix: 16)) instead of \(String(clusterID, radix: 16))"
            let text = "the server belongs to another etcd cluster (\(ids)): restored, rebuilt or a wrong endpoint"
            return (.foreignCluster, text)
        }
        if header.raftTerm < term {
            return (.staleServer, "the server is at raft term \(header.raftTerm), the cluster was at \(term)")
        }
        if isConfirmed {
            clusterID = header.clusterID
            term = header.raftTerm
        }
        return nil
    }
}
