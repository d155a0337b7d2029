import Cluster
import HACore
import PostgresModel
import Timekeeping

/// What the agent writes to the store: beside the decision loop, which waits for none of it.
struct WritesUnderWay {
    enum Claim { case acquire, reattach, release }

    /// The agent's `LockClaim`: who has promised to follow a leader by failsafe does not ask for the lock, and who has
    /// asked without a definite answer does not promise.
    var claim: Claim?
    var unanswered: Set<Int64> = []
    /// Others, by what they do.
    var others: Set<String> = []
    /// `ReportWriter`: the newest of each kind, in the order in which they are written.
    var reports: [ReportKind: (@escaping () -> Void) -> Void] = [:]
    var isReporting = false

    enum ReportKind: Int, CaseIterable { case member, failsafe, history, status }
}

extension ModelAgent {
    func beside(_ what: String, _ body: (@escaping () -> Void) -> Void) {
        guard writes.others.insert(what).inserted else { return }
        body { [weak self] in
            self?.writes.others.remove(what)
            self?.ring()
        }
    }

    // MARK: The lock

    private var hasPromised: Bool {
        failsafe.accepted.map { $0.until > host.clock && $0.leader != me } ?? false
    }

    func claimLock(_ claim: WritesUnderWay.Claim) {
        guard case .held(let id, let deadline) = lastLease, writes.claim == nil, !hasPromised else { return }
        writes.claim = claim
        let then = { [weak self] (outcome: Outcome) in
            guard let self else { return }
            settled(outcome, lease: id, deadline)
            ring()
        }
        if claim == .acquire { store.acquireLock(lease: id, then) } else { store.reattachLock(lease: id, then) }
    }

    private func settled(_ outcome: Outcome, lease: Int64, _ deadline: BootInstant) {
        let what = writes.claim == .acquire ? "acquire" : "reattach"
        writes.claim = nil
        switch outcome {
        case .done(let view):
            world.note("\(me): \(what) done")
            lastStore = .connected(view, confirmed: host.clock)
            if case .running(let server) = server.process, !server.isInRecovery { armGuard(deadline) {} }
        case .compareFailed(let view): lastStore = .connected(view, confirmed: host.clock)
        case .ambiguous:
            world.note("\(me): \(what) without a clear answer")
            writes.unanswered.insert(lease)
            retireLease(lease)
        case .failed: world.note("\(me): \(what) failed")
        }
    }

    private func retireLease(_ id: Int64) {
        if case .running(let server) = server.process, !server.isInRecovery { return }
        guard !memory.leads else { return }
        lease.retire(id) { [weak self] in
            self?.writes.unanswered.remove(id)
            self?.ring()
        }
    }

    func releaseLock(_ position: LSN?) {
        guard writes.claim == nil else { return }
        writes.claim = .release
        for kind in [WritesUnderWay.ReportKind.status, .history, .failsafe] { writes.reports[kind] = nil }
        world.note("\(me): release the lock")
        store.releaseLock(finalLSN: position) { [weak self] in
            self?.writes.claim = nil
            self?.ring()
        }
    }

    /// Why no promise may be given now.
    var objectsToPromise: Bool {
        (writes.claim != nil && writes.claim != .release) || !writes.unanswered.isEmpty
    }

    // MARK: Reports

    func post(_ kind: WritesUnderWay.ReportKind, _ write: @escaping (@escaping () -> Void) -> Void) {
        writes.reports[kind] = write
        guard !writes.isReporting else { return }
        writes.isReporting = true
        after(.ms(0.1)) { [weak self] in self?.writeReports() }
    }

    private func writeReports() {
        guard let kind = WritesUnderWay.ReportKind.allCases.first(where: { writes.reports[$0] != nil }),
            let write = writes.reports.removeValue(forKey: kind)
        else {
            writes.isReporting = false
            return
        }
        write { [weak self] in self?.writeReports() }
    }
}
