import Cluster
import Guard
import HACore
import Kernel
import PostgresModel
import Server
import Store
import Timekeeping

/// The act of "observe, decide, act": each action of the core, carried out.
extension Agent {
    func perform(_ action: Action) async {
        switch action {
        case .acquireLock: await acquireLock()
        case .reattachLock: await reattachLock()
        case .releaseLock(let finalLSN): await releaseLock(finalLSN: finalLSN)
        case .writeInitialize(let identifier, let revision):
            await attempt("writing initialize") {
                _ = try await self.parts.store.writeInitialize(identifier.description, replacing: revision)
            }
        case .writeSync, .removeSync: await performSync(action)
        case .begin(let operation): begin(operation)
        case .cancelOperation: running?.cancel()
        case .follow(let upstream):
            await attempt("following \(upstream.name)") { try await self.followUpstream(upstream) }
        case .askPeers: askPeers()
        case .armGuard(let deadline): await armGuard(deadline)
        case .disarmGuard: await disarmGuard()
        case .clearFailover(let reason):
            log.notice("clearing the failover request: \(reason)")
            await attempt("clearing the failover key") { _ = try await self.parts.store.clearFailover() }
        case .keepSlots(let names):
            await attempt("keeping slots") {
                try await self.parts.server.keepSlots(for: names, by: self.clock.now + self.dynamic.loopWait)
            }
        case .restoreConfig:
            await attempt("restoring the dynamic configuration") {
                _ = try await self.parts.store.writeConfig(self.dynamic.json, expecting: nil)
            }
        case .claimInitialize, .removeInitialize, .setSynchronousStandbys, .stopStreaming,
            .clearRestart, .clearReinitialise:
            // Only decided on observations that this agent does not make.
            log.error("'\(action)' is not carried out")
        }
    }

    private func performSync(_ action: Action) async {
        await attempt("writing sync") {
            switch action {
            case .writeSync(let leader, let standbys, let quorum, let revision):
                let key = SyncKey(modRevision: revision, leader: leader, quorum: quorum, standbys: standbys)
                _ = try await self.parts.store.writeSync(key, expecting: revision == 0 ? nil : revision)
            case .removeSync(let revision):
                _ = try await self.parts.store.writeSync(nil, expecting: revision)
            default: break
            }
        }
        bell.ring()
    }

    /// Failures of single actions are logged; the next decision sees what became of them.
    func attempt(_ what: String, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            log.warning("\(what): \(error)")
        }
    }

    private func followUpstream(_ upstream: Upstream) async throws {
        let server = parts.server
        switch try await server.follow(upstream, by: clock.now + dynamic.loopWait) {
        case .reloaded, .unchanged: break
        case .restartNeeded:
            // Before PostgreSQL 13 a standby learns its upstream only at a start.
            let limit = clock.now + dynamic.primaryStartTimeout
            try await server.stop(.fast, by: limit)
            try await server.start(.standby(upstream), by: limit)
        }
    }

    // MARK: The lock

    private func acquireLock() async {
        guard case .held(let id, let deadline) = state.lease else { return }
        do {
            let outcome = try await parts.store.acquireLock(lease: id)
            await settled(outcome, deadline: deadline, what: "acquiring the lock")
        } catch {
            log.warning("acquiring the lock: \(error)")
        }
    }

    private func reattachLock() async {
        guard case .held(let id, let deadline) = state.lease else { return }
        do {
            let outcome = try await parts.store.reattachLock(lease: id)
            await settled(outcome, deadline: deadline, what: "taking our lock over")
        } catch {
            log.warning("taking our lock over: \(error)")
        }
    }

    private func settled(_ outcome: WriteOutcome, deadline: BootInstant, what: String) async {
        switch outcome {
        case .done(let view):
            state.store = .connected(view, confirmed: clock.now)
            // A running primary is under guard from the moment the lock is ours.
            if case .running(let server) = state.server.process, !server.isInRecovery { await armGuard(deadline) }
            bell.ring()
        case .compareFailed(let view):
            log.info("\(what): \(view.leader?.name ?? "nobody") has it")
            state.store = .connected(view, confirmed: clock.now)
            bell.ring()
        case .ambiguous(let reason):
            log.warning("\(what): \(reason)")
        }
    }

    func releaseLock(finalLSN: LSN?) async {
        await attempt("releasing the lock") {
            _ = try await self.parts.store.releaseLock(finalLSN: finalLSN)
        }
        bell.ring()
    }

    // MARK: Peers

    private func askPeers() {
        let others = (state.view?.members ?? []).filter { $0.name != me }
        let asked = clock.now
        state.peers = PeerObservation(askedAt: asked, isComplete: others.isEmpty)
        let peers = parts.peers
        Task {
            await peers.ask(others) { report in await self.took(report, asked: asked, of: others.count) }
        }
    }

    private func took(_ report: PeerReport, asked: BootInstant, of count: Int) {
        guard state.peers.askedAt == asked else { return }
        state.peers.reports.append(report)
        state.peers.isComplete = state.peers.reports.count == count
        bell.ring()
    }

    // MARK: The guard

    func ensureGuard() async {
        await attempt("starting the lease guard") {
            let status = try await self.parts.guardian.ensureRunning(
                self.parts.guardProgram, by: self.clock.now + .seconds(2))
            self.log.info("lease guard is process \(status.guardPID)")
        }
    }

    func guardObservation() async -> GuardObservation {
        guard let status = try? await parts.guardian.status(by: clock.now + .milliseconds(500)) else { return .absent }
        switch status.state {
        case .disarmed: return .disarmed
        case .armed(_, let deadline): return .armed(deadline: deadline)
        case .fencing: return .disarmed
        }
    }

    private func armGuard(_ deadline: BootInstant) async {
        guard let postmaster = await parts.server.adopt() else { return }
        await attempt("arming the lease guard") {
            try await self.parts.guardian.arm(postmaster, until: deadline, by: self.clock.now + .milliseconds(500))
            self.state.guardian = .armed(deadline: deadline)
        }
    }

    func moveGuard(to deadline: BootInstant) async {
        await attempt("moving the guard's deadline") {
            try await self.parts.guardian.extend(until: deadline, by: self.clock.now + .milliseconds(500))
        }
    }

    func disarmGuard() async {
        await attempt("disarming the lease guard") {
            try await self.parts.guardian.disarm(by: self.clock.now + .milliseconds(500))
            self.state.guardian = .disarmed
        }
    }
}
