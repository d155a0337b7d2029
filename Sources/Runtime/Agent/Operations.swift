import Cluster
import Configuration
import HACore
import JSON
import Kernel
import PostgresModel
import Server
import Store
import Timekeeping

/// The one long task at a time: start, stop, promote, demote, rewind, clone.
extension Agent {
    /// - Parameter body: what is done under the operation's name; nil: the operation itself.
    func begin(_ operation: Operation, _ body: (@Sendable (Agent) async throws -> Void)? = nil) {
        guard case .idle = state.operation else {
            // The core never asks for two; if it did, the first goes on.
            return log.error("'\(operation)' was asked for while another operation runs; it is not begun")
        }
        log.notice("begin: \(operation.text)")
        state.operation = .running(operation, since: clock.now)
        state.comparison = nil
        forgetRequest(for: operation)
        running = Task {
            let result: OperationResult
            do {
                if let body { try await body(self) } else { try await self.carryOut(operation) }
                result = .done
            } catch let error as ServerError where error.code == .unavailable {
                result = .unavailable("\(error)")
            } catch {
                result = .failed(sentence(for: error))
            }
            self.finished(operation, result)
        }
    }

    /// What was asked for has begun.
    private func forgetRequest(for operation: Operation) {
        switch operation {
        case .restart(.asked): state.restartNow = nil
        case .restart(.scheduled): state.scheduledRestart = nil
        case .reinitialise: state.reinitialise = nil
        case .start, .stop, .promote, .demote, .rewind, .clone, .bootstrap: break
        }
    }

    private func finished(_ operation: Operation, _ result: OperationResult) {
        switch result {
        case .done: log.notice("done: \(operation.text)")
        case .failed(givenUp): log.notice("given up: \(operation.text)")
        case .unavailable(let reason): log.warning("not begun: \(operation.text): \(reason)")
        case .failed(let reason): log.error("failed: \(operation.text): \(reason)")
        }
        if case .restart = operation {
            state.hasRestarted = result == .done
            restartEnded(result == .done ? .done : .failed)
        }
        state.operation = .finished(operation, result)
        running = nil
        bell.ring()
    }

    private func carryOut(_ operation: Operation) async throws {
        let server = parts.server
        switch operation {
        case .start(let mode):
            try await configureBeforeStart(mode)
            // Under guard before its first write: an agent that hangs from here on must not leave it alone.
            try await server.start(mode, by: clock.now + dynamic.primaryStartTimeout) {
                if mode == .primary { await self.guardStart() }
            }
        case .stop(let mode): try await stop(mode)
        case .promote: try await promote()
        case .demote(let mode): try await demote(mode)
        case .rewind(let upstream): try await rewind(from: upstream)
        case .clone(let upstream): try await clone(from: upstream)
        case .reinitialise(let upstream):
            if case .stopped = state.server.process {} else { try await stop(.immediate) }
            try await clone(from: upstream)
        case .restart(let cause): try await restart(cause)
        case .bootstrap: try await bootstrap()
        }
    }

    func armGuardForLease() async {
        if let deadline = leadDeadline { await perform(.armGuard(deadline)) }
    }

    /// A primary that comes up after its lease has ended, because the stop took long, is stopped before its first write:
    /// the decisions may hang just now.
    private func guardStart() async {
        if dynamic.pause { return await armGuardForLease() }
        await perform(.armGuard(leadDeadline ?? clock.now))
    }

    private func stop(_ mode: StopMode) async throws {
        try await parts.server.stop(mode, by: clock.now + stopLimit(mode))
        await disarmGuard()
    }

    /// The old postmaster's guard has nothing to do while there is none, and takes on the new one at its first sign.
    private func restart(_ cause: RestartCause) async throws {
        let isPrimary = if case .running(let server) = state.server.process { !server.isInRecovery } else { false }
        let stopTime = stopLimit(.fast)
        let startTime = cause.timeout ?? dynamic.primaryStartTimeout
        try await parts.server.restart(by: clock.now + stopTime + startTime, stopLimit: stopTime) {
            if isPrimary { await self.guardStart() }
        }
    }

    /// The lock is taken only when the new cluster is there; until then nobody else can make one, and no client knows
    /// of this one.
    private func bootstrap() async throws {
        let wanted = configuration.serverConfiguration(with: dynamic, role: .primary)
        _ = try await parts.server.configure(wanted, by: clock.now + .seconds(10))
        state.configured = wanted
        try await parts.server.bootstrap(BootstrapPlan(configuration), by: clock.now + Self.longWork * 48)
        cacheDynamic()
    }

    /// For work whose length nobody can promise: checkpoints, pg_rewind.
    static let longWork = Duration.seconds(3600)

    /// A fast stop writes a checkpoint and sends the rest of the log; an immediate one only ends processes.
    private func stopLimit(_ mode: StopMode) -> Duration {
        switch mode {
        case .fast: max(dynamic.primaryStopTimeout, .seconds(300))
        case .immediate: .seconds(10)
        }
    }

    private func rewind(from upstream: Upstream) async throws {
        let server = parts.server
        let options = configuration.postgresOptions(with: dynamic).rewindOptions.map(\.description)
        switch try await server.rewind(from: upstream, options: options, by: clock.now + Self.longWork) {
        case .notNeeded: log.notice("pg_rewind: the log did not leave that of \(upstream.name); nothing was changed")
        case .rewound(from: nil): log.notice("pg_rewind: the data directory follows \(upstream.name) again")
        case .rewound(from: .some(let lsn)):
            log.notice("pg_rewind: rewound to \(lsn), where the log left that of \(upstream.name)")
        }
    }

