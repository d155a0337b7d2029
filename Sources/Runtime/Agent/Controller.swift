import API
import Cluster
import HACore
import JSON
import Kernel
import Store
import Timekeeping

/// Carries out what the REST API was asked to change.
extension Agent: APIController {
    public func perform(_ command: APICommand) async -> APIResponse {
        switch command {
        case .switchover(let leader, let candidate, let scheduledAt?):
            return await scheduleSwitchover(from: leader, to: candidate, at: scheduledAt)
        case .switchover(let leader, let candidate, nil):
            return await handOver(.switchover, from: leader, to: candidate)
        case .failover(let candidate): return await handOver(.failover, from: nil, to: candidate)
        case .deleteSwitchover: return await deleteSwitchover()
        case .restart(let request): return await restart(request)
        case .scheduleRestart(let request, let time): return scheduleRestart(request, at: time)
        case .deleteRestart:
            guard state.scheduledRestart != nil else { return .noRestartScheduled }
            state.scheduledRestart = nil
            log.notice("the scheduled restart was cancelled over the API")
            bell.ring()
            return .restartDeleted
        case .reinitialize(let force, let fromLeader): return reinitialise(force: force, fromLeader: fromLeader)
        case .patchConfig(let patch): return await patchConfig(patch)
        case .replaceConfig(let config): return await replaceConfig(config)
        case .failsafe(let claim): return acceptFailsafe(claim)
        case .reload:
            requestReload()
            return .reloadScheduled
        }
    }

    // MARK: Switchover and failover

    private func scheduleSwitchover(
        from leader: String, to candidate: String?, at time: WallTime
    ) async -> APIResponse {
        let outcome = try? await parts.store.setFailover(
            leader: leader, candidate: candidate, scheduledAt: time.description)
        guard case .done? = outcome else { return .failoverKeyNotWritten }
        log.notice("a switchover from \(leader) to \(candidate ?? "the best member") is scheduled for \(time)")
        bell.ring()
        return .switchoverScheduled
    }

    private func handOver(
        _ action: APIResponse.HandOver, from leader: String?, to candidate: String?
    ) async -> APIResponse {
        guard await hasGoodCandidate(candidate) else { return .noGoodCandidates(action) }
        let before = state.view?.leader?.name
        state.clearedFailover = nil
        guard case .done(let asked)? = try? await parts.store.setFailover(leader: leader, candidate: candidate) else {
            return .failoverKeyNotWritten
        }
        bell.ring()
        let patience = max(.seconds(10), dynamic.loopWait) * 2
        for await view in parts.store.views(until: clock.now + patience) where view.revision >= asked.revision {
            if let now = view.leader?.name, now != before { return .switchedOver(action, to: now, wanted: candidate) }
            if view.leader?.name == before, view.failover?.isEmpty ?? true {
                return .handOverFailed(action, reason: state.clearedFailover)
            }
        }
        return .handOverUnknown(action, after: patience)
    }

    /// One round of questions to the candidate, or to every other member: somebody must be able to take over.
    private func hasGoodCandidate(_ candidate: String?) async -> Bool {
        guard let view = state.view else { return false }
        if candidate == me { return true }
        let asked = view.members.filter { member in
            candidate.map { $0 == member.name } ?? (member.name != view.leader?.name && member.name != me)
        }
        let mayBeMe = candidate == nil && view.leader?.name != me && state.settings.mayLead
        return await peers.reports(of: asked).contains { $0.answer?.mayLead == true } || mayBeMe
    }

    private func deleteSwitchover() async -> APIResponse {
        guard let wish = state.view?.failover, wish.scheduledAt != nil else { return .noSwitchoverScheduled }
        switch try? await parts.store.clearFailover() {
        case .done?: return .switchoverDeleted
        case .compareFailed?, .ambiguous?, nil: return .empty(status: 409)
        }
    }

    // MARK: Restart and reinitialize

