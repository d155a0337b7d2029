import NIOCore

/// What a watch tells, in order.
public enum WatchItem: Sendable {
    /// A server has taken the watch; `revision` is where it stood then. Comes again after each interruption.
    case opened(revision: Int64, endpoint: String)
    /// Changes in the order of their revisions, all changes of one revision together.
    case events([WatchEvent], revision: Int64)
    /// The connection was lost or the server has no leader. The watch goes on by itself, with another server if
    /// there is one, from the revision after the last event: nothing is missed.
    case interrupted(EtcdError)
}

extension EtcdClient {
    /// Watches all keys that begin with `prefix`, from `revision` on (that one included).
    ///
    /// Ends with an ``EtcdError`` only when going on makes no sense: `compacted` (read again, then watch from
    /// the read's revision + 1), refused credentials or permission, or the client is closed.
    public nonisolated func watch(
        prefix: String, fromRevision revision: Int64
    ) -> AsyncThrowingStream<WatchItem, any Error> {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: WatchItem.self)
        let task = Task {
            do {
                try await self.keepWatching(.prefix(prefix), from: revision) { continuation.yield($0) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    private func keepWatching(_ range: KeyRange, from revision: Int64, yield: (WatchItem) -> Void) async throws {
        var next = revision
        var failures = 0
        var mayAuthenticate = true
        while !Task.isCancelled {
            let index = preferredIndex
            do {
                try await watchOnce(range, at: index, next: &next) { item in
                    failures = 0
                    mayAuthenticate = true
                    yield(item)
                }
            } catch let error as EtcdError {
                if error.code == .unauthenticated, configuration.credentials != nil, mayAuthenticate {
                    mayAuthenticate = false
                    forgetToken()
                    continue
                }
                guard error.isTroubleOfTheEndpoint else { throw error }
                if Task.isCancelled { return }
                yield(.interrupted(error))
                moveOn(from: index)
                failures += 1
                // Every server once without waiting, then 100 ms to 1 s between tries.
                let rounds = failures / configuration.endpoints.count
                if rounds > 0 { try await sleep(.milliseconds(min(1000, Int64(rounds) * 100))) }
            }
        }
    }

    /// One watch on one server; returns only by an error or when the task is cancelled.
    private func watchOnce(
        _ range: KeyRange, at index: Int, next: inout Int64, yield: (WatchItem) -> Void
    ) async throws {
        let limit = NIODeadline.now() + .seconds(2)
        let connection = try await connection(to: index, until: limit)
        let token = try await currentToken(over: connection, until: limit)
        let request = GRPCRequest(
            path: "/etcdserverpb.Watch/Watch", message: WatchCreateRequest(range: range, startRevision: next).encoded,
            timeout: nil, token: token, requiresLeader: true)
        let (events, continuation) = AsyncStream.makeStream(of: GRPCEvent.self)
        let call = try await connection.start(request) { event in
            continuation.yield(event)
            if case .ended = event { continuation.finish() }
        }.get()
        let opening = call.channel.eventLoop.scheduleTask(deadline: limit) {
            call.handler.value.fail(.deadlineExceeded, "the server does not open the watch")
        }
        defer {
            opening.cancel()
            call.cancel()
        }
        for await event in events {
            switch event {
            case .message(let bytes):
                let response = try decodeWatch(bytes, endpoint: connection.endpoint)
                try check(response.header, .local, endpoint: index)
                if response.isCreated { opening.cancel() }
                if let item = try Self.item(response, next: &next, endpoint: connection.endpoint) { yield(item) }
            case .ended(let error):
                let text = "the server ended the watch"
                throw error ?? EtcdError(.connectionLost, effect: .none, endpoint: connection.endpoint, text)
            }
        }
    }

    private func decodeWatch(_ bytes: [UInt8], endpoint: String) throws -> WatchResponse {
        do {
            return try WatchResponse(decoding: bytes)
        } catch {
            throw EtcdError(.malformedReply, effect: .none, endpoint: endpoint, "unreadable watch response: \(error)")
        }
    }

    /// The item a response stands for. Only events move `next`: the revision of a progress notice of etcd before
    /// 3.4.25 and 3.5.8 may run ahead of events still under way.
    static func item(_ response: WatchResponse, next: inout Int64, endpoint: String) throws -> WatchItem? {
        if response.compactRevision != 0 {
            throw EtcdError(
                .compacted(revision: response.compactRevision), effect: .none, endpoint: endpoint,
                "revision \(next) was compacted; the oldest one kept is \(response.compactRevision)")
        }
        if response.isCancelled {
            throw cancellation(response.cancelReason, endpoint: endpoint)
        }
        if let last = response.events.last {
            next = max(next, last.keyValue.modRevision + 1)
            return .events(response.events, revision: max(response.header.revision, last.keyValue.modRevision))
        }
        return response.isCreated ? .opened(revision: response.header.revision, endpoint: endpoint) : nil
    }

    private static func cancellation(_ reason: String, endpoint: String) -> EtcdError {
        let code: EtcdError.Code =
            if reason.contains("permission denied") {
                .permissionDenied
            } else if reason.contains("auth") || reason.contains("user name is empty") {
                .unauthenticated
            } else {
                .unavailable
            }
        return EtcdError(code, effect: .none, endpoint: endpoint, "the server cancelled the watch: \(reason)")
    }
}
