import HACore
import Timekeeping

/// The agent's `LeaseKeeper`: renews at a third of the ttl, tries again each 100 ms, and only while it is allowed to.
/// After a failure it asks before it renews.
final class ModelLease {
    private struct Lease {
        var id: Int64
        var confirmed: BootInstant
    }

    private unowned let agent: ModelAgent
    private let world: World
    private var lease: Lease?
    private var mayRenewUntil: BootInstant
    private var isSleeping = false
    private var isFailing = false
    private(set) var state = LeaseObservation.none
    private var ttl: Span { world.options.ttl }

    init(_ agent: ModelAgent) {
        self.agent = agent
        world = agent.host.world
        mayRenewUntil = agent.host.clock + world.options.ttl.duration
    }

    static func margin(_ ttl: Duration) -> Duration { min(max(ttl / 10, .milliseconds(500)), .seconds(2)) }

    func allowRenewal(until moment: BootInstant) {
        let wasClosed = mayRenewUntil <= agent.host.clock
        mayRenewUntil = moment
        if wasClosed, isSleeping {
            isSleeping = false
            step()
        }
    }

    func step() {
        let now = agent.host.clock
        guard now < mayRenewUntil else {
            isSleeping = true
            return
        }
        guard let lease else { return grant() }
        let due = lease.confirmed + (ttl / 3).duration
        if now < due { return again(Span(rawValue: (due - now).wholeNanoseconds)) }
        if isFailing, world.mutation != .renewUnheard { probe(lease.id) } else { renew(lease.id) }
    }

    private func probe(_ id: Int64) {
        agent.ask(timeout: tryTimeout, { $0.hasLease(id) }) { [weak self] (reply: ModelEtcd.Reply<Bool>) in
            guard let self, lease?.id == id else { return }
            if case .ok = reply { renew(id) } else { notRenewed() }
        }
    }

    private func notRenewed() {
        isFailing = true
        agent.after(.ms(0.05)) { [weak self] in self?.agent.leaseNotRenewed() }
        again(.ms(100))
    }

    /// Takes another lease and gives this one back; `then` when the store has said that it is gone.
    func retire(_ id: Int64, _ then: @escaping () -> Void) {
        if lease?.id == id {
            lease = nil
            publish(.none)
            step()
        }
        revoke(id, then)
    }

    private func revoke(_ id: Int64, _ then: @escaping () -> Void) {
        agent.ask(isWrite: true, timeout: tryTimeout, { etcd -> Bool? in
            etcd.revoke(id)
            return true
        }) { [weak self] (reply: ModelEtcd.Reply<Bool>) in
            guard let self else { return }
            if case .ok = reply { return then() }
            agent.after(.ms(500)) { [weak self] in self?.revoke(id, then) }
        }
    }

    private func again(_ delay: Span) { agent.after(delay) { [weak self] in self?.step() } }

    private var tryTimeout: Span { max(ttl / 6, .ms(300)) }

    private func grant() {
        let sent = agent.host.clock
        let ttl = ttl
        let host = agent.host.index
        agent.ask(isWrite: true, timeout: tryTimeout, { $0.grant(ttl: ttl, to: host) }) { [weak self] (reply: ModelEtcd.Reply<Int64>) in
            guard let self else { return }
            guard case .ok(let id) = reply else {
                isFailing = true
                return again(.ms(100))
            }
            confirmed(Lease(id: id, confirmed: sent))
            step()
        }
    }

    private func renew(_ id: Int64) {
        let sent = agent.host.clock
        agent.ask(timeout: tryTimeout, { $0.keepAlive(id) }) { [weak self] (reply: ModelEtcd.Reply<Bool>) in
            guard let self, lease?.id == id else { return }
            switch reply {
            case .ok(true):
                confirmed(Lease(id: id, confirmed: sent))
                step()
            case .ok(false):
                world.note("\(agent.host.name): lease \(id) is gone")
                lease = nil
                publish(.none)
                step()
            case .refused, .silent: notRenewed()
            }
        }
    }

    private func confirmed(_ lease: Lease) {
        isFailing = false
        self.lease = lease
        publish(.held(id: lease.id, deadline: lease.confirmed + ttl.duration - Self.margin(ttl.duration)))
    }

    private func publish(_ new: LeaseObservation) {
        guard new != state else { return }
        state = new
        agent.after(.ms(0.05)) { [weak self] in
            guard let self else { return }
            agent.leaseChanged(state)
        }
    }
}
