import Timekeeping

/// The agent's doorbell: any number of rings between two looks count as one.
struct Wakeup: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func ring() { continuation.yield() }

    /// Waits for a ring, or until `limit` has passed on the clock.
    ///
    /// One waiter at a time: the decision loop.
    func wait<C: Clock>(atMost limit: Duration, clock: C) async where C.Duration == Duration {
        let timer = Task { [continuation] in
            if (try? await clock.sleep(for: limit)) != nil { continuation.yield() }
        }
        defer { timer.cancel() }
        var rings = stream.makeAsyncIterator()
        await rings.next()
    }
}
