import Cluster
import JSON
import PostgresModel

/// The modelled store: one linearizable history of views, leases, and the ways in which a store fails its clients.
/// All its servers together are one node here; a host that reaches none of them has its link to this node cut.
final class ModelEtcd {
    weak var world: World!
    private(set) var view = ClusterView(revision: 1, initialize: World.identifier.description)
    private(set) var leases: [Lease] = []
    private var nextLease: Int64 = 1000
    private var watchers: [Watcher] = []
    /// No leader: nothing is answered, nothing is carried out, no lease ends.
    private(set) var isAvailable = true
    /// Requests take as long as this at most.
    var slowest = Span.ms(3)
    /// What is written to disk takes longer: a slow disk delays writes, not reads and keepalives.
    var slowestWrite = Span.zero
    var fastestWrite = Span.zero
    /// So many writes in a thousand are carried out, or not, and not answered.
    var unansweredPermille = 0
    /// Hosts whose watch brings nothing.
    var stalled: Set<Int> = []
    private var copies: [Copy] = []
    /// Counts restores; what an agent of an earlier one can tell is up to `restoreTells`.
    private(set) var epoch = 0
    private var restoreTells = false
    var wasRestored: Bool { epoch > 0 }
    /// `status` as it stood when the lock was last lost; what a race may rely on.
    private(set) var optimeAtLoss: LSN?

    struct Lease {
        var id: Int64
        var ttl: Span
        var ends: Span
        var owner: Int
    }

    /// A backup.
    private struct Copy {
        var at: Span
        var view: ClusterView
        var leases: [Lease]
    }

    struct Watcher {
        var host: Int
        var deliver: (ClusterView) -> Void
        /// Its revision is compacted: it has to read anew.
        var compacted: () -> Void
    }

    // MARK: Requests

    enum Reply<Value> {
        case ok(Value)
        /// Certainly not carried out.
        case refused
        /// Sent, and no answer came.
        case silent
    }

    /// A request of a host's agent: travels, is carried out (or not) and is answered (or not).
    /// `reply` is called exactly once, at `timeout` at the latest.
    func request<Value>(
        from host: Host, epoch: Int, isWrite: Bool, timeout: Span, _ apply: @escaping (ModelEtcd) -> Value?,
        _ reply: @escaping (Reply<Value>) -> Void
    ) {
        let world = world!
        let call = Once()
        let node = Network.Node.host(host.index)
        var wasSent = false
        func finish(_ result: Reply<Value>) {
            guard call.take() else { return }
            reply(result)
        }
        if !isAvailable, world.random.chance(500) {
            // Connection refused or "no leader" from every server, again and again.
            world.after(timeout) { finish(.refused) }
            return
        }
        wasSent = world.network.isOpen(node, .etcd)
        world.after(timeout) { finish(wasSent ? .silent : .refused) }
        world.send(node, .etcd) { [self] in
            var work = world.random.between(.ms(0.3), slowest)
            if isWrite, slowestWrite > .zero { work = work + world.random.between(fastestWrite, slowestWrite) }
            let isMute = isWrite && world.random.chance(unansweredPermille)
            if isMute, world.random.chance(300) { return }
            world.after(work) { [self] in
                // The client compares raft terms and the cluster's number; a restore may keep both.
                guard isAvailable, epoch == self.epoch || !restoreTells else { return }
                expireLeases()
                let value = apply(self)
                if isMute { return }
                world.send(.etcd, node) {
                    if let value { finish(.ok(value)) } else { finish(.refused) }
                }
            }
        }
    }

    // MARK: Keys

    /// Changes the keys in one revision and tells the watchers.
    func write(_ change: (inout ClusterView, Int64) -> Void) {
        let before = view
        let revision = view.revision + 1
        change(&view, revision)
        view.revision = revision
        view.noteDecisive(before, revision)
        if before.leader?.name != view.leader?.name {
            world.note("etcd: leader \(before.leader?.name ?? "-") -> \(view.leader?.name ?? "-")")
            if before.leader != nil { optimeAtLoss = view.status.optime }
            if let name = view.leader?.name {
                world.checker.drill.leads(name)
                world.tookLock(name)
            }
        }
        for watcher in watchers { push(view, to: watcher) }
    }

    var isPaused: Bool { view.config?.value["pause"]?.bool ?? false }

    func watch(from host: Int, compacted: @escaping () -> Void, _ deliver: @escaping (ClusterView) -> Void) {
        watchers.removeAll { $0.host == host }
        watchers.append(Watcher(host: host, deliver: deliver, compacted: compacted))
    }

    /// A stream: what the network holds back comes when it can.
    private func push(_ view: ClusterView, to watcher: Watcher) {
        let lag = world.random.between(.ms(0.2), world.options.watchLag)
        world.after(lag) { [weak self] in self?.tryPush(view, to: watcher) }
    }