    private func clone(from upstream: Upstream) async throws {
        let server = parts.server
        if case .stopped = state.server.process {} else { try await stop(.fast) }
        let (steps, told) = AsyncStream.makeStream(of: BackupProgress.self, bufferingPolicy: .bufferingNewest(1))
        let log = log
        let telling = Task {
            var last = -1
            // pg_basebackup tells about once a second; a line for each tenth is enough for a log.
            for await step in steps where step.percent / 10 > last {
                last = step.percent / 10
                log.info("base backup from \(upstream.name): \(step.sentence)")
            }
        }
        defer {
            told.finish()
            telling.cancel()
        }
        let options = configuration.postgresOptions(with: dynamic)
        // The maker of a standby cluster copies what the cluster follows, by the methods named for that.
        let makes = upstream == state.settings.standbyCluster ? dynamic.standbyCluster?.createReplicaMethods : nil
        let role: ServerRole = upstream == state.settings.standbyCluster ? .standbyLeader : .replica
        let wanted = configuration.serverConfiguration(with: dynamic, role: role)
        _ = try await server.configure(wanted, by: clock.now + .seconds(10))
        let methods = makes.map(options.replicaMethods(named:)) ?? options.createReplicaMethods
        let outcome = try await server.clone(
            from: upstream, methods: options.forServer(methods), by: clock.now + Self.longWork * 48) { told.yield($0) }
        for (old, aside) in outcome.movedAside { log.notice("\(old) was moved aside to \(aside)") }
    }

    private func promote() async throws {
        // The lock is ours before this is decided: the guard watches the server from its first write on.
        if case .held(_, let deadline) = state.lease { await perform(.armGuard(deadline)) }
        try await parts.server.promote(by: clock.now + dynamic.primaryStartTimeout)
        state.checkpointAfterPromotePending = true
        bell.ring()
        state.server = await parts.server.observe()
        // At once: whoever takes over from us must be able to tell the timelines apart.
        await postHistory()
        let server = parts.server
        Task {
            // pg_rewind compares with the control file, which names the new timeline only after a checkpoint.
            await self.attempt("the first checkpoint") {
                try await server.checkpoint(by: self.clock.now + Self.longWork)
            }
            self.checkpointDone()
        }
    }

    private func checkpointDone() {
        state.checkpointAfterPromotePending = false
        bell.ring()
    }

    private func demote(_ mode: DemoteMode) async throws {
        switch mode {
        case .immediate:
            try await stop(.immediate)
        case .offline, .standbyCluster:
            try await stop(.fast)
        case .switchover(let candidate):
            log.notice("switchover to \(candidate ?? "the most advanced member"): checkpoint, then stop")
            await attempt("the checkpoint before the switchover") {
                try await self.parts.server.checkpoint(by: self.clock.now + Self.longWork)
            }
            // A fast stop ends only when every connected standby has the shutdown record; the core releases the lock
            // then.
            try await stop(.fast)
        }
    }

    /// The leader's `history` key tells how the server came to its timeline; written anew when it does not. Known by
    /// the server's own file and not by having promoted, so that it holds for an agent that was restarted as well.
    func postHistory() async {
        guard case .running(let server) = state.server.process, !server.isInRecovery, let timeline = server.timeline
        else { return }
        if state.ownHistory?.timeline != timeline {
            guard let switches = try? await parts.server.ownHistory() else { return }
            state.ownHistory = .init(timeline: timeline, switches: switches)
        }
        let known = state.view?.history ?? []
        let entries = historyEntries(
            state.ownHistory?.switches ?? [], known: known, by: me, now: WallClock.isoNow(),
            limit: dynamic.maxTimelinesHistory)
        if let entries { await parts.reports.post(.history(entries)) }
    }

    // MARK: Leaving

    /// Commits wait for this standby: the leader is asked to leave it out before it stops. A courtesy with a limit.
    private func leaveSync() async {
        guard case .connected = state.store, isInSync else { return }
        log.notice("commits wait for \(me): asking the leader to leave it out of sync first")
        var leaving = LeavingSync(since: clock.now)
        state.memory.leavesSync = leaving
        await touchMember()
        let patience = min(dynamic.loopWait * 2, Self.syncPatience)
        while leaving.end(patience: patience) > clock.now {
            leaving.isOutSince = isInSync ? nil : leaving.isOutSince ?? clock.now
            await bell.wait(until: leaving.end(patience: patience), clock: clock)
        }
    }

    /// The host that goes down waits no longer for it.
    private static let syncPatience = Duration.seconds(10)

    private var isInSync: Bool {
        guard dynamic.synchronousMode != .off, case .running(let server) = state.server.process, server.isInRecovery
        else { return false }
        return state.view?.sync?.standbys.contains { $0.lowercased() == me.lowercased() } ?? false
    }

    /// What is left to do when the loop has ended.
    func leave(_ ending: Ending) async {
        switch ending {
        case .leave:
            log.notice("the agent leaves; PostgreSQL and its guard stay for the next agent")
            await parts.watchdog.close()
        case .shutdown:
            log.notice("the host goes down: stopping PostgreSQL in order")
            running?.cancel()
            let held = state.holdsLock(as: me)
            await leaveSync()
            await attempt("stopping PostgreSQL") { try await self.stop(.fast) }
            await parts.server.hooks.call(.stop, role: memberRole.rawValue)
            if held {
                let end = try? await parts.server.controlData(by: clock.now + .seconds(5)).checkpoint
                await releaseLock(finalLSN: end)
            }
            state.server = await parts.server.observe()
            await touchMember()
        }
    }
}
