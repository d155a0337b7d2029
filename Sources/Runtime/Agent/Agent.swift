import API
import Cluster
import Configuration
import Guard
import HACore
import JSON
import Kernel
import Logging
import PostgresModel
import Server
import Store
import Timekeeping

/// The resident agent of one member: observe, decide, act.
///
/// The actor owns the state between decisions; the store's watch, the lease, the server's death and the API
/// change that state and ring the bell, and the decision loop does the rest.
public actor Agent {
    let configuration: AgentConfiguration
    let parts: Parts
    let clock = BootClock()
    let log: Logger
    let bell = Wakeup()
    var state = AgentState()
    var running: Task<Void, Never>?
    /// Set once: the loop ends after the present decision.
    var ending: Ending?
    var dynamic = DynamicConfiguration()

    /// What the agent is put together from.
    struct Parts: Sendable {
        var server: LocalServer
        var store: ClusterStore
        var reports: ReportWriter
        var lease: LeaseKeeper
        var guardian: GuardClient
        var guardProgram: GuardClient.Program
        var peers: PeerPolling
    }

    /// How the agent leaves.
    public enum Ending: Equatable, Sendable {
        /// The host goes down: stop the server in order and give the lock away.
        case shutdown
        /// Only the agent goes (restart, upgrade): the server and its guard stay; whoever comes next takes over.
        case leave
    }

    init(configuration: AgentConfiguration, parts: Parts, log: Logger) {
        self.configuration = configuration
        self.parts = parts
        self.log = log
    }

    var me: String { configuration.name }

    /// Asks the loop to end.
    public func end(_ ending: Ending) {
        self.ending = ending
        bell.ring()
    }

    // MARK: What changes the state from outside

    func storeChanged(_ new: StoreState) async {
        let before = state.view
        let observation = StoreObservation(new)
        state.store = observation
        if let view = state.view, view.config != before?.config { await take(view.config?.value) }
        if let view = state.view { await parts.server.know(members: view.upstreams) }
        if wakes(from: before, to: observation) { bell.ring() }
    }

    /// Positions in member keys and `status` change all the time and decide nothing by themselves.
    private func wakes(from before: ClusterView?, to observation: StoreObservation) -> Bool {
        guard case .connected(let view, _) = observation, let before else { return true }
        return view.leader != before.leader || view.config != before.config || view.failover != before.failover
            || view.initialize != before.initialize || view.history != before.history || view.sync != before.sync
            || view.members.map(\.name) != before.members.map(\.name)
    }

    func leaseChanged(_ new: LeaseState) async {
        let observation = LeaseObservation(new)
        let hadLease = state.lease != .none
        state.lease = observation
        if case .held(_, let deadline) = observation {
            // The guard's deadline follows the lease directly: not even a slow decision may delay it.
            if state.holdsLock(as: me), case .armed = state.guardian { await moveGuard(to: deadline) }
            if !hadLease { bell.ring() }
        } else {
            bell.ring()
        }
    }

    func postmasterDied() { bell.ring() }

    func guardLost() async {
        state.guardian = .absent
        log.error("the lease guard is gone; starting another")
        await ensureGuard()
        // At once: the loop may be waiting for the store.
        if state.memory.leads { await armGuardForLease() }
        bell.ring()
    }

    private func take(_ config: JSON?) async {
        guard let config else { return }
        let reading = DynamicConfiguration.read(config)
        for warning in reading.warnings { log.warning("config in the store: \(warning)") }
        guard reading.configuration != dynamic else { return }
        dynamic = reading.configuration
        state.settings = coreSettings()
        await parts.lease.setTTL(dynamic.ttl)
        await parts.store.setTimes(loopWait: dynamic.loopWait, retryTimeout: dynamic.retryTimeout)
    }

    func coreSettings() -> CoreSettings {
        let (mayLead, priority) = leadershipTags(configuration.tags)
        return CoreSettings(
            ttl: dynamic.ttl, loopWait: dynamic.loopWait, retryTimeout: dynamic.retryTimeout,
            maximumLagOnFailover: dynamic.maximumLagOnFailover, primaryStartTimeout: dynamic.primaryStartTimeout,
            isPaused: dynamic.pause, failsafeMode: dynamic.failsafeMode, checkTimeline: dynamic.checkTimeline,
            usePgRewind: dynamic.postgresql.usePgRewind ?? configuration.postgresql.usePgRewind ?? true, mayLead: mayLead, failoverPriority: priority)
    }

    // MARK: The loop

    /// Decides until asked to end.
    /// - Parameters:
    ///   - publish: takes what the API answers from now on.
    ///   - tell: takes the sentence of each decision that differs from the one before, for the service manager.
    func decisionLoop(publish: @Sendable (APISnapshot) -> Void, tell: @Sendable (String) -> Void) async {
        while ending == nil {
            await observe()
            let decision = decide(observation(), memory: state.memory)
            let isNews = decision.reason != state.decision?.reason
            note(decision)
            for action in decision.actions { await perform(action) }
            await report(publish: publish)
            // A cycle came to its end: the lease may be renewed for the length of another ttl. None is taken
            // before the store has said how long it is to be.
            if state.store != .unknown { await parts.lease.allowRenewal(until: clock.now + dynamic.ttl) }
            if isNews { tell(decision.reason) }
            await bell.wait(until: decision.wakeAt, clock: clock)
        }
        if let ending { await leave(ending) }
    }

    private func observe() async {
        state.server = await probed(parts.server.observe())
        state.guardian = await guardObservation()
        askFailsafeIfNeeded()
        if state.settings.ttl != dynamic.ttl { state.settings = coreSettings() }
    }

    private func observation() -> Observation {
        defer { if case .finished = state.operation { state.operation = .idle } }
        return Observation(
            now: clock.now, me: me, settings: coreSettings(), server: state.server, store: effectiveStore,
            lease: effectiveLease, peers: state.peers, operation: state.operation, guardian: state.guardian)
    }

    private func note(_ decision: Decision) {
        if decision.rule != state.decision?.rule {
            log.notice("\(decision.reason)", metadata: ["rule": "\(decision.rule)"])
        } else if decision.reason != state.decision?.reason {
            log.info("\(decision.reason)", metadata: ["rule": "\(decision.rule)"])
        }
        state.memory = decision.memory
        state.decision = decision
    }
}

extension Agent {
    /// Before the first decision: the guard runs, and a server that runs already is taken on.
    func prepare() async {
        await parts.lease.allowRenewal(until: clock.now)
        recallFailsafePromise()
        await ensureGuard()
        state.server = await parts.server.observe()
    }

    /// Look again now.
    func ring() { bell.ring() }
}
