import Cluster
import HACore
import Timekeeping

/// Faults at random moments, each taken back after a while; several may be there at once.
extension World {
    func scheduleFaults() {
        guard !options.faults.isEmpty else { return }
        let wait = random.between(.ms(100), options.faultEvery * 2)
        after(wait) { [weak self] in
            guard let self, !isCalm else { return }
            inject(random.pick(options.faults))
            scheduleFaults()
        }
    }

    /// From a blink to several ttl.
    private func span() -> Span {
        random.chance(500) ? random.between(.ms(100), options.ttl) : random.between(options.ttl / 2, options.ttl * 4)
    }

    /// The leader more often than others: that is where it hurts.
    private func victim() -> Host {
        if random.chance(500), let name = etcd.view.leader?.name, let leader = host(name) { return leader }
        return random.pick(hosts)
    }

    func inject(_ fault: Fault) {
        let target = victim()
        let length = span()
        switch fault {
        case .agentKill: target.killAgent(restartAfter: random.chance(700) ? random.between(.ms(500), .s(3)) : length)
        case .agentStop: stopAgent(target, length)
        case .powerOff:
            target.powerOff()
            undo(after: length) { target.powerOn() }
        case .freeze:
            target.freeze()
            undo(after: length) { target.thaw() }
        case .postmasterKill: killPostmaster(target)
        case .diskHang: hangDisk(target, length)
        case .guardKill: target.killGuard()
        case .cutEtcd, .cutPeers, .cutHost, .oneWay: cut(fault, target, length)
        case .loss, .slowNetwork: slow(fault, length)
        case .etcdOutage, .etcdElection, .etcdSlow: disturbEtcd(fault, length)
        case .switchover: ask(from: etcd.view.leader?.name, to: random.chance(500) ? random.pick(hosts).name : nil)
        case .failover: ask(from: nil, to: random.pick(hosts).name)
        case .replayPause: pauseReplay(random.pick(hosts), length)
        }
    }

    private func undo(after length: Span, _ body: @escaping () -> Void) { after(length, body) }

    // MARK: Processes

    private func stopAgent(_ target: Host, _ length: Span) {
        guard target.isUp, target.guardian != nil, let agent = target.agent, agent.isAlive else { return }
        agent.stop()
        undo(after: length) { agent.goOn() }
    }

    private func killPostmaster(_ target: Host) {
        guard target.isUp, !target.isFrozen, target.postgres.process != .stopped else { return }
        note("\(target.name): postmaster killed")
        target.postgres.signalKill(target.postgres.pid)
    }

    private func hangDisk(_ target: Host, _ length: Span) {
        guard target.isUp, !target.postgres.isHung else { return }
        note("\(target.name): disk hangs")
        target.postgres.setHung(true)
        undo(after: length) { [weak self] in
            guard target.postgres.isHung else { return }
            self?.note("\(target.name): disk goes on")
            target.postgres.setHung(false)
        }
    }

    private func pauseReplay(_ target: Host, _ length: Span) {
        guard target.postgres.isRecovery, target.postgres.isUp else { return }
        note("\(target.name): replay paused")
        target.postgres.isReplayPaused = true
        undo(after: length) { target.postgres.isReplayPaused = false }
    }

    // MARK: Network and store

    private func cut(_ fault: Fault, _ target: Host, _ length: Span) {
        let here = Network.Node.host(target.index)
        let peers = hosts.filter { $0 !== target }.map { Network.Node.host($0.index) }
        var pairs: [(Network.Node, Network.Node)] = []
        switch fault {
        case .cutEtcd: pairs = [(here, .etcd), (.etcd, here)]
        case .cutPeers: pairs = peers.flatMap { [(here, $0), ($0, here)] }
        case .cutHost: pairs = ([.etcd] + peers).flatMap { [(here, $0), ($0, here)] }
        default:
            let outward = random.chance(500)
            let others: [Network.Node] = random.chance(500) ? [.etcd] : [.etcd] + peers
            pairs = others.map { outward ? (here, $0) : ($0, here) }
        }
        note("\(target.name): \(fault.rawValue) for \(length.seconds) s")
        for (from, to) in pairs { network.set(from, to, blocked: true) }
        undo(after: length) { [weak self] in
            guard let self else { return }
            note("\(target.name): \(fault.rawValue) is over")
            for (from, to) in pairs { network.set(from, to, blocked: false) }
        }
    }

    private func slow(_ fault: Fault, _ length: Span) {
        note("network: \(fault.rawValue) for \(length.seconds) s")
        if fault == .loss { network.lossPermille = random.pick([20, 200, 500]) } else { network.slowest = random.pick([.ms(50), .ms(500), .s(2)]) }
        undo(after: length) { [weak self] in
            guard let self else { return }
            if fault == .loss { network.lossPermille = 0 } else { network.slowest = .ms(2) }
        }
    }

    private func disturbEtcd(_ fault: Fault, _ length: Span) {
        if fault == .etcdSlow {
            note("etcd: slow for \(length.seconds) s")
            etcd.slowest = random.pick([.ms(300), .s(3), .s(8)])
            return undo(after: length) { [weak self] in self?.etcd.slowest = .ms(3) }
        }
        guard etcd.isAvailable else { return }
        let length = fault == .etcdElection ? random.between(.ms(200), .s(3)) : length
        note("etcd: away for \(length.seconds) s")
        etcd.goDown()
        undo(after: length) { [weak self] in self?.etcdBack() }
    }

    private func etcdBack() {
        guard !etcd.isAvailable else { return }
        note("etcd: back")
        etcd.comeUp()
    }

    // MARK: Operators

    private func ask(from leader: String?, to candidate: String?) {
        guard etcd.isAvailable else { return }
        note("operator: from \(leader ?? "-") to \(candidate ?? "-")")
        etcd.write { $0.failover = FailoverKey(modRevision: $1, leader: leader, candidate: candidate) }
    }

    // MARK: The end

    /// Everything works from now on.
    func calmDown() {
        note("calm")
        isCalm = true
        network.heal()
        etcd.slowest = .ms(3)
        etcdBack()
        for host in hosts {
            host.postgres.isReplayPaused = false
            host.postgres.setHung(false)
            host.thaw()
            host.powerOn()
            host.agent?.goOn()
            if host.agent?.isAlive != true { host.after(.s(2)) { host.startAgent() } }
        }
    }
}
