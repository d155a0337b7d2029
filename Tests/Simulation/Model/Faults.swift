import Cluster
import HACore
import JSON
import Timekeeping

/// Faults at random moments, each taken back after a while; several may be there at once.
extension World {
    func scheduleFaults() {
        if let drill = options.drill { return begin(drill) }
        for (number, planned) in options.plannedFaults(seed).enumerated() where !options.dropped.contains(number) {
            after(planned.at) { [weak self] in
                guard let self, !isCalm else { return }
                note("fault \(number): \(planned.fault.rawValue)")
                chance = planned.random
                checker.disturbed = now
                inject(planned.fault)
            }
        }
    }

    /// From a blink to several ttl.
    private func span() -> Span {
        chance.chance(500) ? chance.between(.ms(100), options.ttl) : chance.between(options.ttl / 2, options.ttl * 4)
    }

    /// The leader more often than others: that is where it hurts.
    private func victim() -> Host {
        if chance.chance(500), let name = etcd.view.leader?.name, let leader = host(name) { return leader }
        return chance.pick(hosts)
    }

    private func inject(_ fault: Fault) {
        let target = victim()
        let length = span()
        switch fault {
        case .agentKill: target.killAgent(restartAfter: chance.chance(700) ? chance.between(.ms(500), .s(3)) : length)
        case .agentStop: stopAgent(target, length)
        case .agentStuck: stickAgent(target, length)
        case .agentAndGuardKill:
            target.killGuard()
            target.killAgent(restartAfter: chance.chance(500) ? .s(1) : length)
        case .powerOff:
            target.powerOff()
            undo(after: length) { target.powerOn() }
        case .freeze, .stall:
            target.freeze(stopsClock: fault == .stall)
            undo(after: length) { target.thaw() }
        case .postmasterKill: killPostmaster(target)
        case .postmasterStop, .diskHang, .diskFull, .writeHang: hurtServer(target, fault, length)
        case .handStop: stopByHand(target)
        case .guardKill: target.killGuard()
        case .cutEtcd, .cutPeers, .cutHost, .oneWay: cut(fault, target, length)
        case .loss, .slowNetwork: slow(fault, length)
        case .etcdOutage, .etcdElection: disturbEtcd(fault, length)
        case .etcdSlow, .etcdSlowWrites, .etcdAmbiguous: slowEtcd(fault, length)
        case .etcdRestore: etcd.restore(back: chance.between(.s(1), .s(60)), tells: chance.chance(500))
        case .watchStall: stallWatch(target, length)
        case .switchover: ask(from: etcd.view.leader?.name, to: chance.chance(500) ? chance.pick(hosts).name : nil)
        case .failover: ask(from: nil, to: chance.pick(hosts).name)
        case .restart: askForRestart(target)
        case .scheduledRestart: askForRestart(target, in: chance.between(.s(1), .s(40)))
        case .scheduledSwitchover:
            ask(from: etcd.view.leader?.name, to: chance.chance(500) ? chance.pick(hosts).name : nil,
                in: chance.between(.s(1), .s(40)))
        case .clockJump: jumpClock(target, length)
        case .reinitialise: askForCopy(chance.pick(hosts))
        case .pause: pause(length)
        case .replayPause: pauseReplay(chance.pick(hosts), length)
        }
    }

    private func undo(after length: Span, _ body: @escaping () -> Void) {
        after(length) { [weak self] in
            self?.checker.disturbed = self?.now ?? .zero
            body()
        }
    }

    // MARK: Processes

    func stopAgent(_ target: Host, _ length: Span) {
        guard target.isUp, let agent = target.agent, agent.isAlive else { return }
        target.agentWillRest()
        agent.stop()
        undo(after: length) { agent.goOn() }
    }

    func stickAgent(_ target: Host, _ length: Span) {
        guard target.isUp, let agent = target.agent, agent.isAlive else { return }
        note("\(target.name): the agent's decisions are stuck for \(length.seconds) s")
        target.agentWillRest()
        agent.isStuck = true
        undo(after: length) { agent.comeUnstuck() }
    }

    func killPostmaster(_ target: Host) {
        guard target.isUp, !target.isFrozen, target.postgres.process != .stopped else { return }
        note("\(target.name): postmaster killed")
        target.postgres.signalKill(target.postgres.pid)
    }

