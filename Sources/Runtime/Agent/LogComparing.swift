import Cluster
import HACore
import Server
import Timekeeping

/// In a standby cluster a standby that does not stream asks its upstream whether their logs are the same one.
extension Agent {
    func compareLogs() {
        guard dynamic.standbyCluster?.isEffective == true, !dynamic.pause, case .idle = state.operation,
            case .running(let server) = state.server.process, server.isInRecovery, let source = comparedSource,
            !(server.isStreaming && server.upstream.map { $0.host == source.host && $0.port == source.port } ?? false)
        else {
            state.comparison = nil
            state.comparedAt = nil
            return
        }
        if state.comparison?.source != source.name { state.comparison = nil }
        guard state.comparedAt.map({ clock.now - $0 >= dynamic.loopWait }) ?? true else { return }
        state.comparedAt = clock.now
        var newest: ServerObservation.TimelineOrigin?
        if case .present(let data) = state.server.storage { newest = data.newestTimeline }
        let (limit, local, origin) = (clock.now + .seconds(5), parts.server, newest)
        Task {
            do {
                self.compared(source, try await local.divergence(from: source, newest: origin, by: limit))
            } catch {
                self.comparisonFailed("\(source.name) does not tell its timelines: \(sentence(for: error))")
            }
        }
    }

    /// Of the lock's holder the remote server, of the others the leader. An archive cannot be asked.
    private var comparedSource: Upstream? {
        if state.holdsLock(as: me) {
            return dynamic.standbyCluster.flatMap(Upstream.init(remote:)).flatMap { $0.isArchive ? nil : $0 }
        }
        guard case .connected(let view, _) = state.store, let leader = view.leader?.name, leader != me else { return nil }
        return view.upstreams.first { $0.name == leader }
    }

    private func compared(_ source: Upstream, _ divergence: Server.Divergence) {
        // An operation that has begun meanwhile changes what was compared.
        guard case .idle = state.operation else { return }
        let finding = finding(divergence, source.name)
        state.comparisonProblem = nil
        if state.comparison?.finding != finding { bell.ring() }
        state.comparison = LogComparison(source: source.name, finding: finding)
    }

    /// Said once: it is asked again in every cycle.
    private func comparisonFailed(_ problem: String) {
        guard problem != state.comparisonProblem else { return }
        state.comparisonProblem = problem
        log.warning("\(problem)")
    }

    private func finding(_ divergence: Server.Divergence, _ source: String) -> LogComparison.Finding {
        var since = clock.now
        if case .diverged(_, let before, _) = state.comparison?.finding { since = before }
        return switch divergence {
        case .none: .shared
        case .rewindNeeded(let reason): .diverged(reason, since: since, isSameNumber: false)
        case .ahead(let local, let leader):
            .diverged("timeline \(local) here, only \(leader) at \(source)", since: since, isSameNumber: false)
        case .sameNumber(let timeline, let local, let leader):
            .diverged(
                "timeline \(timeline) began at \(local) here and at \(leader) at \(source)", since: since,
                isSameNumber: true)
        }
    }
}
