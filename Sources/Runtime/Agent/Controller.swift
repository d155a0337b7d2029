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
        case .switchover(let leader, let candidate, let scheduledAt):
            guard scheduledAt == nil else {
                return .text("scheduled switchovers are not supported by this version", status: 501)
            }
            return await handOver(from: leader, to: candidate, verb: "Switchover", done: "switched over")
        case .failover(let candidate):
            return await handOver(from: nil, to: candidate, verb: "Failover", done: "failed over")
        case .deleteSwitchover:
            guard let wish = state.view?.failover, !wish.isEmpty else {
                return .text("no switchover is scheduled", status: 404)
            }
            await attempt("deleting the switchover") { _ = try await self.parts.store.clearFailover() }
            return .text("scheduled switchover deleted", status: 200)
        case .patchConfig(let patch): return await patchConfig(patch)
        case .failsafe(let claim): return acceptFailsafe(leader: claim.leader, apiURL: claim.apiURL)
        case .reload:
            bell.ring()
            return .reloadScheduled
        case .restart, .scheduleRestart, .deleteRestart, .reinitialize, .replaceConfig:
            return .text("not supported by this version", status: 501)
        }
    }

    private func handOver(from leader: String?, to candidate: String?, verb: String, done: String) async -> APIResponse {
        let before = state.view?.leader?.name
        guard case .done(let asked)? = try? await parts.store.setFailover(leader: leader, candidate: candidate) else {
            return .text("failed to write failover key into DCS", status: 503)
        }
        bell.ring()
        let limit = clock.now + max(.seconds(10), dynamic.loopWait) * 2
        for await view in parts.store.views(until: limit) where view.revision >= asked.revision {
            if let now = view.leader?.name, now != before {
                return candidate == nil || candidate == now
                    ? .text("Successfully \(done) to \"\(now)\"", status: 200)
                    : .text("\(done) to \"\(now)\" instead of \"\(candidate ?? "")\"", status: 200)
            }
            if view.leader?.name == before, view.failover?.isEmpty ?? true {
                return .text("\(verb) failed", status: 503)
            }
        }
        return .text("\(verb) status unknown after 20 seconds; operation may still be in progress", status: 503)
    }

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
}