    /// `pg_ctl stop`, by a person.
    private func stopByHand(_ target: Host) {
        guard target.isUp, !target.isFrozen, target.postgres.process == .running else { return }
        let isFast = chance.chance(500)
        note("operator: stops PostgreSQL on \(target.name)\(isFast ? "" : " at once")")
        if isFast {
            target.postgres.signalInt(takes: chance.between(.ms(20), .s(2)))
        } else {
            target.postgres.signalQuit(target.postgres.pid)
        }
    }

    private func hurtServer(_ target: Host, _ fault: Fault, _ length: Span) {
        guard target.isUp else { return }
        note("\(target.name): \(fault.rawValue) for \(length.seconds) s")
        let postgres = target.postgres
        let set: (Bool) -> Void =
            switch fault {
            case .postmasterStop: { postgres.setPostmasterStopped($0) }
            case .diskFull: { postgres.isDiskFull = $0 }
            case .writeHang: { postgres.isWriteHung = $0 }
            default: { postgres.setHung($0) }
            }
        set(true)
        undo(after: length) { [weak self] in
            self?.note("\(target.name): \(fault.rawValue) is over")
            set(false)
        }
    }

    private func pauseReplay(_ target: Host, _ length: Span) {
        guard target.postgres.isRecovery, target.postgres.isUp else { return }
        note("\(target.name): replay paused")
        target.postgres.isReplayPaused = true
        undo(after: length) { target.postgres.isReplayPaused = false }
    }

    /// Civil time only: the clock that deadlines run on cannot be set.
    private func jumpClock(_ target: Host, _ length: Span) {
        target.wallOffset = chance.pick([.s(3600), .zero - .s(3600), .s(7), .zero - .s(7)])
        note("\(target.name): its civil time jumps by \(target.wallOffset.seconds) s")
        undo(after: length) { target.wallOffset = .zero }
    }

    // MARK: Network and store

    func cut(_ fault: Fault, _ target: Host, _ length: Span) {
        let here = Network.Node.host(target.index)
        let peers = hosts.filter { $0 !== target }.map { Network.Node.host($0.index) }
        var pairs: [(Network.Node, Network.Node)] = []
        switch fault {
        case .cutEtcd: pairs = [(here, .etcd), (.etcd, here)]
        case .cutPeers: pairs = peers.flatMap { [(here, $0), ($0, here)] }
        case .cutHost: pairs = ([.etcd] + peers).flatMap { [(here, $0), ($0, here)] }
        default:
            let outward = chance.chance(500)
            let others: [Network.Node] = chance.chance(500) ? [.etcd] : [.etcd] + peers
            pairs = others.map { outward ? (here, $0) : ($0, here) }
        }
        block(pairs, "\(target.name): \(fault.rawValue)", length)
    }

    /// What it says is heard; it hears nobody.
    func deafen(_ target: Host, _ length: Span) {
        let others = [.etcd] + hosts.filter { $0 !== target }.map { Network.Node.host($0.index) }
        block(others.map { ($0, .host(target.index)) }, "\(target.name): deaf", length)
    }

    private func block(_ pairs: [(Network.Node, Network.Node)], _ what: String, _ length: Span) {
        note("\(what) for \(length.seconds) s")
        for (from, to) in pairs { network.set(from, to, blocked: true) }
        undo(after: length) { [weak self] in
            guard let self else { return }
            note("\(what) is over")
            for (from, to) in pairs { network.set(from, to, blocked: false) }
        }
    }

    private func slow(_ fault: Fault, _ length: Span) {
        note("network: \(fault.rawValue) for \(length.seconds) s")
        if fault == .loss {
            network.lossPermille = chance.pick([20, 200, 500])
        } else {
            network.slowest = chance.pick([.ms(50), .ms(500), .s(2)])
        }
        undo(after: length) { [weak self] in
            guard let self else { return }
            if fault == .loss { network.lossPermille = 0 } else { network.slowest = .ms(2) }
        }
    }

    private func slowEtcd(_ fault: Fault, _ length: Span) {
        note("etcd: \(fault.rawValue) for \(length.seconds) s")
        switch fault {
        case .etcdSlow: etcd.slowest = chance.pick([.ms(300), .s(3), .s(8)])
        case .etcdSlowWrites:
            etcd.slowestWrite = .s(8)
            etcd.fastestWrite = .s(2)
        default: etcd.unansweredPermille = chance.pick([100, 500, 900])
        }
        undo(after: length) { [weak self] in self?.etcd.isWellAgain() }
    }

    private func disturbEtcd(_ fault: Fault, _ length: Span) {
        guard etcd.isAvailable else { return }
        let length = fault == .etcdElection ? chance.between(.ms(200), .s(3)) : length
        note("etcd: away for \(length.seconds) s")
        etcd.goDown()
        undo(after: length) { [weak self] in self?.etcdBack() }
    }

