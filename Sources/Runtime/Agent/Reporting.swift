import API
import Cluster
import Configuration
import HACore
import JSON
import PostgresModel
import Server
import Store
import Timekeeping

/// What the agent says of itself: the member key, `status`, and the API's snapshot.
extension Agent {
    /// Tells the store and the API what the last cycle saw. Nothing here waits for the store.
    func report(publish: @Sendable (APISnapshot) -> Void) async {
        let details = await currentDetails()
        state.details = details
        noteListening(details)
        publish(snapshot(details))
        guard case .connected = state.store else { return }
        if case .held(let id, _) = state.lease { await parts.reports.post(.member(member(), lease: id)) }
        if state.holdsLock(as: me), case .running(let server) = state.server.process, !server.isInRecovery {
            await publishStatus(server, details)
            await postHistory()
        }
    }

    /// A server that does not answer the short question is not asked the long one.
    private func currentDetails() async -> ServerDetails {
        guard case .running = state.server.process else { return ServerDetails() }
        return await parts.server.details(by: clock.now + .seconds(1))
    }

    /// Writes the member key and waits for it; for an agent that leaves.
    func touchMember() async {
        guard case .held(let id, _) = state.lease else { return }
        let member = member()
        await attempt("writing the member key") { _ = try await self.parts.store.touchMember(member, lease: id) }
    }

    private func publishStatus(_ server: ServerObservation.Running, _ details: ServerDetails) async {
        let slots = slotPositions(details)
        // Until the slots were looked at, what the leader before us has published stays.
        let isKnown = !state.retainedSlots.isEmpty || dynamic.memberSlotsTTL == .zero
        let retained = isKnown ? state.retainedSlots : state.view?.status.retainSlots ?? []
        // A blank is in no slot's name.
        let told = state.toldOfCluster.settle(
            slots.merging(["the leader": server.lsn]) { $1 }, on: server.timeline, limit: dynamic.maximumLagOnFailover,
            at: clock.now)
        let status = StatusKey(
            optime: told["the leader"], slots: told.filter { $0.key != "the leader" }, retainSlots: retained)
        await parts.reports.post(.status(status))
        guard dynamic.failsafeMode, !state.failsafe.reliesOnList(at: clock.now) else { return }
        let members = (state.view?.members ?? []).compactMap { member in member.apiURL.map { (member.name, $0) } }
        let failsafe = Dictionary(members, uniquingKeysWith: { first, _ in first })
        if failsafe != state.view?.failsafe {
            state.failsafe.sent.merge(failsafe) { $1 }
            state.failsafe.posted = failsafe
            await parts.reports.post(.failsafe(failsafe))
        }
    }

    /// The store has a report of ours. When it has the newest list of failsafe members, no earlier one counts.
    func reportDone(_ report: Report) {
        if case .failsafe(state.failsafe.posted) = report { state.failsafe.sent = [:] }
    }

    /// Our member key.
    private func member() -> Member {
        let postgres = configuration.postgresql
        var member = Member(
            name: me, connURL: "postgres://\(replicationAddress)/\(postgres.database ?? "postgres")",
            apiURL: configuration.apiURL, state: memberState, role: memberRole,
            version: AgentVersion.patroni)
        if let proxy = postgres.proxyAddress {
            member.other["proxy_url"] = .string("postgres://\(proxy)/\(postgres.database ?? "postgres")")
        }
        member.other["pgadopt_relay"] = relayReport
        member.tags = configuration.memberTags.published
        if state.memory.leavesSync != nil { member.tags["nosync"] = .bool(true) }
        member.pause = dynamic.pause
        member.scheduledRestart = state.scheduledRestart.map(Cluster.RestartRequest.init)
        member.pendingRestart = !state.pendingRestarts.isEmpty
        member.pendingRestartReason = pendingRestartReason
        if memberRole == .primary, state.checkpointAfterPromotePending { member.checkpointAfterPromote = false }
        if case .running(let server) = state.server.process {
            member.timeline = server.timeline
            let positions = [
                "log": server.lsn, "received": server.isInRecovery ? server.receivedLSN : nil,
                "replayed": server.isInRecovery ? server.replayedLSN : nil,
            ].compactMapValues { $0 }
            let told = state.toldOfMember.settle(
                positions, on: server.timeline, least: server.isInRecovery ? state.view?.status.optime : nil,
                limit: dynamic.maximumLagOnFailover, at: clock.now)
            member.xlogLocation = told["log"]
            if server.isInRecovery {
                member.replayLSN = told["replayed"]
                member.receiveLSN = told["received"]
                member.replicationState = replicationState(server, state.details)
            }
        }
        return member
    }

