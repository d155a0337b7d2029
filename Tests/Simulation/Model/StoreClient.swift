import Cluster
import HACore
import Timekeeping
import PostgresModel

/// What became of a write, as `Store.WriteOutcome` says it, and `failed` for what it throws.
enum Outcome {
    case done(ClusterView), compareFailed(ClusterView), ambiguous, failed
}

enum Finding { case applied, ruledOut, open }

/// The agent's `ClusterStore`: a view kept current by a watch, confirmed by reads, and writes that are looked up
/// again when no answer came.
final class ModelStore {
    private unowned let agent: ModelAgent
    private let world: World
    private var cache = ClusterView()
    /// Own writes whose events are still to come, on top of what the watch tells.
    private var ownWrites: [(revision: Int64, change: (inout ClusterView, Int64) -> Void)] = []
    private var confirmed: Span?
    private var failingSince: Span?
    /// The store went back: believed no more, until a person has looked.
    private var wentBack = false
    /// What an agent before this one knew, until a read goes on from there.
    private var recalled: StoreMark?
    private(set) var state = StoreObservation.unknown
    private var retryTimeout: Span { world.options.retryTimeout }
    private var loopWait: Span { world.options.loopWait }

    init(_ agent: ModelAgent) {
        self.agent = agent
        world = agent.host.world
        recalled = agent.host.storeMark
    }

    func start() {
        refresh { [weak self] isRead in
            guard let self else { return }
            guard isRead else { return agent.after(.ms(500)) { [weak self] in self?.start() } }
            follow()
        }
    }

    private func follow() {
        let agent = agent
        let reread = { [weak self, weak agent] in
            agent?.run { self?.refresh { _ in } }
            return
        }
        world.etcd.watch(from: agent.host.index, compacted: reread) { [weak self, weak agent] view in
            agent?.run {
                guard let self, view.revision > self.cache.revision else { return }
                self.take(view)
                self.confirm(self.world.now)
            }
        }
        confirmWhenQuiet()
    }

    private func confirmWhenQuiet() {
        let now = world.now
        let wait = failingSince != nil ? .ms(500) : max((confirmed ?? now) + loopWait - now, .ms(100))
        agent.after(wait) { [weak self] in
            guard let self else { return }
            guard failingSince != nil || world.now - (confirmed ?? world.now) >= loopWait else {
                return confirmWhenQuiet()
            }
            refresh { [weak self] _ in self?.confirmWhenQuiet() }
        }
    }

    func refresh(_ then: @escaping (Bool) -> Void) {
        let asked = world.now
        let known = known
        agent.ask(timeout: retryTimeout, { $0.view }) { [weak self] (reply: ModelEtcd.Reply<ClusterView>) in
            guard let self else { return }
            guard case .ok(let view) = reply else {
                failed()
                return then(false)
            }
            then(adopt(view, asked, known))
        }
    }

    private var known: StoreMark { recalled ?? StoreMark(cache) }

    /// `known`: what was known when it was asked for.
    private func adopt(_ view: ClusterView, _ asked: Span, _ known: StoreMark) -> Bool {
        guard !wentBack else { return false }
        if let contradiction = known.contradiction(in: view) {
            wentBack = true
            world.note("\(agent.host.name): the store went back: \(contradiction)")
            publish(.regressed(last: recalled == nil ? cache : nil, why: "restored"))
            return false
        }
        recalled = nil
        if view.revision >= cache.revision { take(view) }
        confirm(asked)
        return true
    }

    private func take(_ view: ClusterView) {
        cache = view
        ownWrites.removeAll { $0.revision <= view.revision }
        for write in ownWrites { write.change(&cache, write.revision) }
    }

    private func confirm(_ moment: Span) {
        guard !wentBack else { return }
        failingSince = nil
        confirmed = max(moment, confirmed ?? moment)
        keepMark()
        publish(.connected(cache, confirmed: agent.host.clock))
    }

    private func keepMark() {
        let mark = StoreMark(cache)
        if mark.isWorthKeeping(after: agent.host.storeMark) { agent.host.storeMark = mark }
    }

    private func failed() {
        guard !wentBack else { return }
        let since = failingSince ?? world.now
        failingSince = since
        let last: ClusterView? = if case .unknown = state { nil } else { cache }
        publish(.unreachable(since: agent.host.clock, last: last))
    }

    private func publish(_ new: StoreObservation) {
        state = new
        agent.after(.ms(0.05)) { [weak self] in
            guard let self else { return }
            agent.storeChanged(state)
        }
    }

    // MARK: Writes

    /// `apply` says whether its condition held.
    func transaction(
        _ apply: @escaping (ModelEtcd) -> Bool?, _ finding: @escaping (ClusterView) -> Finding,
        _ then: @escaping (Outcome) -> Void
    ) {
        let asked = world.now
        let known = known
        agent.ask(isWrite: true, timeout: retryTimeout, { etcd -> (Bool, ClusterView)? in
            guard let held = apply(etcd) else { return nil }
            return (held, etcd.view)
        }) { [weak self] (reply: ModelEtcd.Reply<(Bool, ClusterView)>) in
            guard let self else { return }
            switch reply {
            case .ok((let held, let view)):
                guard adopt(view, asked, known) else { return then(.ambiguous) }
                then(held ? .done(cache) : .compareFailed(cache))
            case .refused: then(.failed)
            case .silent: settle(finding, then)
            }
        }
    }

