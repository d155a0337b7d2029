import Cluster
import Timekeeping

/// One machine with its PostgreSQL, its guard and its agent.
final class Host {
    let index: Int
    let name: String
    unowned let world: World
    private(set) var isUp = true
    private(set) var isFrozen = false
    private var bootedAt: Span
    /// Its clock gains so many millionths on the world's: no two crystals are the same.
    private let drift: Int64
    private(set) var boots = 0
    let postgres: ModelPostgres
    private(set) var guardian: ModelGuard?
    private(set) var agent: ModelAgent?
    private(set) lazy var watchdog = ModelWatchdog(on: self)
    private var backlog: [() -> Void] = []
    private var stalledSince: Span?
    var isStalled: Bool { stalledSince != nil }
    /// The failsafe promise on disk: whom, until when, in which boot.
    var promise: (leader: String, until: BootInstant, boots: Int)?
    /// How far its agents have followed the store, on disk.
    var storeMark: StoreMark?
    /// It has seen nothing of what a restore took from the store, and cannot know that it lacks it.
    var isMisled = false

    // What the checker may hold against it.

    /// Until then a host that has just thawed may let writes through: the guard needs to be scheduled.
    private(set) var thawGrace = Span.zero
    /// Until then it may be writable by what the store or the other members have granted; nil: nothing yet.
    private(set) var mayWriteUntil: Span?
    /// Agent and guard were both away: nothing was there that could stop the server.
    private(set) var isUnguarded = false
    /// As far as its agent knows the operator has taken over; a moment is left after the end of that.
    private(set) var isPaused = false
    private var pauseGrace = Span.zero

    init(_ index: Int, in world: World) {
        self.index = index
        self.world = world
        name = "h\(index + 1)"
        drift = world.options.drifts[index]
        // Every host has its own boot clock; nothing may compare them.
        bootedAt = Span.zero - .s(Double(1000 * (index + 1)))
        postgres = ModelPostgres(host: index, in: world)
        postgres.onExit = { [weak self] identity in self?.postmasterEnded(identity) }
    }

    // MARK: Its clock

    var clock: BootInstant {
        let real = (world.now - bootedAt).rawValue
        return BootInstant(nanoseconds: real + real / 1_000_000 * drift)
    }

    /// What its civil clock is wrong by.
    var wallOffset = Span.zero { didSet { hasJumped = true } }
    private(set) var hasJumped = false
    var wallClock: WallInstant {
        WallInstant(microseconds: World.foundedAt.microseconds + (world.now + wallOffset).rawValue / 1000)
    }

    func moment(_ instant: BootInstant) -> Span {
        bootedAt + Span(rawValue: instant.nanoseconds - instant.nanoseconds / (1_000_000 + drift) * drift)
    }

    /// Runs a piece of work of this host now; when it is frozen, at its thaw; never after it has lost power.
    func run(_ body: @escaping () -> Void) {
        guard isUp else { return }
        if isFrozen { backlog.append(body) } else { body() }
    }

    /// - Parameter delay: as this host's clock counts it.
    func after(_ delay: Span, _ body: @escaping () -> Void) {
        let boot = boots
        let real = Span(rawValue: delay.rawValue - delay.rawValue / 1_000_000 * drift)
        world.after(real) { [weak self] in
            guard let self, boots == boot else { return }
            run(body)
        }
    }

    // MARK: Processes

    func startAgent() {
        guard isUp, agent?.isAlive != true else { return }
        if guardian == nil { startGuard() }
        let agent = ModelAgent(on: self)
        self.agent = agent
        world.note("\(name): agent starts")
        agent.start()
    }

    func startGuard() {
        guard isUp, guardian == nil else { return }
        guardian = ModelGuard(on: self)
    }

    private var agentWorks: Bool { agent.map { $0.isAlive && !$0.isStopped && !$0.isStuck } ?? false }

    func killGuard() {
        guard isUp, let guardian else { return }
        world.note("\(name): guard killed")
        guardian.isAlive = false
        self.guardian = nil
        if !agentWorks || isFrozen { isUnguarded = true }
        agent?.guardWasLost()
    }

    /// systemd starts it again.
    func killAgent(restartAfter delay: Span) {
        guard let agent, agent.isAlive else { return }
        world.note("\(name): agent killed")
        agent.kill()
        if let guardian { guardian.closed(agent.number) } else { isUnguarded = true }
        after(delay) { [weak self] in self?.startAgent() }
    }

    /// The agent is about to be stopped or stuck.
    func agentWillRest() { if guardian == nil { isUnguarded = true } }

    private func postmasterEnded(_ identity: Int32) {
        after(world.random.between(.ms(0.2), .ms(3))) { [weak self] in self?.guardian?.exited(identity) }
        agent?.postmasterEnded(identity)
    }

    // MARK: Power

    func powerOff() {
        guard isUp else { return }
        world.note("\(name): power off")
        isUp = false
        isFrozen = false
        stalledSince = nil
        isUnguarded = false
        backlog = []
        boots += 1
        agent?.kill()
        guardian?.isAlive = false
        guardian = nil
        watchdog.close()
        postgres.lost(isPower: true)
    }

    func powerOn() {
        guard !isUp else { return }
        world.note("\(name): power on")
        isUp = true
        bootedAt = world.now
        after(world.random.between(.s(1), .s(5))) { [weak self] in self?.startAgent() }
    }

    /// - Parameter stopsClock: a virtual machine that is paused with all its clocks, which no process of it can tell.
    func freeze(stopsClock: Bool = false) {
        guard isUp, !isFrozen else { return }
        world.note("\(name): frozen\(stopsClock ? " with its clocks" : "")")
        isFrozen = true
        if stopsClock { stalledSince = world.now }
    }

    /// What waited is worked off in any order within some milliseconds, as a kernel would schedule it.
    func thaw() {
        guard isFrozen else { return }
        world.note("\(name): thawed")
        isFrozen = false
        thawGrace = max(thawGrace, world.now + .ms(50))
        if let since = stalledSince {
            bootedAt = bootedAt + (world.now - since)
            stalledSince = nil
            // Its deadline seems to lie ahead. What is promised: not longer than the rest of it.
            thawGrace = max(thawGrace, world.now + world.options.ttl)
        }
        let waiting = backlog
        backlog = []
        for body in waiting { after(world.random.between(.zero, .ms(20)), body) }
        after(world.random.between(.zero, .ms(20))) { [weak self] in self?.guardian?.timerFired() }
    }
}

// MARK: What may be held against it

extension Host {
    /// The store has renewed a lease of this host, or all members have accepted it as the leader.
    func mayWrite(until moment: Span) { mayWriteUntil = max(mayWriteUntil ?? moment, moment) }

    /// What the agent's decision knew of pause.
    func decided(paused: Bool) {
        if isPaused, !paused { pauseGrace = world.now + .s(1) }
        isPaused = paused
    }

    /// An agent has completed a cycle that saw the store; the server is under guard or none that needs it.
    func isLookedAfter() {
        guard isUnguarded, guardian?.isAlive ?? false else { return }
        if case .armed? = guardian?.state { isUnguarded = false }
        // One that hangs may come back as it was.
        if postgres.process == .stopped || postgres.isRecovery { isUnguarded = false }
    }

    /// Why nothing of ours could or should have stopped its writes; nil: it is to be held to everything.
    var excuse: String? {
        if world.now < thawGrace { return "just thawed" }
        if isMisled { return "the store was restored behind its back" }
        if isUnguarded { return "agent and guard were both away" }
        if isPaused || world.now < pauseGrace { return "paused" }
        return nil
    }
}
