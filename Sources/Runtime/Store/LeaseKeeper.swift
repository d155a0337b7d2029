import Etcd
import Kernel
import Logging
import Timekeeping

/// This member's lease.
public enum LeaseState: Equatable, Sendable {
    case none
    /// Until `deadline` the store certainly keeps the lease: the send time of the last confirmed keepalive plus
    /// its ttl minus the margin. A deadline in the past: not confirmed since, maybe lost.
    case held(id: Int64, deadline: BootInstant)
}

/// Holds the lease that the member key and the leader key hang on. Runs as a task of its own, with a client of
/// its own, so that nothing else delays a keepalive.
///
/// It renews only while the decision loop has lately allowed it (``allowRenewal(until:)``): an agent whose loop
/// is stuck loses the lease, and with it the lock.
public actor LeaseKeeper {
    private let client: EtcdClient
    private let clock: any BootTimeClock
    private let log: Logger
    private let fixedMargin: Duration?
    private var ttl: Duration
    private var mayRenewUntil: BootInstant
    private var lease: Lease?
    private var isFailing = false
    private var sleeper: Task<Void, Never>?
    private var broadcast = Broadcast<LeaseState>()
    public private(set) var state = LeaseState.none

    private struct Lease {
        var id: Int64
        /// What it was granted for.
        var ttl: Duration
        /// Send time of the last confirmed keepalive, or of the grant.
        var confirmed: BootInstant
    }

    /// - Parameters:
    ///   - ttl: whole seconds; rounded up.
    ///   - margin: what the deadline stays short of the ttl; nil: a tenth of it, 0.5 s to 2 s.
    public init(
        client: EtcdClient, ttl: Duration, margin: Duration? = nil, clock: any BootTimeClock = BootClock(),
        log: Logger = Logger(label: "lease")
    ) {
        self.client = client
        self.clock = clock
        self.log = log
        self.ttl = Self.wholeSeconds(ttl)
        fixedMargin = margin
        mayRenewUntil = clock.now + ttl
    }

    /// The state now, and each newer one; the same state again whenever a try to renew or take a lease has failed.
    public func states() -> AsyncStream<LeaseState> {
        broadcast.subscribe(current: state) { id in Task { await self.unsubscribe(id) } }
    }

    private func unsubscribe(_ id: Int) { broadcast.remove(id) }

    /// The health gate: renewing is allowed until this moment. A later call may also shorten it.
    public func allowRenewal(until moment: BootInstant) {
        let wasClosed = mayRenewUntil <= clock.now
        mayRenewUntil = moment
        if wasClosed { sleeper?.cancel() }
    }

    /// A changed ttl takes a new lease at once; the keys move to it with their next writes, and the old one
    /// expires, as with Patroni.
    public func setTTL(_ ttl: Duration) {
        let whole = Self.wholeSeconds(ttl)
        guard whole != self.ttl else { return }
        // Before the first lease there is nothing to change: the store has only now said how long it is to be.
        if lease != nil {
            let (old, new) = (self.ttl.components.seconds, whole.components.seconds)
            log.notice("ttl changed from \(old) s to \(new) s: taking a new lease")
        }
        self.ttl = whole
        lease = nil
        sleeper?.cancel()
    }

    /// Gives the lease back; its keys vanish at once. For a member that leaves for good: the run loop must have
    /// ended before.
    public func revoke() async throws {
        guard let lease else { return }
        self.lease = nil
        publish(.none)
        try await client.leaseRevoke(id: lease.id, timeout: tryTimeout)
    }

    /// Takes another lease and gives this one back; returns when the store has confirmed that it is gone, so that
    /// nothing sent under it can be carried out any more. Only the store's word counts: an etcd that elects a new
    /// leader gives every lease its full ttl again.
    public func retire(_ id: Int64) async {
        if lease?.id == id {
            log.info("lease \(String(id, radix: 16)) is given back; taking a new one")
            lease = nil
            publish(.none)
            sleeper?.cancel()
        }
        while !Task.isCancelled {
            do {
                return try await client.leaseRevoke(id: id, timeout: tryTimeout)
            } catch {
                try? await clock.sleep(until: clock.now + .milliseconds(500), tolerance: nil)
            }
        }
    }

    /// Keeps a lease until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            guard clock.now < mayRenewUntil else {
                // An hour stands for "until somebody calls": allowRenewal ends the wait.
                await pause(until: clock.now + .seconds(3600))
                continue
            }
            if let lease {
                let due = lease.confirmed + lease.ttl / 3
                if clock.now < due {
                    await pause(until: due)
                } else {
                    await renew(lease)
                }
            } else {
                await grant()
            }
        }
    }

    // MARK: Steps

    /// Four tries fit between the time a renewal is due and the end of the lease.
    private var tryTimeout: Duration { max(ttl / 6, .milliseconds(300)) }

    private func grant() async {
        let sent = clock.now
        let wanted = ttl
        do {
            let grant = try await client.leaseGrant(ttlSeconds: wanted.components.seconds, timeout: tryTimeout)
            guard ttl == wanted else { return }  // changed meanwhile; this one expires unused
            let lease = Lease(id: grant.id, ttl: .seconds(grant.ttl), confirmed: sent)
            log.debug("lease \(String(grant.id, radix: 16)) for \(grant.ttl) s")
            confirmed(lease)
        } catch {
            await failed("no lease", error)
        }
    }

    /// A renewal that is carried out and whose answer is lost keeps the lock for a member that cannot lead. So after a
    /// failure the store is asked first what changes nothing; when it answers, both ways are open.
    private func renew(_ old: Lease) async {
        do {
            if isFailing { _ = try await client.leaseTimeToLive(id: old.id, timeout: tryTimeout) }
            let sent = clock.now
            let reply = try await client.leaseKeepAlive(id: old.id, timeout: tryTimeout)
            guard lease?.id == old.id else { return }
            switch reply {
            case .renewed(let seconds):
                confirmed(Lease(id: old.id, ttl: .seconds(seconds), confirmed: sent))
            case .lost:
                log.warning("lease \(String(old.id, radix: 16)) is gone")
                lease = nil
                publish(.none)
            }
        } catch {
            await failed("lease \(String(old.id, radix: 16)) not renewed", error)
        }
    }

    private func confirmed(_ lease: Lease) {
        isFailing = false
        self.lease = lease
        let margin = fixedMargin ?? min(max(lease.ttl / 10, .milliseconds(500)), .seconds(2))
        publish(.held(id: lease.id, deadline: lease.confirmed + lease.ttl - margin))
    }

    private func failed(_ what: String, _ error: any Error) async {
        if Task.isCancelled { return }
        if !isFailing { log.warning("\(what): \(error)") }
        isFailing = true
        broadcast.send(state)
        await pause(until: clock.now + .milliseconds(100))
    }

    private func publish(_ state: LeaseState) {
        guard state != self.state else { return }
        self.state = state
        broadcast.send(state)
    }

    private func pause(until moment: BootInstant) async {
        let task = Task { [clock] in _ = try? await clock.sleep(until: moment, tolerance: nil) }
        sleeper = task
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        sleeper = nil
    }

    private static func wholeSeconds(_ duration: Duration) -> Duration {
        let (seconds, attoseconds) = duration.components
        return .seconds(max(1, seconds + (attoseconds > 0 ? 1 : 0)))
    }
}
