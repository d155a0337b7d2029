import CLibSSH2
import Glibc

/// One SSH connection: TCP, handshake, login, then channels. A connection that broke stays broken; ``SSHHost``
/// makes a new one.
///
/// Every wait goes through ``activity(until:)``: an operation tries, and when libssh2 has nothing for it yet, it
/// sleeps until the poll loop saw something happen, its deadline passed or its task was cancelled.
actor Connection: PollClient {
    typealias Instant = ContinuousClock.Instant

    enum State {
        case idle
        case connecting
        case ready
        case broken(SSHError)
    }

    struct Waiter {
        var deadline: Instant?
        var continuation: CheckedContinuation<Bool, Never>
    }

    let name: String
    let target: SSHTarget
    let options: SSHOptions
    /// The host this connection goes through.
    let via: Connection?

    var state = State.idle
    var session: Session?
    /// A channel is being opened: libssh2 can do that once at a time on a session.
    var opening = false
    var channelsInUse = 0
    /// Descriptors besides the session's own that somebody waits for, with their poll events.
    var interest: [Int32: Int16] = [:]
    /// What authentication tried, for the error.
    var tried: [String] = []

    private let executor = PollExecutor()
    private var waiters: [Waiter] = []
    private var changed = false
    private var nextKeepalive: Instant?

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(name: String, target: SSHTarget, options: SSHOptions, via: Connection?) {
        self.name = name
        self.target = target
        self.options = options
        self.via = via
        executor.start(for: self)
    }

    deinit { executor.stop() }

    func fault(_ code: SSHError.Code, _ message: String) -> SSHError { SSHError(code, host: name, message) }

    /// `user@host:port`, for messages.
    nonisolated var place: String { "\(target.user)@\(target.host):\(target.port)" }

    // MARK: Waiting

    /// Suspends until something may have changed.
    func activity(until deadline: Instant?) async throws {
        try Task.checkCancellation()
        let executor = executor
        let expired = await withTaskCancellationHandler {
            await withCheckedContinuation { waiters.append(Waiter(deadline: deadline, continuation: $0)) }
        } onCancel: {
            executor.kick()
        }
        try Task.checkCancellation()
        if expired { throw DeadlinePassed() }
    }

    /// Lets everybody who waits look again.
    func signal() { changed = true }

    /// Repeats a libssh2 call until it no longer says "again". The result may be an error code of libssh2.
    func retry(until deadline: Instant?, _ call: () -> Int32) async throws -> Int32 {
        while true {
            let code = call()
            if code != LIBSSH2_ERROR_EAGAIN { return code }
            try await activity(until: deadline)
        }
    }

    // MARK: Poll loop

    func prepare(kicked: Bool) -> PollRequest? {
        let now = ContinuousClock.now
        if let transport = session?.transport {
            keepAlive(transport, now)
            if transport.flush() { changed = true }
            if transport.consumed {
                transport.consumed = false
                changed = true
            }
            if let reason = transport.ended, case .ready = state {
                state = .broken(fault(.closed, "the SSH connection to \(place) broke: \(reason)."))
                changed = true
            }
        }
        if resume(now, all: changed || kicked) { return nil }
        return pollRequest(now)
    }

    /// True when a job was made ready.
    private func resume(_ now: Instant, all: Bool) -> Bool {
        changed = false
        guard !waiters.isEmpty else { return false }
        var kept: [Waiter] = []
        var woken: [(Waiter, Bool)] = []
        for waiter in waiters {
            let expired = waiter.deadline.map { $0 <= now } ?? false
            if all || expired { woken.append((waiter, expired)) } else { kept.append(waiter) }
        }
        waiters = kept
        for (waiter, expired) in woken { waiter.continuation.resume(returning: expired) }
        return !woken.isEmpty
    }

    private func pollRequest(_ now: Instant) -> PollRequest {
        var descriptors: [pollfd] = []
        if let transport = session?.transport, transport.ended == nil {
            var events = transport.wantsInput ? Int16(POLLIN) : 0
            if transport.outboundBacklog > 0 { events |= Int16(POLLOUT) }
            descriptors.append(pollfd(fd: transport.descriptor, events: events, revents: 0))
        }
        for (descriptor, events) in interest {
            descriptors.append(pollfd(fd: descriptor, events: events, revents: 0))
        }
        let next = (waiters.compactMap(\.deadline) + [nextKeepalive].compactMap { $0 }).min()
        let timeout = next.map { instant -> Int32 in
            let (seconds, attoseconds) = max(.zero, instant - now).components
            return Int32(min(seconds, 3600) * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
        }
        return PollRequest(descriptors: descriptors, timeout: timeout ?? -1)
    }

    func finish(_ descriptors: [pollfd]) {
        for entry in descriptors where entry.revents != 0 {
            if let transport = session?.transport, entry.fd == transport.descriptor {
                if entry.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0, transport.fill() { changed = true }
            } else {
                changed = true
            }
        }
    }

    private func keepAlive(_ transport: Transport, _ now: Instant) {
        guard case .ready = state, let raw = session?.raw, transport.ended == nil else {
            nextKeepalive = nil
            return
        }
        let silence = transport.lastReceived.duration(to: now)
        if silence >= options.deadPeerAfter {
            transport.end("nothing was heard from it for \(silence.components.seconds) s")
            return
        }
        guard nextKeepalive.map({ $0 <= now }) ?? true else { return }
        if silence >= options.keepaliveInterval / 2 || nextKeepalive == nil {
            var seconds: Int32 = 0
            libssh2_keepalive_send(raw, &seconds)
        }
        nextKeepalive = now + max(.seconds(1), options.keepaliveInterval)
    }

    /// Ends the connection; everybody who uses it fails with `error`.
    func end(_ error: SSHError) {
        if case .broken = state { return }
        state = .broken(error)
        if let session {
            if session.transport.ended == nil {
                pg_ssh2_disconnect(session.raw, "bye")
                _ = session.transport.flush()
            }
            session.transport.end(error.message)
        }
        signal()
    }

    /// Closes politely, as the owner's wish.
    func close() { end(fault(.closed, "the connection to \(place) was closed by this program.")) }

    /// The error of a broken connection, or `other` for one that is not.
    func failure(_ code: SSHError.Code, _ message: String) -> SSHError {
        if case .broken(let error) = state { return error }
        if let reason = session?.transport.ended {
            return fault(.closed, "the SSH connection to \(place) broke: \(reason).")
        }
        return fault(code, message)
    }
}
