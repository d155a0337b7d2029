import NIOConcurrencyHelpers
import NIOCore
import Synchronization

/// One connection as the table sees it. The connection's event loop writes, the sweep and admissions read.
final class ConnectionEntry: Sendable {
    let channel: any Channel
    /// When the connection is closed unless something moves, in `NIODeadline`'s nanoseconds; `UInt64.max`: never.
    private let deadline: Synchronization.Atomic<UInt64>
    /// Since when it waits for its client; 0 while the server works for it.
    private let waitingSince: Synchronization.Atomic<UInt64>

    init(_ channel: any Channel, deadline: NIODeadline) {
        self.channel = channel
        self.deadline = Synchronization.Atomic(deadline.uptimeNanoseconds)
        waitingSince = Synchronization.Atomic(NIODeadline.now().uptimeNanoseconds)
    }

    /// The client has `time` from now; what it waits for began now.
    func await(_ time: TimeAmount) {
        let now = NIODeadline.now()
        deadline.store((now + time).uptimeNanoseconds, ordering: .relaxed)
        waitingSince.store(max(1, now.uptimeNanoseconds), ordering: .relaxed)
    }

    /// The server works; however long that takes, the client has no part in it.
    func work() {
        deadline.store(.max, ordering: .relaxed)
        waitingSince.store(0, ordering: .relaxed)
    }

    func isOverdue(at now: UInt64) -> Bool { deadline.load(ordering: .relaxed) <= now }
    var waits: UInt64? {
        let since = waitingSince.load(ordering: .relaxed)
        return since == 0 ? nil : since
    }
}

/// The open connections: how many there may be, which one goes when there are too many, and the deadlines of all.
///
/// One sweep for all instead of a timer for each: a request then costs two stores and no timer.
final class ConnectionTable: Sendable {
    private struct State {
        var entries: [ObjectIdentifier: ConnectionEntry] = [:]
        var isSweeping = false
    }

    private let state = NIOLockedValueBox(State())
    private let limit: Int
    /// How late a deadline may be noticed.
    private let grain: TimeAmount

    /// - Parameter shortest: the shortest deadline in use; it is noticed at most a quarter late.
    init(limit: Int, shortest: TimeAmount) {
        self.limit = limit
        grain = .nanoseconds(min(max(shortest.nanoseconds / 4, 5_000_000), 1_000_000_000))
    }

    var count: Int { state.withLockedValue { $0.entries.count } }

    /// Enters a new connection. When the table is full, the connection that has waited longest for its client
    /// makes room: a crowd of slow clients then pushes out one another, and a health check still gets its answer.
    ///
    /// - Returns: nil when every connection is being worked for.
    func admit(_ channel: any Channel, deadline: NIODeadline) -> ConnectionEntry? {
        let entry = ConnectionEntry(channel, deadline: deadline)
        let (isAdmitted, victim, startsSweep) = state.withLockedValue { state in
            var victim: ObjectIdentifier?
            if state.entries.count >= limit {
                victim = state.entries.compactMap { id, entry in entry.waits.map { (id, $0) } }.min { $0.1 < $1.1 }?.0
                guard victim != nil else { return (false, ConnectionEntry?.none, false) }
            }
            let evicted = victim.flatMap { state.entries.removeValue(forKey: $0) }
            state.entries[ObjectIdentifier(entry)] = entry
            let starts = !state.isSweeping
            state.isSweeping = true
            return (true, evicted, starts)
        }
        guard isAdmitted else { return nil }
        victim?.channel.close(promise: nil)
        channel.closeFuture.whenComplete { [self] _ in
            state.withLockedValue { _ = $0.entries.removeValue(forKey: ObjectIdentifier(entry)) }
        }
        if startsSweep { scheduleSweep(on: channel.eventLoop) }
        return entry
    }

    private func scheduleSweep(on loop: any EventLoop) {
        _ = loop.scheduleTask(in: grain) { [self] in sweep(on: loop) }
    }

    /// Ends with the last connection; the next one starts it again.
    private func sweep(on loop: any EventLoop) {
        let now = NIODeadline.now().uptimeNanoseconds
        let (overdue, goesOn) = state.withLockedValue { state in
            state.isSweeping = !state.entries.isEmpty
            return (state.entries.values.filter { $0.isOverdue(at: now) }, state.isSweeping)
        }
        for entry in overdue { entry.channel.close(promise: nil) }
        if goesOn { scheduleSweep(on: loop) }
    }
}