    /// Patroni's words for where a standby's log comes from; nil: from nowhere at present.
    private func replicationState(_ server: ServerObservation.Running, _ details: ServerDetails) -> String? {
        server.isStreaming ? "streaming" : details.readsArchive ? "in archive recovery" : nil
    }

    /// Patroni's form: parameter to its present and its wanted value.
    private var pendingRestartReason: JSONObject {
        state.pendingRestarts.reduce(into: JSONObject()) { reasons, setting in
            reasons[setting.name] = ["old_value": .string(setting.oldValue), "new_value": .string(setting.newValue)]
        }
    }

    private var memberState: MemberState {
        if case .running(let operation, _) = state.operation {
            switch operation {
            case .start: return .starting
            case .stop, .demote: return .stopping
            case .clone, .reinitialise: return .creatingReplica
            case .restart: return .restarting
            case .bootstrap: return .initializing
            case .promote, .rewind: break
            }
        }
        switch state.server.process {
        case .running: return .running
        case .starting: return .starting
        case .stopping: return .stopping
        case .unresponsive: return .running
        case .stopped: return state.server.crashedAt == nil ? .stopped : .crashed
        }
    }

    var memberRole: MemberRole {
        switch state.server.process {
        case .running(let server):
            guard server.isInRecovery else { return .primary }
            return dynamic.standbyCluster?.isEffective == true && state.holdsLock(as: me) ? .standbyLeader : .replica
        default:
            switch state.server.storage {
            case .empty, .unreadable: return .uninitialized
            case .present(let directory):
                return directory.hasStandbySignal || !state.holdsLock(as: me) ? .replica : .primary
            }
        }
    }

    private func snapshot(_ details: ServerDetails) -> APISnapshot {
        var snapshot = APISnapshot(
            scope: configuration.scope, name: me, version: AgentVersion.patroni, state: memberState, role: memberRole)
        snapshot.isStandbyCluster = dynamic.standbyCluster?.isEffective == true
        if state.memory.leads || (memberRole == .standbyLeader && state.holdsLock(as: me)) {
            snapshot.leaderUntil = leadDeadline
        }
        snapshot.isFailsafeActive = state.failsafe.leadUntil.map { $0 > clock.now && !state.holdsLock(as: me) } ?? false
        if case .running(let server) = state.server.process {
            snapshot.isRunningPrimary = !server.isInRecovery
            snapshot.timeline = server.timeline
            if server.isInRecovery {
                snapshot.receivedLocation = server.receivedLSN ?? server.lsn
                snapshot.replayedLocation = server.replayedLSN
                snapshot.replayedTimestamp = details.replayedTimestamp
                snapshot.isReplayPaused = server.isReplayPaused
                snapshot.replicationState = replicationState(server, details)
                snapshot.upstream = server.upstream?.name
            } else {
                snapshot.location = server.lsn
            }
            snapshot.serverVersion = details.version
            snapshot.postmasterStartTime = details.startTime
            snapshot.replication = details.replication
        }
        if case .present(let directory) = state.server.storage {
            snapshot.systemIdentifier = directory.systemIdentifier
        }
        snapshot.tags = configuration.memberTags.published
        snapshot.pendingRestartReason = pendingRestartReason
        snapshot.scheduledRestart = state.scheduledRestart
        if configuration.watchdog.mode == .required { snapshot.isWatchdogFailed = !state.watchdog.isUsable }
        snapshot.isFailsafeEnabled = dynamic.failsafeMode
        if case .running = state.server.process { snapshot.isServerStatusKnown = details.version != nil }
        snapshot.cluster = state.view
        if case .connected(_, let confirmed) = state.store {
            snapshot.clusterConfirmed = confirmed
            snapshot.storeLastSeen = WallClock.seconds()
        }
        snapshot.isPaused = dynamic.pause
        snapshot.maximumLagOnFailover = dynamic.maximumLagOnFailover
        snapshot.ttl = dynamic.ttl
        snapshot.lastCycle = clock.now
        snapshot.decision = state.decision.map { "\($0.rule): \($0.reason)" } ?? ""
        return snapshot
    }
}

/// Versions this agent reports.
public enum AgentVersion {
    /// Ours.
    public static let own = "0.1.0"
    /// The Patroni whose wire format is spoken; readers compare it (below 2.1 they expect other keys).
    public static let patroni = "4.1.5"
}
