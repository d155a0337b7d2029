import Cluster
import HACore
import Timekeeping

struct FailsafeState {
    var leadUntil: BootInstant?
    var isAsking = false
    /// As leader: names in lists that were sent to the store since the last one was confirmed.
    var sent: Set<String> = []
    /// As leader: the list that was last left for writing.
    var posted: [String: String] = [:]
    var accepted: (leader: String, until: BootInstant)?

    /// As leader: another list waits until no promise counts any more.
    func reliesOnList(at now: BootInstant) -> Bool { isAsking || leadUntil.map { $0 > now } ?? false }
}

/// Failsafe mode as in `Failsafe.swift`.
extension ModelAgent {
    /// Until then nobody else can lead: by our lease, or because every member has promised it. Nil without either.
    var leadDeadline: BootInstant? {
        var moments: [BootInstant] = []
        if case .held(_, let deadline) = lastLease { moments.append(deadline) }
        if memory.leads, let until = failsafe.leadUntil { moments.append(until) }
        return moments.max()
    }

    func askFailsafeIfNeeded() {
        guard options.failsafe, memory.leads, !failsafe.isAsking, storeIsSilent, let members = view?.failsafe,
            members[me] != nil, failsafe.leadUntil.map({ $0 - host.clock < options.ttl.duration * 3 / 4 }) ?? true
        else { return }
        failsafe.isAsking = true
        // A list that was sent and not confirmed may be in force: whoever is in one of them is asked.
        let others = Set(members.keys).union(failsafe.sent).subtracting([me]).sorted()
        let sent = host.clock
        let leader = me
        var waiting = others.count
        var refused = false
        guard waiting > 0 else { return failsafeAnswered(sent, refused: false) }
        for name in others {
            call(name, deadline: .s(2)) { $0.acceptFailsafe(leader) } then: { [weak self] accepted in
                waiting -= 1
                if accepted != true { refused = true }
                if waiting == 0 { self?.failsafeAnswered(sent, refused: refused) }
            }
        }
    }

    private var storeIsSilent: Bool {
        switch lastStore {
        case .unreachable, .regressed: return true
        case .unknown, .connected: break
        }
        guard case .held(_, let deadline) = lastLease else { return false }
        return deadline - host.clock < options.ttl.duration / 2
    }

    private func failsafeAnswered(_ sent: BootInstant, refused: Bool) {
        failsafe.isAsking = false
        guard !refused, memory.leads else { return }
        let ttl = options.ttl.duration
        let until = sent + ttl - ModelLease.margin(ttl)
        if failsafe.leadUntil.map({ $0 < host.clock }) ?? true { world.note("\(me): leads by failsafe") }
        failsafe.leadUntil = until
        host.mayWrite(until: world.now + Span(rawValue: (until - host.clock).wholeNanoseconds) + Span(rawValue: ModelLease.margin(ttl).wholeNanoseconds))
        if case .armed(let deadline) = guardian, until > deadline { moveGuard(to: until) }
        ring()
    }

    func acceptFailsafe(_ leader: String) -> Bool {
        guard options.failsafe else { return false }
        if case .running(let server) = server.process, !server.isInRecovery { return false }
        if case .connected = lastStore, let known = view?.leader?.name, known != leader { return false }
        if objectsToPromise { return false }
        let until = host.clock + options.ttl.duration
        failsafe.accepted = (leader, until)
        host.promise = (leader, until, host.boots)
        return true
    }

    /// The promise of the agent before us, which wrote it to disk; after a reboot its moment is unknown.
    func takeOverPromise() {
        guard let (leader, until, boots) = host.promise else { return }
        failsafe.accepted = (leader, boots == host.boots ? until : host.clock + options.ttl.duration)
    }
}
