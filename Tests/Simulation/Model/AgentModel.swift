import Cluster
import HACore
import PostgresModel
import Timekeeping

/// The agent: the real core in a modelled `Agent` actor. The order of its awaits is the order here; what runs
/// between two awaits of the actor runs in one event here.
final class ModelAgent {
    let host: Host
    let number: Int
    private(set) var isAlive = true
    private(set) var isStopped = false
    /// The decision loop hangs; everything else goes on.
    var isStuck = false
    let startedAt: Span
    private let epoch: Int
    private var backlog: [() -> Void] = []

    var memory = Memory()
    var lastStore = StoreObservation.unknown
    var lastLease = LeaseObservation.none
    var server = ServerObservation(storage: .empty, process: .stopped)
    var peers = PeerObservation()
    var operation = OperationObservation.idle
    var guardian = GuardObservation.absent
    var failsafe = FailsafeState()
    var writes = WritesUnderWay()
    var requests = LocalRequests()
    var operationNumber = 0
    var isCancelled = false
    var hasOpenedWatchdog = false
    var checkpointPending = false
    private(set) var rule: RuleID?

    // What LocalServer remembers.
    var crashedAt: BootInstant?
    var isStopping = false
    var stoppingSince: BootInstant?
    var startingSince: BootInstant?
    var unresponsiveSince: BootInstant?
    var writesHangSince: BootInstant?

    /// What the REST API serves.
    var snapshot: Snapshot?

    private(set) var store: ModelStore!
    private(set) var lease: ModelLease!
    private var bellRang = false
    private var isWaiting = false
    private var waits = 0

    var world: World { host.world }
    var options: Options { host.world.options }
    var me: String { host.name }
    var postgres: ModelPostgres { host.postgres }

    init(on host: Host) {
        self.host = host
        number = Int(host.world.nextIdentity())
        startedAt = host.world.now
        epoch = host.world.etcd.epoch
        store = ModelStore(self)
        lease = ModelLease(self)
    }

    func start() {
        after(.ms(20)) { [weak self] in
            guard let self else { return }
            takeOverPromise()
            store.start()
            lease.step()
            probe()
            cycle()
        }
    }

    // MARK: Being a process

    func run(_ body: @escaping () -> Void) {
        guard isAlive else { return }
        if isStopped { backlog.append(body) } else { body() }
    }

    func after(_ delay: Span, _ body: @escaping () -> Void) {
        host.after(delay) { [weak self] in self?.run(body) }
    }

    func kill() {
        isAlive = false
        backlog = []
    }

    func stop() {
        guard isAlive, !isStopped else { return }
        world.note("\(me): agent stopped")
        isStopped = true
    }

    func goOn() {
        guard isStopped else { return }
        world.note("\(me): agent goes on")
        isStopped = false
        let waiting = backlog
        backlog = []
        for body in waiting { after(world.random.between(.zero, .ms(20)), body) }
    }

    /// A request to the store; the reply is an event of this agent.
    func ask<Value>(
        isWrite: Bool = false, timeout: Span, _ apply: @escaping (ModelEtcd) -> Value?, _ then: @escaping (ModelEtcd.Reply<Value>) -> Void
    ) {
        world.etcd.request(from: host, epoch: epoch, isWrite: isWrite, timeout: timeout, apply) { [weak self] reply in
            guard let self else { return }
            host.run { [weak self] in self?.run { then(reply) } }
        }
    }

    // MARK: What changes the state from outside

    func storeChanged(_ new: StoreObservation) {
        let before = view
        lastStore = new
        guard case .connected(let view, _) = new, let before else { return ring() }
        if view.leader != before.leader || view.failover != before.failover || view.history != before.history
            || view.standings != before.standings || view.config != before.config
            || view.sync != before.sync
        { ring() }
    }

    func leaseChanged(_ new: LeaseObservation) {
        let had = lastLease != .none
        lastLease = new
        guard case .held = new else { return ring() }
        if holdsLock, case .armed = guardian, let deadline = leadDeadline { moveGuard(to: deadline) }
        if !had { ring() }
    }

    /// The lease keeper says its unchanged state again when a renewal fails.
    func leaseNotRenewed() { askFailsafeIfNeeded() }

    func postmasterEnded(_ pid: Int32) {
        after(world.random.between(.ms(0.2), .ms(3))) { [weak self] in
            guard let self else { return }
            if !isStopping, crashedAt == nil { crashedAt = host.clock }
            isStopping = false
            startingSince = nil
            stoppingSince = nil
            unresponsiveSince = nil
            ring()
        }
    }

    func guardWasLost() {
        after(.ms(5)) { [weak self] in
            guard let self else { return }
            guardian = .absent
            after(.ms(30)) { [weak self] in
                guard let self else { return }
                host.startGuard()
                // At once, not by the next decision: the loop may be waiting for the store.
                guard let deadline = knownDeadline else { return ring() }
                armGuard(deadline) { [weak self] in self?.ring() }
            }
        }
    }

    private var knownDeadline: BootInstant? {
        if holdsLock { return leadDeadline }
        guard memory.leads else { return memory.guardedUntil }
        return [memory.leadsUntil, failsafe.leadUntil].compactMap { $0 }.max()
    }

