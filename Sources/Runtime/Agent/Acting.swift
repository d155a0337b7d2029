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
        case .acquireLock: claimLock(.acquire, "taking the lock")
        case .reattachLock: claimLock(.reattach, "taking our lock over")
        case .releaseLock(let finalLSN): Task { await releaseLock(finalLSN: finalLSN) }
        case .writeInitialize(let identifier, let revision):
            beside("writing initialize") {
                _ = try await $0.parts.store.writeInitialize(identifier.description, replacing: revision)
            }
        case .writeSync(let leader, let standbys, let quorum, let revision):
            let key = SyncKey(modRevision: revision, leader: leader, quorum: quorum, standbys: standbys)
            beside("writing sync") {
                _ = try await $0.parts.store.writeSync(key, expecting: revision == 0 ? nil : revision)
            }
        case .removeSync(let revision):
            beside("removing sync") { _ = try await $0.parts.store.writeSync(nil, expecting: revision) }
        case .begin(let operation): begin(operation)
        case .cancelOperation: running?.cancel()
        case .follow(let upstream):
            await attempt("following \(upstream.name)") { try await self.followUpstream(upstream) }
        case .askPeers: askPeers()
        case .armGuard(let deadline): await armGuard(deadline)
        case .disarmGuard: await disarmGuard()
        case .clearFailover(let reason):
            if !state.writesUnderWay.contains(Self.clearingFailover) {
                log.notice("clearing the failover request: \(reason)")
            }
            state.clearedFailover = reason
            beside(Self.clearingFailover) { _ = try await $0.parts.store.clearFailover() }
        case .keepSlots: keepSlots()
        case .claimInitialize: beside("claiming initialize") { try await $0.claimInitialize() }
        case .removeInitialize(let revision):
            beside("removing initialize") { agent in
                _ = try await agent.parts.store.removeInitialize(expecting: revision)
                await agent.forgetClaim()
            }
        case .restoreConfig: beside("writing config") { try await $0.restoreConfig() }
        case .setSynchronousStandbys(let names): setSynchronousStandbys(names)
        case .stopStreaming:
            await attempt("stopping to stream") { try await self.stopStreaming() }
        case .clearRestart(let reason): clearRestart(reason)
        case .clearReinitialise(let reason):
            state.reinitialise = nil
            if !decides(where: { if case .reinitialise = $0 { true } else { false } }) {
                log.notice("the data directory is not built anew: \(reason)")
            }
        }
    }

    /// A request is cleared when it has begun, too; whoever waits for its end is then told at the end.
    private func clearRestart(_ reason: String) {
        let hasBegun = decides { if case .restart = $0 { true } else { false } }
        if !hasBegun { log.notice("no restart: \(reason)") }
        if state.restartNow == nil {
            state.scheduledRestart = nil
        } else if hasBegun {
            state.restartNow = nil
        } else {
            restartEnded(.refused)
        }
    }

    /// The present decision begins an operation of this kind.
    private func decides(where isMeant: (Operation) -> Bool) -> Bool {
        guard let decision = state.decision else { return false }
        return decision.actions.contains { if case .begin(let operation) = $0 { isMeant(operation) } else { false } }
    }

    // MARK: A new cluster

    private func claimInitialize() async throws {
        guard case .done(let view) = try await parts.store.writeInitialize("") else { return }
        state.claimedInitialize = view.initializeRevision
    }

    private func forgetClaim() { state.claimedInitialize = nil }

    private func restoreConfig() async throws {
        let isEmpty = state.dynamicJSON.object?.isEmpty ?? true
        _ = try await parts.store.restoreConfig(isEmpty ? dynamic.json : state.dynamicJSON)
    }

    // MARK: Synchronous replication

    private func setSynchronousStandbys(_ names: SynchronousStandbyNames?) {
        let limit = clock.now + max(.seconds(2), dynamic.loopWait)
        beside("setting synchronous_standby_names") { agent in
            try await agent.parts.server.setSynchronousStandbys(
                names?.description, members: names?.members ?? [], by: limit)
        }
    }

    private func stopStreaming() async throws {
        if case .restartNeeded = try await parts.server.stopStreaming(by: clock.now + dynamic.loopWait) {
            let limit = clock.now + dynamic.primaryStartTimeout
            try await parts.server.stop(.fast, by: limit)
            try await parts.server.start(.standby(nil), by: limit)
        }
    }

    private static let clearingFailover = "clearing the failover key"

    /// Failures of single actions are logged; the next decision sees what became of them.
    func attempt(_ what: String, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            log.warning("\(what): \(sentence(for: error))")
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

    // MARK: Writes beside the loop

    /// Begins a write to the store and goes on at once: a slow store delays no decision. While it is under way, the
    /// same is not begun again.
    /// - Parameter endDecides: its end rings the bell. Not for what every look begins: the loop would never rest.
    func beside(
        _ what: String, endDecides: Bool = true, _ body: @escaping @Sendable (Agent) async throws -> Void
    ) {
        guard state.writesUnderWay.insert(what).inserted else { return }
        Task {
            await attempt(what) { try await body(self) }
            self.writeEnded(what, rings: endDecides)
        }
    }

    private func writeEnded(_ what: String, rings: Bool) {
        state.writesUnderWay.remove(what)
        if rings { bell.ring() }
    }

    // MARK: The lock

    /// Takes the lock, or puts it under the present lease.
    private func claimLock(_ transaction: LockClaim.Transaction, _ what: String) {
        guard case .held(let id, let deadline) = state.lease,
            state.claim.begin(transaction, hasPromised: state.failsafe.hasPromised(at: clock.now, me: me))
        else { return }
        let store = parts.store
        Task {
            do {
                let outcome = try await transaction == .acquire
                    ? store.acquireLock(lease: id) : store.reattachLock(lease: id)
                await self.settled(outcome, lease: id, deadline: deadline, what: what)
            } catch {
                self.state.claim.ended(lease: id, isDefinite: true)
                self.log.warning("\(what): \(sentence(for: error))")
            }
            self.bell.ring()
        }
    }

    private func settled(_ outcome: WriteOutcome, lease: Int64, deadline: BootInstant, what: String) async {
        switch outcome {
        case .done(let view):
            state.claim.ended(lease: lease, isDefinite: true)
            state.store = .connected(view, confirmed: clock.now)
            // A running primary is under guard from the moment the lock is ours.
            if case .running(let server) = state.server.process, !server.isInRecovery { await armGuard(deadline) }
        case .compareFailed(let view):
            state.claim.ended(lease: lease, isDefinite: true)
            log.info("\(what): \(view.leader?.name ?? "nobody") has it")
            state.store = .connected(view, confirmed: clock.now)
        case .ambiguous(let reason):
            state.claim.ended(lease: lease, isDefinite: false)
            log.warning("\(what): \(reason)")
            retireLease(lease)
        }
    }

    /// Nobody knows whether a claim under this lease will still be carried out: once the lease is gone, it cannot be.
    /// A server that may be writable keeps its lease, for its guard's deadline hangs on it.
    private func retireLease(_ id: Int64) {
        if case .running(let server) = state.server.process, !server.isInRecovery { return }
        guard state.memory.leads == false else { return }
        let lease = parts.lease
        Task {
            await lease.retire(id)
            self.state.claim.leaseIsGone(id)
            self.bell.ring()
        }
    }

    func releaseLock(finalLSN: LSN?) async {
        guard state.claim.begin(.release, hasPromised: false) else { return }
        await parts.reports.forget(.status, .history, .failsafe)
        await attempt("releasing the lock") {
            _ = try await self.parts.store.releaseLock(finalLSN: finalLSN)
        }
        state.claim.ended(lease: nil, isDefinite: true)
        bell.ring()
    }

    // MARK: Peers

    private func askPeers() {
        let others = (state.view?.members ?? []).filter { $0.name != me }
        let asked = clock.now
        state.peers = PeerObservation(askedAt: asked, isComplete: others.isEmpty)
        let peers = peers
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
        await feedWatchdog(until: deadline)
    }

    func moveGuard(to deadline: BootInstant) async {
        await attempt("moving the guard's deadline") {
            try await self.parts.guardian.extend(until: deadline, by: self.clock.now + .milliseconds(500))
        }
        await feedWatchdog(until: deadline)
    }

    func disarmGuard() async {
        await attempt("disarming the lease guard") {
            try await self.parts.guardian.disarm(by: self.clock.now + .milliseconds(500))
            self.state.guardian = .disarmed
        }
        await parts.watchdog.close()
    }

    private func feedWatchdog(until deadline: BootInstant) async {
        do {
            try await parts.watchdog.feed(ttl: dynamic.ttl, remaining: deadline - clock.now)
        } catch {
            if state.watchdog != .failed(error.message) { log.warning("\(error.message)") }
            state.watchdog = .failed(error.message)
        }
    }
}
