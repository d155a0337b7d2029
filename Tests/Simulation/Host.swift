import Timekeeping

/// One machine with its PostgreSQL, its guard and its agent.
final class Host {
    let index: Int
    let name: String
    unowned let world: World
    private(set) var isUp = true
    private(set) var isFrozen = false
    private var bootedAt: Span
    private(set) var boots = 0
    let postgres: ModelPostgres
    private(set) var guardian: ModelGuard?
    private(set) var agent: ModelAgent?
    private var backlog: [() -> Void] = []
    /// The failsafe promise on disk: whom, until when, in which boot.
    var promise: (leader: String, until: BootInstant, boots: Int)?
    /// Until then a host that has just thawed may let writes through: the guard needs to be scheduled.
    private(set) var thawGrace = Span.zero

    init(_ index: Int, in world: World) {
        self.index = index
        self.world = world
        name = "h\(index + 1)"
        // Every host has its own boot clock; nothing may compare them.
        bootedAt = Span.zero - .s(Double(1000 * (index + 1)))
        postgres = ModelPostgres(host: index, in: world)
        postgres.onExit = { [weak self] identity in self?.postmasterEnded(identity) }
    }

    var clock: BootInstant { BootInstant(nanoseconds: (world.now - bootedAt).rawValue) }
    func moment(_ instant: BootInstant) -> Span { bootedAt + Span(rawValue: instant.nanoseconds) }

    /// Runs a piece of work of this host now; when it is frozen, at its thaw; never after it has lost power.
    func run(_ body: @escaping () -> Void) {
        guard isUp else { return }
        if isFrozen { backlog.append(body) } else { body() }
    }

    func after(_ delay: Span, _ body: @escaping () -> Void) {
        let boot = boots
        world.after(delay) { [weak self] in
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

    func killGuard() {
        // One process at a time: with agent and guard gone or stopped, nothing is left that could stop the server.
        guard let guardian, let agent, agent.isAlive, !agent.isStopped, !isFrozen,
            agent.memory.leads || !postgres.isWritable
        else { return }
        world.note("\(name): guard killed")
        guardian.isAlive = false
        self.guardian = nil
        agent.guardWasLost()
    }

    /// systemd starts it again.
    func killAgent(restartAfter delay: Span) {
        guard let agent, agent.isAlive, guardian != nil else { return }
        world.note("\(name): agent killed")
        agent.kill()
        guardian?.closed(agent.number)
        after(delay) { [weak self] in self?.startAgent() }
    }

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
        backlog = []
        boots += 1
        agent?.kill()
        guardian?.isAlive = false
        guardian = nil
        postgres.lost(isPower: true)
    }

    func powerOn() {
        guard !isUp else { return }
        world.note("\(name): power on")
        isUp = true
        bootedAt = world.now
        after(world.random.between(.s(1), .s(5))) { [weak self] in self?.startAgent() }
    }

    func freeze() {
        guard isUp, !isFrozen else { return }
        world.note("\(name): frozen")
        isFrozen = true
    }

    /// What waited is worked off in any order within some milliseconds, as a kernel would schedule it.
    func thaw() {
        guard isFrozen else { return }
        world.note("\(name): thawed")
        isFrozen = false
        thawGrace = world.now + .ms(50)
        let waiting = backlog
        backlog = []
        for body in waiting { after(world.random.between(.zero, .ms(20)), body) }
        after(world.random.between(.zero, .ms(20))) { [weak self] in self?.guardian?.timerFired() }
    }
}