    private func restart(_ request: API.RestartRequest) async -> APIResponse {
        if let running = runningWord { return .alreadyInProgress(running) }
        switch state.server.process {
        case .starting: return .stillStarting
        case .running, .stopped, .stopping, .unresponsive: break
        }
        guard request.matches(
            role: memberRole, version: state.details.version, isPending: !state.pendingRestarts.isEmpty)
        else { return .restartConditionsNotSatisfied }
        let (ends, end) = AsyncStream.makeStream(of: RestartEnd.self, bufferingPolicy: .bufferingNewest(1))
        state.restartWaiters.append(end)
        state.restartNow = Cluster.RestartRequest(request)
        bell.ring()
        for await result in ends {
            switch result {
            case .done: return .restarted
            case .failed: return .restartFailed
            case .refused: return .restartConditionsNotSatisfied
            }
        }
        return .restartFailed
    }

    /// Tells who waits for a restart what became of it.
    func restartEnded(_ result: RestartEnd) {
        state.restartNow = nil
        for waiter in state.restartWaiters {
            waiter.yield(result)
            waiter.finish()
        }
        state.restartWaiters = []
    }

    private func scheduleRestart(_ request: API.RestartRequest, at time: WallTime) -> APIResponse {
        guard state.scheduledRestart == nil else { return .anotherRestartScheduled }
        state.scheduledRestart = ScheduledRestart(
            request: request, at: time, postmasterStartTime: state.details.startTime)
        log.notice("a restart is scheduled for \(time)")
        bell.ring()
        return .restartScheduled
    }

    private func reinitialise(force: Bool, fromLeader: Bool) -> APIResponse {
        guard let leader = state.view?.leader else { return .noLeaderToReinitializeFrom }
        if leader.name == me { return .leaderCannotReinitialize }
        if let running = runningWord, !force { return .alreadyInProgress(running) }
        state.reinitialise = ReinitialiseRequest(isForced: force, fromLeader: fromLeader)
        log.notice("this member's data directory is to be built anew, as asked for over the API")
        bell.ring()
        return .reinitializeStarted
    }

    /// Patroni's word for what is under way; nil: nothing is.
    private var runningWord: String? {
        if state.restartNow != nil { return "restart" }
        if state.reinitialise != nil { return "reinitialize" }
        guard case .running(let operation, _) = state.operation else { return nil }
        return switch operation {
        case .restart: "restart"
        case .reinitialise: "reinitialize"
        case .start: "start"
        case .stop: "stop"
        case .promote: "promote"
        case .demote: "demote"
        case .rewind: "pg_rewind"
        case .clone: "bootstrap from leader"
        case .bootstrap: "bootstrap"
        }
    }

    // MARK: Configuration

    private func patchConfig(_ patch: JSON) async -> APIResponse {
        guard let config = state.view?.config else { return .empty(status: 503) }
        let merged = config.value.merging(patch)
        do {
            switch try await parts.store.writeConfig(merged, expecting: config.modRevision) {
            case .done: return .json(merged)
            case .compareFailed:
                return .text("the configuration was changed by another; read it again", status: 409)
            case .ambiguous(let reason): return .text("the store did not confirm: \(reason)", status: 503)
            }
        } catch {
            return .text("the store did not take the configuration: \(error)", status: 503)
        }
    }

    /// What stands there is replaced whatever it is; another's write in the same moment comes before or after ours.
    private func replaceConfig(_ config: JSON) async -> APIResponse {
        var expected = state.view?.config?.modRevision
        for _ in 0..<3 {
            switch try? await parts.store.writeConfig(config, expecting: expected) {
            case .done?: return .json(config)
            case .compareFailed(let view)?: expected = view.config?.modRevision
            case .ambiguous?, nil: return .empty(status: 502)
            }
        }
        return .empty(status: 502)
    }
}

/// How a restart that somebody waits for has ended.
enum RestartEnd: Sendable {
    case done, failed
    /// Not begun: its conditions do not hold any more.
    case refused
}

extension Cluster.RestartRequest {
    init(_ request: API.RestartRequest, schedule: WallTime? = nil, postmasterStartTime: String? = nil) {
        self.init(
            schedule: schedule?.description, postmasterStartTime: postmasterStartTime, role: request.role,
            postgresVersion: request.olderThan?.description, timeout: request.timeout,
            onlyIfPending: request.onlyIfPending)
    }

    init(_ scheduled: ScheduledRestart) {
        self.init(scheduled.request, schedule: scheduled.at, postmasterStartTime: scheduled.postmasterStartTime)
    }
}
