import Kernel
import Timekeeping

/// The agent's doorbell: any number of rings between two looks count as one.
struct Wakeup: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func ring() { continuation.yield() }

    /// Waits for a ring, or until the moment on the clock. One waiter at a time: the decision loop.
    func wait(until moment: BootInstant, clock: some BootTimeClock) async {
        let timer = Task { [continuation] in
            if (try? await clock.sleep(until: moment, tolerance: nil)) != nil { continuation.yield() }
        }
        defer { timer.cancel() }
        var rings = stream.makeAsyncIterator()
        await rings.next()
    }
}