    // MARK: The loop

    func ring() {
        guard isAlive else { return }
        if isWaiting {
            isWaiting = false
            after(.ms(0.1)) { [weak self] in self?.cycle() }
        } else {
            bellRang = true
        }
    }

    private var waitsStuck = false

    func comeUnstuck() {
        isStuck = false
        guard waitsStuck else { return }
        waitsStuck = false
        run { [weak self] in self?.cycle() }
    }

    private func cycle() {
        if isStuck {
            waitsStuck = true
            return
        }
        observeServer { [weak self] in
            guard let self else { return }
            observeGuard()
            askFailsafeIfNeeded()
            let decision = decideNow()
            perform(decision.actions[...]) { [weak self] in
                self?.report { [weak self] in
                    guard let self else { return }
                    lease.allowRenewal(until: host.clock + options.ttl.duration)
                    if case .connected = lastStore { host.isLookedAfter() }
                    wait(until: decision.wakeAt)
                }
            }
        }
    }

    private func wait(until moment: BootInstant) {
        if bellRang {
            bellRang = false
            return after(.ms(1)) { [weak self] in self?.cycle() }
        }
        isWaiting = true
        waits += 1
        let mine = waits
        let delay = max(Span(rawValue: (moment - host.clock).wholeNanoseconds), .ms(1))
        after(delay) { [weak self] in
            guard let self, isWaiting, waits == mine else { return }
            ring()
        }
    }

    private func decideNow() -> Decision {
        var observation = Observation(
            now: host.clock, me: me, settings: settings, server: server, store: lastStore, lease: lastLease,
            peers: peers, operation: operation, guardian: guardian,
            watchdog: watchdogObservation,
            failsafe: .init(
                leadUntil: failsafe.leadUntil,
                accepted: failsafe.accepted.map { .init(leader: $0.leader, until: $0.until) }),
            wallClock: host.wallClock, requests: requests)
        if case .finished = operation { operation = .idle }
        if case .connected = lastStore { host.decided(paused: observation.settings.isPaused) }
        if let mutation = world.mutation { mutation.alter(&observation) }
        if world.mutation == .hastyLeave, memory.leavesSync != nil, view?.sync?.standbys.contains(me) == false {
            memory.leavesSync?.isOutSince = host.clock - LeavingSync.settling
        }
        let decision = decide(observation, memory: memory)
        if decision.rule != rule {
            world.note("\(me): \(decision.rule): \(decision.reason)")
        }
        rule = decision.rule
        world.checker.rules.insert(decision.rule.number)
        memory = decision.memory
        return decision
    }

    var settings: CoreSettings {
        CoreSettings(
            ttl: options.ttl.duration, loopWait: options.loopWait.duration,
            retryTimeout: options.retryTimeout.duration, maximumLagOnFailover: ByteCount(options.maximumLag),
            primaryStartTimeout: .seconds(60), isPaused: isPaused, failsafeMode: options.failsafe, checkTimeline: options.checkTimeline,
            usePgRewind: options.usePgRewind, mayLead: !options.nofailover[host.index],
            failoverPriority: options.nofailover[host.index] ? 0 : options.priorities[host.index],
            synchronousMode: options.synchronous, isSynchronousModeStrict: options.isStrict,
            synchronousNodeCount: options.synchronousNodes, watchdogMode: options.watchdog)
    }

    /// As the dynamic configuration says that was read last.
    private var isPaused: Bool { view?.config?.value["pause"]?.bool ?? false }

    // MARK: What it knows

    var view: ClusterView? {
        switch lastStore {
        case .unknown: nil
        case .connected(let view, _): view
        case .unreachable(_, let last), .regressed(let last, _): last
        }
    }

    var holdsLock: Bool {
        guard case .connected(let view, _) = lastStore, case .held(let id, _) = lastLease, let key = view.leader
        else { return false }
        return key.name == me && key.lease == id
    }

    func upstream(_ index: Int) -> Upstream { Upstream(name: "h\(index + 1)", host: "10.0.0.\(index + 1)", port: 5432) }
}

extension Mutation {
    func alter(_ observation: inout Observation) {
        switch self {
        case .ignoreDeadline:
            if case .held(let id, let deadline) = observation.lease {
                observation.lease = .held(id: id, deadline: deadline + .seconds(3600))
            }
        case .skipLagCheck:
            observation.settings.maximumLagOnFailover = ByteCount(1 << 60)
            observation.settings.checkTimeline = false
            for index in observation.peers.reports.indices { observation.peers.reports[index].answer = nil }
        case .noWriteProbe:
            guard case .running(var server) = observation.server.process else { return }
            server.writesHangSince = nil
            observation.server.process = .running(server)
        case .ignoreSchedule:
            guard case .connected(var view, let confirmed) = observation.store else { return }
            view.failover?.scheduledAt = nil
            observation.store = .connected(view, confirmed: confirmed)
        case .trustStaleView, .releaseBeforeStop, .lateGuard, .noGuard,
            .syncBeforeNames, .namesBeforeSync, .hastyLeave, .renewUnheard: break
        case .promoteAnyone:
            guard case .running(let server) = observation.server.process, server.isInRecovery else { return }
            observation.settings.synchronousMode = .off
        }
    }
}