    private func tryPush(_ view: ClusterView, to watcher: Watcher) {
        guard isAvailable, world.network.isOpen(.etcd, .host(watcher.host)) else {
            world.after(.ms(250)) { [weak self] in self?.tryPush(view, to: watcher) }
            return
        }
        if stalled.contains(watcher.host) { return }
        watcher.deliver(view)
    }

    // MARK: Leases

    func grant(ttl: Span, to host: Int) -> Int64 {
        nextLease += 1
        leases.append(Lease(id: nextLease, ttl: ttl, ends: world.now + ttl, owner: host))
        world.hosts[host].mayWrite(until: world.now + ttl)
        return nextLease
    }

    /// False: the lease is gone.
    func keepAlive(_ id: Int64) -> Bool {
        guard let index = leases.firstIndex(where: { $0.id == id }) else { return false }
        leases[index].ends = world.now + leases[index].ttl
        world.hosts[leases[index].owner].mayWrite(until: leases[index].ends)
        return true
    }

    func revoke(_ id: Int64) {
        leases.removeAll { $0.id == id }
        forget([id])
    }

    func hasLease(_ id: Int64) -> Bool { leases.contains { $0.id == id } }

    /// etcd looks twice a second; so a lease lasts up to half a second longer than its ttl, never shorter.
    func beginExpiring() {
        world.after(.ms(250)) { [weak self] in
            self?.expireLeases(isTick: true)
            self?.beginExpiring()
        }
    }

    private func expireLeases(isTick: Bool = false) {
        guard isAvailable, isTick else { return }
        let ended = leases.filter { $0.ends <= world.now }.map(\.id)
        guard !ended.isEmpty else { return }
        leases.removeAll { ended.contains($0.id) }
        for id in ended { world.note("etcd: lease \(id) expired") }
        forget(ended)
    }

    /// The keys under leases that are gone go, too.
    private func forget(_ ended: [Int64]) {
        for id in ended where view.leader?.lease == id || view.members.contains(where: { $0.lease == id }) {
            write { view, _ in
                if view.leader?.lease == id { view.leader = nil }
                view.members.removeAll { $0.lease == id }
            }
        }
    }

    // MARK: Faults

    func goDown() { isAvailable = false }

    /// What was slow or mute works again; an outage goes on.
    func isWellAgain() {
        slowest = .ms(3)
        slowestWrite = .zero
        fastestWrite = .zero
        unansweredPermille = 0
    }

    func endStall(_ host: Int, isCompacted: Bool) {
        guard stalled.remove(host) != nil, let watcher = watchers.first(where: { $0.host == host }) else { return }
        world.note("h\(host + 1): its watch goes on\(isCompacted ? ", compacted" : "")")
        if isCompacted { watcher.compacted() } else { push(view, to: watcher) }
    }

    /// A copy each second, of the last minute.
    func beginCopying() {
        copies.append(Copy(at: world.now, view: view, leases: leases))
        if copies.count > 60 { copies.removeFirst() }
        world.after(.s(1)) { [weak self] in self?.beginCopying() }
    }

    /// The data are replaced by an older copy: keys and revisions go back, and leases start anew.
    /// - Parameter tells: raft term or cluster number are others than before, so that clients notice at once.
    func restore(back age: Span, tells: Bool) {
        // Not one of before the cluster was founded.
        let sound = copies.filter { $0.at >= .s(5) }
        guard let copy = sound.last(where: { $0.at + age <= world.now }) ?? sound.first else { return }
        world.note("etcd: restored from a copy of \(copy.at.seconds) s, revision \(view.revision) -> \(copy.view.revision)")
        epoch += 1
        restoreTells = tells
        // Who was cut off since the copy was made sees nothing odd about it.
        for host in world.hosts where host.storeMark.map({ $0.revision <= copy.view.revision }) ?? true {
            host.isMisled = true
        }
        view = copy.view
        leases = copy.leases
        for index in leases.indices { leases[index].ends = world.now + leases[index].ttl }
        watchers = []
    }

    /// A new leader of etcd gives every lease its full ttl again.
    func comeUp() {
        isAvailable = true
        for index in leases.indices { leases[index].ends = world.now + leases[index].ttl }
    }
}

extension ClusterView {
    /// The decisive keys that differ from before were written at that revision.
    fileprivate mutating func noteDecisive(_ before: ClusterView, _ at: Int64) {
        func note(_ name: String, _ isChanged: Bool, _ isThere: Bool) {
            if isChanged { decisiveRevisions[name] = isThere ? at : nil }
        }
        note("initialize", initialize != before.initialize, initialize != nil)
        note("leader", leader != before.leader, leader != nil)
        note("config", config != before.config, config != nil)
        note("failover", failover != before.failover, failover != nil)
        note("sync", sync != before.sync, sync != nil)
        note("history", history != before.history, true)
        note("failsafe", failsafe != before.failsafe, failsafe != nil)
    }
}

/// For replies that may come twice.
final class Once {
    private var isTaken = false
    func take() -> Bool {
        defer { isTaken = true }
        return !isTaken
    }
}
