import API
import Cluster
import Configuration
import Glibc
import Guard
import HACore
import JSON
import Kernel
import Logging
import PostgresModel
import Relay
import Server
import Store
import Timekeeping

/// The resident agent of one member: observe, decide, act.
///
/// The actor owns the state between decisions; the store's watch, the lease, the server's death and the API
/// change that state and ring the bell, and the decision loop does the rest.
public actor Agent {
    /// As last read; what needs another agent stays as it was at the start.
    var configuration: AgentConfiguration
    nonisolated let me: String
    let parts: Parts
    /// Reads the configuration again from where it came.
    let readConfiguration: @Sendable () throws -> AgentConfigurationReading
    /// Gives the API what it takes from a new configuration.
    let reloadAPI: @Sendable (AgentConfiguration, Agent) async throws -> Void
    let service: ServiceManager
    let clock = BootClock()
    let log: Logger
    let bell = Wakeup()
    var state = AgentState()
    var running: Task<Void, Never>?
    /// Set once: the loop ends after the present decision.
    var ending: Ending?
    /// Asks the other members; replaced when the configuration brings other certificates or passwords.
    var peers: PeerPolling
    var dynamic = DynamicConfiguration()

    /// What the agent is put together from.
    struct Parts: Sendable {
        var server: LocalServer
        var store: ClusterStore
        var storeLeader: StoreLeader
        var reports: ReportWriter
        var lease: LeaseKeeper
        var guardian: GuardClient
        var guardProgram: GuardClient.Program
        var watchdog: Watchdog
        var relay: RelayKeeper
    }

    /// How the agent leaves.
    public enum Ending: Equatable, Sendable {
        /// The host goes down: stop the server in order and give the lock away.
        case shutdown
        /// Only the agent goes (restart, upgrade): the server and its guard stay; whoever comes next takes over.
        case leave
    }

    init(
        configuration: AgentConfiguration, parts: Parts, peers: PeerPolling, service: ServiceManager, log: Logger,
        readConfiguration: @escaping @Sendable () throws -> AgentConfigurationReading,
        reloadAPI: @escaping @Sendable (AgentConfiguration, Agent) async throws -> Void
    ) {
        self.configuration = configuration
        me = configuration.name
        self.parts = parts
        self.peers = peers
        self.service = service
        self.log = log
        self.readConfiguration = readConfiguration
        self.reloadAPI = reloadAPI
    }

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
        if let view = state.view, view.config != before?.config { await take(view.config) }
        if let view = state.view { await parts.server.know(members: view.upstreams) }
        if wakes(from: before, to: observation) { bell.ring() }
    }

    /// Positions in member keys and `status` change all the time and decide nothing by themselves.
    private func wakes(from before: ClusterView?, to observation: StoreObservation) -> Bool {
        guard case .connected(let view, _) = observation, let before else { return true }
        return view.leader != before.leader || view.config != before.config || view.failover != before.failover
            || view.initialize != before.initialize || view.history != before.history || view.sync != before.sync
            || view.standings != before.standings
    }

    func leaseChanged(_ new: LeaseState) async {
        let observation = LeaseObservation(new)
        guard observation != state.lease else {
            // A renewal has failed. The loop would find out when little is left of the lease; the members are asked now.
            askFailsafeIfNeeded()
            return
        }
        let hadLease = state.lease != .none
        state.lease = observation
        if case .held = observation {
            // The guard's deadline follows the lease directly: not even a slow decision may delay it.
            if state.holdsLock(as: me), case .armed = state.guardian, let deadline = leadDeadline {
                await moveGuard(to: deadline)
            }
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
        if let deadline = knownDeadline { await perform(.armGuard(deadline)) }
        bell.ring()
    }

    /// The deadline that a new guard is to hold. A lease of ours that the lock does not hang on says nothing.
    private var knownDeadline: BootInstant? {
        if state.holdsLock(as: me) { return leadDeadline }
        guard state.memory.leads else { return state.memory.guardedUntil }
        return [state.memory.leadsUntil, state.failsafe.leadUntil].compactMap { $0 }.max()
    }

    // MARK: The loop

    /// Decides until asked to end.
    /// - Parameter publish: takes what the API answers from now on.
    func decisionLoop(publish: @Sendable (APISnapshot) -> Void) async {
        while ending == nil {
            await observe()
            let decision = decide(observation(), memory: state.memory)
            let isNews = decision.reason != state.decision?.reason
            note(decision)
            for action in decision.actions { await perform(action) }
            configureServer()
            if case .running(let server) = state.server.process, server.isInRecovery { keepSlots() }
            copySlots()
            await callBack()
            await report(publish: publish)
            keepRelay()
            // A cycle came to its end: the lease may be renewed for the length of another ttl. None is taken
            // before the store has said how long it is to be.
            if state.store != .unknown { await parts.lease.allowRenewal(until: clock.now + dynamic.ttl) }
            if isNews { service.ready(decision.reason) }
            service.alive(for: Self.longestCycle + dynamic.loopWait + dynamic.ttl)
            await bell.wait(until: decision.wakeAt, clock: clock)
        }
        if let ending { await leave(ending) }
    }

    /// Everything that a cycle waits for has a deadline well below this; the guard protects the data meanwhile.
    private static let longestCycle = Duration.seconds(40)

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
        await recallDynamic()
        let options = configuration.postgresOptions(with: dynamic)
        await parts.server.hooks.configure(HookCommands(scope: configuration.scope, options))
        recallFailsafePromise()
        await ensureGuard()
        state.server = await parts.server.observe()
    }

    /// Asks the other members by these means from now on.
    func use(_ new: PeerPolling) { peers = new }

    /// For tests: from now on the actor answers nobody, as if its code waited for itself.
    func deadlock() {
        log.error("deadlocked on request (\(Signals.debugVariable))")
        while true { pause() }
    }

    /// Look again now.
    func ring() { bell.ring() }
}
