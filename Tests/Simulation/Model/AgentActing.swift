import Cluster
import Guard
import HACore
import Kernel
import PostgresModel
import Timekeeping

/// Each action of the core, carried out one after another as the agent does.
extension ModelAgent {
    func perform(_ actions: ArraySlice<Action>, _ then: @escaping () -> Void) {
        guard let action = actions.first else { return then() }
        let rest = actions.dropFirst()
        perform(action) { [weak self] in self?.perform(rest, then) }
    }

    private func perform(_ action: Action, _ then: @escaping () -> Void) {
        switch action {
        case .acquireLock:
            claimLock(.acquire)
            then()
        case .reattachLock:
            claimLock(.reattach)
            then()
        case .releaseLock(let position):
            releaseLock(position)
            then()
        case .writeInitialize: then()
        case .begin(let operation):
            if case .demote(.switchover) = operation, world.mutation == .releaseBeforeStop {
                releaseLock(nil)
            }
            begin(operation)
            then()
        case .cancelOperation:
            cancelOperation()
            then()
        case .follow(let upstream):
            after(.ms(10)) { [weak self] in
                guard let self else { return }
                if case .running = postgres.process, let source = world.host(upstream.name) {
                    postgres.follow(source.index)
                }
                then()
            }
        case .askPeers:
            askPeers()
            then()
        case .armGuard(let deadline): armGuard(deadline, then)
        case .disarmGuard:
            disarmGuard()
            then()
        case .clearFailover:
            beside("clear failover") { store.clearFailover($0) }
            then()
        case .keepSlots: after(.ms(0.1), then)
        case .writeSync(let leader, let standbys, let quorum, let revision):
            let key = SyncKey(modRevision: 0, leader: leader, quorum: quorum, standbys: standbys)
            world.note("\(me): /sync = \(leader), \(standbys.joined(separator: " ")), quorum \(quorum)")
            if world.mutation == .namesBeforeSync, let known = view?.sync, standbys.count < known.standbys.count {
                postgres.setSynchronous(standbys.isEmpty ? .none : .all(standbys))
                beside("sync") { done in
                    after(.s(3)) { [weak self] in self?.store.writeSync(key, expecting: revision, done) }
                }
                return then()
            }
            beside("sync") { store.writeSync(key, expecting: revision, $0) }
            then()
        case .removeSync(let revision):
            beside("sync") { store.writeSync(nil, expecting: revision, $0) }
            then()
        case .setSynchronousStandbys(let names):
            let promisesEarly = world.mutation == .syncBeforeNames && view?.sync?.leader == me
            if promisesEarly, let names, let revision = view?.sync?.modRevision {
                let key = SyncKey(modRevision: 0, leader: me, quorum: 0, standbys: names.members)
                beside("early sync") { store.writeSync(key, expecting: revision, $0) }
            }
            let takes = promisesEarly ? .s(3) : world.random.between(.ms(2), .ms(300))
            beside("names") { done in
                after(takes) { [weak self] in
                    self?.postgres.setSynchronous(names ?? .none)
                    done()
                }
            }
            then()
        case .restoreConfig: then()
        case .clearReinitialise:
            requests.reinitialise = nil
            then()
        case .clearRestart:
            requests.restart = nil
            then()
        case .stopStreaming:
            after(.ms(10)) { [weak self] in
                self?.postgres.stopStreaming()
                then()
            }
        case .claimInitialize, .removeInitialize:
            // Not modelled: nothing here gives rise to them.
            world.violate("core", "\(me): \(action) was decided")
            then()
        }
    }

    // MARK: The guard

    func armGuard(_ deadline: BootInstant, _ then: @escaping () -> Void) {
        guard postgres.process != .stopped, world.mutation != .noGuard else { return then() }
        let process = ProcessIdentity(pid: postgres.pid, startTicks: UInt64(postgres.pid))
        after(.ms(0.3)) { [weak self] in
            guard let self else { return }
            let isRunning = postgres.process != .stopped && postgres.pid == process.pid
            let limit = guardLimit(deadline)
            if let model = host.guardian, model.isAlive,
                model.handle(.arm(process, deadline: limit, isRunning: isRunning, from: number)) == nil
            {
                guardian = .armed(deadline: deadline)
            }
            feedWatchdog(until: deadline)
            then()
        }
    }

    func moveGuard(to deadline: BootInstant) {
        let limit = guardLimit(deadline)
        after(.ms(0.3)) { [weak self] in
            guard let self else { return }
            host.guardian?.handle(.extend(deadline: limit, from: number))
            feedWatchdog(until: deadline)
        }
    }

    func disarmGuard() {
        closeWatchdog()
        guard let model = host.guardian, model.isAlive, model.handle(.disarm(from: number)) == nil else { return }
        guardian = .disarmed
    }

    private func guardLimit(_ deadline: BootInstant) -> BootInstant {
        switch world.mutation {
        case .ignoreDeadline: deadline + .seconds(3600)
        case .lateGuard: deadline + .seconds(4)
        default: deadline
        }
    }

    // MARK: Peers

    private func askPeers() {
        let others = (view?.members ?? []).map(\.name).filter { $0 != me }
        let asked = host.clock
        peers = PeerObservation(askedAt: asked, isComplete: others.isEmpty)
        for name in others {
            call(name, deadline: .ms(700)) { target in target.snapshot?.answer } then: { [weak self] answer in
                self?.took(PeerReport(name: name, answer: answer ?? nil), asked: asked, of: others.count)
            }
        }
    }

    private func took(_ report: PeerReport, asked: BootInstant, of count: Int) {
        guard peers.askedAt == asked else { return }
        peers.reports.append(report)
        peers.isComplete = peers.reports.count == count
        ring()
    }

    /// A request to another agent's API; nil when it does not answer in time.
    func call<Value>(
        _ name: String, deadline: Span, _ serve: @escaping (ModelAgent) -> Value, then: @escaping (Value?) -> Void
    ) {
        let once = Once()
        let here = Network.Node.host(host.index)
        let finish = { [weak self] (value: Value?) in
            guard once.take() else { return }
            self?.run { then(value) }
        }
        after(deadline) { finish(nil) }
        guard let target = world.host(name) else { return }
        let there = Network.Node.host(target.index)
        world.send(here, there) { [weak self] in
            target.run {
                target.agent?.run { [weak self] in
                    guard let self, let agent = target.agent, agent.isAlive else { return }
                    let value = serve(agent)
                    world.send(there, here) { [weak self] in self?.host.run { finish(value) } }
                }
            }
        }
    }
}
