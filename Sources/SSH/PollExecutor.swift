import CLibSSH2
import Glibc
import Synchronization

/// What the thread waits for between two turns.
struct PollRequest: Sendable {
    var descriptors: [pollfd]
    /// Milliseconds; -1: until something happens.
    var timeout: Int32
}

/// The actor whose jobs and sockets a ``PollExecutor`` serves.
protocol PollClient: Actor {
    /// Called when no job is waiting. Nil: jobs were made ready, run them first.
    func prepare(kicked: Bool) -> PollRequest?
    func finish(_ descriptors: [pollfd])
}

/// One thread that runs an actor's jobs and sleeps in poll(2) between them.
///
/// libssh2's calls, name-free crypto and agent requests may take long, so they stay off the cooperative pool;
/// and because only this thread touches the session, no lock is needed around it.
final class PollExecutor: SerialExecutor {
    private struct Mailbox {
        var jobs: [UnownedJob] = []
        var kicked = false
        var stopped = false
        var thread: pthread_t?
    }

    private let mailbox = Mutex(Mailbox())
    private let wakeDescriptor: Int32

    init() { wakeDescriptor = pg_wake_descriptor() }

    deinit { close(wakeDescriptor) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let own = mailbox.withLock { box in
            box.jobs.append(job)
            return box.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false
        }
        if !own { wake() }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    func checkIsolated() { precondition(isIsolatingCurrentContext() == true, "not on the connection's thread") }

    func isIsolatingCurrentContext() -> Bool? {
        mailbox.withLock { box in box.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    /// Makes everything that waits look again; safe from any thread.
    func kick() {
        mailbox.withLock { $0.kicked = true }
        wake()
    }

    func stop() {
        mailbox.withLock { $0.stopped = true }
        wake()
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
    }

    /// Starts the thread; it ends after ``stop()`` or when the client is gone.
    func start(for client: some PollClient) {
        let reference = WeakClient(client)
        startThread { self.run(reference) }
    }

    private final class WeakClient: @unchecked Sendable {
        // Written once, before the thread starts; weak loads are atomic.
        weak var client: (any PollClient)?
        init(_ client: any PollClient) { self.client = client }
    }

    private func run(_ reference: WeakClient) {
        mailbox.withLock { $0.thread = pthread_self() }
        while true {
            let (jobs, kicked, stopped) = mailbox.withLock { box in
                defer {
                    // A kick that comes with jobs stays until they ran: they may be about to wait.
                    if box.jobs.isEmpty { box.kicked = false }
                    box.jobs = []
                }
                return (box.jobs, box.kicked, box.stopped)
            }
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
            if !jobs.isEmpty { continue }
            guard !stopped, let request = prepare(reference, kicked: kicked) else {
                if stopped || reference.client == nil { return }
                continue
            }
            var descriptors = request.descriptors
            descriptors.append(pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0))
            poll(&descriptors, nfds_t(descriptors.count), request.timeout)
            let own = descriptors.removeLast()
            if own.revents != 0 {
                var count: UInt64 = 0
                _ = read(wakeDescriptor, &count, 8)
            }
            finish(reference, descriptors)
        }
    }

    // The client is held only during a turn, so that an idle connection nobody refers to goes away.
    private func prepare(_ reference: WeakClient, kicked: Bool) -> PollRequest? {
        guard let client = reference.client else { return nil }
        return client.assumeIsolated { $0.prepare(kicked: kicked) }
    }

    private func finish(_ reference: WeakClient, _ descriptors: [pollfd]) {
        guard let client = reference.client else { return }
        client.assumeIsolated { $0.finish(descriptors) }
    }
}

/// Runs `body` on a detached thread of its own.
func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(Box(body)).toOpaque()
    let failed = pthread_create(&thread, nil, { raw in
        Unmanaged<Box>.fromOpaque(raw!).takeRetainedValue().body()
        return nil
    }, argument)
    precondition(failed == 0, "no thread could be started: \(String(cString: strerror(failed)))")
    pthread_detach(thread)
}

/// Awaits a blocking function without blocking the cooperative pool.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in startThread { continuation.resume(returning: body()) } }
}
