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
            guard case .held(let id, let deadline) = lastLease else { return then() }
            store.acquireLock(lease: id) { [weak self] in self?.settled($0, deadline, "acquire", then) }
        case .reattachLock:
            guard case .held(let id, let deadline) = lastLease else { return then() }
            store.reattachLock(lease: id) { [weak self] in self?.settled($0, deadline, "reattach", then) }
        case .releaseLock(let position):
            world.note("\(me): release the lock")
            store.releaseLock(finalLSN: position) { [weak self] in
                self?.ring()
                then()
            }
        case .writeInitialize, .restoreConfig: then()
        case .begin(let operation):
            if case .demote(.switchover) = operation, world.mutation == .releaseBeforeStop {
                return store.releaseLock(finalLSN: nil) { [weak self] in
                    self?.begin(operation)
                    then()
                }
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
        case .clearFailover: store.clearFailover(then)
        case .keepSlots: after(.ms(1), then)
        case .claimInitialize, .removeInitialize, .writeSync, .removeSync, .setSynchronousStandbys,
            .stopStreaming, .clearRestart, .clearReinitialise:
            // Not modelled: nothing here gives rise to them.
            world.violate("core", "\(me): \(action) was decided")
            then()
        }
    }

    private func settled(_ outcome: Outcome, _ deadline: BootInstant, _ what: String, _ then: @escaping () -> Void) {
        switch outcome {
        case .done(let view):
            world.note("\(me): \(what) done")
            lastStore = .connected(view, confirmed: host.clock)
            ring()
            if case .running(let server) = server.process, !server.isInRecovery { return armGuard(deadline, then) }
        case .compareFailed(let view):
            lastStore = .connected(view, confirmed: host.clock)
            ring()
        case .ambiguous, .failed: world.note("\(me): \(what) without a clear answer")
        }
        then()
    }

    // MARK: The guard

    func armGuard(_ deadline: BootInstant, _ then: @escaping () -> Void) {
        guard postgres.process != .stopped else { return then() }
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
            then()
        }
    }

    func moveGuard(to deadline: BootInstant) {
        let limit = guardLimit(deadline)
        after(.ms(0.3)) { [weak self] in
            guard let self else { return }
            host.guardian?.handle(.extend(deadline: limit, from: number))
        }
    }

    func disarmGuard() {
        guard let model = host.guardian, model.isAlive, model.handle(.disarm(from: number)) == nil else { return }
        guardian = .disarmed
    }

    private func guardLimit(_ deadline: BootInstant) -> BootInstant {
        world.mutation == .ignoreDeadline ? deadline + .seconds(3600) : deadline
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