    private func stallWatch(_ target: Host, _ length: Span) {
        note("\(target.name): its watch stalls for \(length.seconds) s")
        etcd.stalled.insert(target.index)
        let isCompacted = chance.chance(500)
        undo(after: length) { [weak self] in self?.etcd.endStall(target.index, isCompacted: isCompacted) }
    }

    func etcdBack() {
        guard !etcd.isAvailable else { return }
        note("etcd: back")
        etcd.comeUp()
    }

    // MARK: Operators

    func ask(from leader: String?, to candidate: String?, in delay: Span? = nil) {
        guard etcd.isAvailable, delay == nil || leader != nil else { return }
        note("operator: from \(leader ?? "-") to \(candidate ?? "-")\(delay.map { " in \($0.seconds) s" } ?? "")")
        let moment = delay.map { civilTime(at: now + $0) }
        if leader == nil { checker.isLossAccepted = true }
        checker.askedAt = now
        etcd.write { $0.failover = FailoverKey(modRevision: $1, leader: leader, candidate: candidate, scheduledAt: moment) }
    }

    private func askForRestart(_ target: Host, in delay: Span? = nil) {
        guard target.isUp, !target.isFrozen, let agent = target.agent, agent.isAlive else { return }
        checker.askedAt = now
        note("operator: restart of \(target.name)\(delay.map { " in \($0.seconds) s" } ?? "")")
        agent.requests.restart = RestartRequest(
            schedule: delay.map { civilTime(at: now + $0) },
            postmasterStartTime: delay == nil ? nil : "\(target.postgres.pid)")
        agent.run { agent.ring() }
    }

    private func askForCopy(_ target: Host) {
        guard target.isUp, !target.isFrozen, let agent = target.agent, agent.isAlive,
            etcd.view.leader?.name != target.name
        else { return }
        checker.askedAt = now
        note("operator: reinit of \(target.name)")
        agent.requests.reinitialise = ReinitialiseRequest(isForced: chance.chance(500))
        agent.run { agent.ring() }
    }

    private func pause(_ length: Span) {
        guard etcd.isAvailable, !etcd.isPaused else { return }
        setPause(true)
        undo(after: length) { [weak self] in self?.setPause(false) }
    }

    private func setPause(_ paused: Bool) {
        guard etcd.isPaused != paused else { return }
        note("operator: \(paused ? "pause" : "resume")")
        etcd.write { $0.config = ConfigKey(modRevision: $1, value: ["pause": .bool(paused)]) }
    }

    // MARK: The end

    /// Everything works from now on.
    func calmDown() {
        note("calm")
        isCalm = true
        checker.disturbed = now
        network.heal()
        etcd.isWellAgain()
        for host in hosts { etcd.endStall(host.index, isCompacted: true) }
        etcdBack()
        setPause(false)
        for host in hosts {
            host.postgres.isReplayPaused = false
            host.postgres.isDiskFull = false
            host.postgres.isWriteHung = false
            if host.hasJumped { host.wallOffset = .zero }
            host.postgres.setHung(false)
            host.postgres.setPostmasterStopped(false)
            host.thaw()
            host.powerOn()
            host.agent?.goOn()
            host.agent?.comeUnstuck()
            if host.agent?.isAlive != true { host.after(.s(2)) { host.startAgent() } }
        }
        if etcd.wasRestored { after(.s(10)) { [weak self] in self?.acceptRestoredStore() } }
    }

    /// As docs/operations.md has it: the agent of the former leader first, alone; the others when it leads.
    private func acceptRestoredStore() {
        let first = checker.lineHost ?? 0
        if let named = etcd.view.leader?.name, named != hosts[first].name {
            note("operator: removes the leader key of \(named), which is older than the copy")
            etcd.write { view, _ in view.leader = nil }
        }
        if let named = etcd.view.sync?.leader, named != hosts[first].name {
            note("operator: removes the sync key of \(named), which is older than the copy")
            etcd.write { view, _ in view.sync = nil }
        }
        let believes = { [weak self] (host: Host) in
            guard let self else { return }
            note("operator: restarts the agent of \(host.name), to believe the store as it was restored")
            host.storeMark = nil
            host.killAgent(restartAfter: .ms(500))
        }
        believes(hosts[first])
        after(.s(options.ttl.seconds * 2 + 20)) { [weak self] in
            guard let self else { return }
            for host in hosts where host.index != first { believes(host) }
        }
    }
}