    private func settle(_ finding: @escaping (ClusterView) -> Finding, _ then: @escaping (Outcome) -> Void) {
        refresh { [weak self] isRead in
            guard let self, isRead else { return then(.ambiguous) }
            switch finding(cache) {
            case .applied: then(.done(cache))
            case .ruledOut: then(.compareFailed(cache))
            case .open: then(.ambiguous)
            }
        }
    }

    /// A write without a condition; not sent when the view has it already.
    func put(
        isSame: (ClusterView) -> Bool, lease: Int64 = 0, whileLeading: Bool = false,
        _ change: @escaping (inout ClusterView, Int64) -> Void,
        _ then: @escaping () -> Void
    ) {
        if case .connected = state, isSame(cache) { return then() }
        let me = agent.host.name
        agent.ask(isWrite: true, timeout: retryTimeout, { etcd -> Int64? in
            guard lease == 0 || etcd.hasLease(lease), !whileLeading || etcd.view.leader?.name == me else { return nil }
            etcd.write(change)
            return etcd.view.revision
        }) { [weak self] (reply: ModelEtcd.Reply<Int64>) in
            guard let self else { return }
            switch reply {
            case .ok(let revision):
                let known = cache.revision
                if known < revision {
                    change(&cache, revision)
                    cache.revision = known
                    ownWrites.append((revision, change))
                }
                if case .connected = state { confirm(world.now) }
                then()
            case .refused: then()
            case .silent: refresh { _ in then() }
            }
        }
    }
}

extension ModelStore {
    func acquireLock(lease: Int64, _ then: @escaping (Outcome) -> Void) {
        let me = agent.host.name
        let trustsItsView = world.mutation == .trustStaleView
        transaction({ etcd in
            guard etcd.view.leader == nil || trustsItsView else { return false }
            guard etcd.hasLease(lease) else { return nil }
            etcd.write { $0.leader = LeaderKey(name: me, lease: lease, createRevision: $1, modRevision: $1) }
            return true
        }, finding(lease), then)
    }

    func reattachLock(lease: Int64, _ then: @escaping (Outcome) -> Void) {
        let me = agent.host.name
        transaction({ etcd in
            guard etcd.view.leader == nil || etcd.view.leader?.name == me else { return false }
            guard etcd.hasLease(lease) else { return nil }
            etcd.write { view, revision in
                let created = view.leader?.createRevision ?? revision
                view.leader = LeaderKey(name: me, lease: lease, createRevision: created, modRevision: revision)
            }
            return true
        }, finding(lease), then)
    }

    private func finding(_ lease: Int64) -> (ClusterView) -> Finding {
        let me = agent.host.name
        return { view in
            guard let leader = view.leader else { return .open }
            if leader.name != me { return .ruledOut }
            return leader.lease == lease ? .applied : .open
        }
    }

    func releaseLock(finalLSN: LSN?, _ then: @escaping () -> Void) {
        let me = agent.host.name
        let branch = agent.host.postgres.log.branch
        transaction({ etcd in
            guard etcd.view.leader?.name == me else { return false }
            if let finalLSN { branch.published = max(branch.published, finalLSN.rawValue) }
            etcd.write { view, _ in
                if let finalLSN { view.status.optime = finalLSN }
                view.leader = nil
            }
            return true
        }, { $0.leader?.name == me ? .open : .applied }, { _ in then() })
    }

    func writeStatus(_ position: LSN, _ then: @escaping () -> Void) {
        let branch = agent.host.postgres.log.branch
        put(isSame: { $0.status.optime == position }, whileLeading: true, { view, _ in
            view.status.optime = position
            branch.published = max(branch.published, position.rawValue)
        }, then)
    }

    /// Nil deletes it.
    func writeSync(_ key: SyncKey?, expecting revision: Int64, _ then: @escaping () -> Void) {
        transaction({ etcd in
            guard (etcd.view.sync?.modRevision ?? 0) == revision else { return false }
            etcd.write { view, modRevision in
                view.sync = key
                view.sync?.modRevision = modRevision
            }
            return true
        }, { _ in .open }, { _ in then() })
    }

    func writeHistory(_ entries: [HistoryEntry], _ then: @escaping () -> Void) {
        put(isSame: { $0.history == entries }, whileLeading: true, { view, _ in view.history = entries }, then)
    }

    func shows(failsafe members: [String: String]) -> Bool { cache.failsafe == members }

    func writeFailsafe(_ members: [String: String], _ then: @escaping () -> Void) {
        put(isSame: { $0.failsafe == members }, whileLeading: true, { view, _ in view.failsafe = members }, then)
    }

    func touchMember(_ member: Member, lease: Int64, _ then: @escaping () -> Void) {
        var member = member
        member.lease = lease
        let same = { (view: ClusterView) in view.member(member.name) == member }
        put(isSame: same, lease: lease, { view, _ in
            if let index = view.members.firstIndex(where: { $0.name == member.name }) {
                view.members[index] = member
            } else {
                view.members.append(member)
                view.members.sort { $0.name < $1.name }
            }
        }, then)
    }

    func clearFailover(_ then: @escaping () -> Void) {
        guard let wish = cache.failover, !wish.isEmpty else { return then() }
        let expected = wish.modRevision
        transaction({ etcd in
            guard etcd.view.failover?.modRevision == expected else { return false }
            etcd.write { $0.failover = FailoverKey(modRevision: $1) }
            return true
        }, { $0.failover?.isEmpty == true ? .applied : .open }, { _ in then() })
    }
}
