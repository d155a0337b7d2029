import API
import Cluster
import Configuration
import HACore
import PostgresModel
import Server
import Timekeeping

/// The observe of "observe, decide, act": everything a decision may know, put together from the parts.
extension Agent {
    func observe() async {
        let wasBusy = state.isBusy
        await look()
        // What was seen while an operation ended may be of before its end, and must not be taken for its result.
        if wasBusy, !state.isBusy { await look() }
    }

    private func look() async {
        var server = await parts.server.observe()
        if case .running(let running) = server.process { server.process = await probed(completed(running)) }
        state.server = server
        state.guardian = await guardObservation()
        state.watchdog = await parts.watchdog.observation(ttl: dynamic.ttl)
        askFailsafeIfNeeded()
        compareLogs()
    }

    func observation() -> Observation {
        defer { if case .finished = state.operation { state.operation = .idle } }
        state.settings = coreSettings()
        return Observation(
            now: clock.now, me: me, settings: state.settings, server: state.server, store: state.store,
            lease: state.lease, peers: state.peers, operation: state.operation, guardian: state.guardian,
            watchdog: state.watchdog, failsafe: .init(
                leadUntil: state.failsafe.leadUntil,
                accepted: state.failsafe.accepted.map { .init(leader: $0.leader, until: $0.until) }),
            wallClock: WallInstant(microseconds: WallClock.microseconds()),
            requests: LocalRequests(
                restart: state.restartNow ?? state.scheduledRestart.map(Cluster.RestartRequest.init),
                reinitialise: state.reinitialise),
            claim: state.claimedInitialize, comparison: state.comparison)
    }

    func coreSettings() -> CoreSettings {
        let tags = configuration.memberTags
        let options = configuration.postgresOptions(with: dynamic)
        var settings = CoreSettings(
            ttl: dynamic.ttl, loopWait: dynamic.loopWait, retryTimeout: dynamic.retryTimeout,
            maximumLagOnFailover: dynamic.maximumLagOnFailover, primaryStartTimeout: dynamic.primaryStartTimeout,
            isPaused: dynamic.pause, failsafeMode: dynamic.failsafeMode, checkTimeline: dynamic.checkTimeline,
            usePgRewind: options.usePgRewind ?? true, mayLead: !tags.nofailover,
            failoverPriority: tags.failoverPriority,
            synchronousMode: dynamic.synchronousMode,
            isSynchronousModeStrict: dynamic.synchronousModeStrict,
            synchronousNodeCount: dynamic.synchronousNodeCount, maximumLagOnSyncnode: dynamic.maximumLagOnSyncnode,
            primaryStopTimeout: dynamic.primaryStopTimeout,
            watchdogMode: WatchdogMode(rawValue: configuration.watchdog.mode.rawValue) ?? .off,
            standbyCluster: dynamic.standbyCluster.flatMap(Upstream.init(remote:)),
            mayBootstrap: configuration.bootstrap.isPresent, replicateFrom: tags.replicatefrom, noStream: tags.nostream)
        settings.restoresWithoutLeader = options.createReplicaMethods?.contains { $0.script?.noLeader == true } ?? false
        return settings
    }

    /// What the server itself does not tell, or only when somebody needs it.
    private func completed(_ seen: ServerObservation.Running) async -> ServerObservation.Running {
        var running = seen
        running.isRestartPending = !state.pendingRestarts.isEmpty
        running.postmasterStartTime = state.details.startTime
        running.version = state.details.version
        let isSynchronous = dynamic.synchronousMode != .off || state.view?.sync != nil
        // A request is judged by what each standby has received just now.
        guard isSynchronous || state.view?.failover != nil, !seen.isInRecovery,
            let replication = try? await parts.server.replication(by: clock.now + .seconds(1))
        else { return running }
        if isSynchronous {
            running.synchronousStandbys = SynchronousStandbyNames(replication.synchronousStandbyNames)
        }
        running.connections = replication.standbys.compactMap { standby in
            guard let sync = ReplicationConnection.SyncState(rawValue: standby.syncState) else { return nil }
            return ReplicationConnection(
                name: standby.name, state: standby.state, syncState: sync,
                acknowledged: replication.acknowledged(standby))
        }
        return running
    }

    /// With what the probe knows: a connection that is kept goes on working behind a postmaster that takes no new
    /// ones, and answers questions while the disk takes no writes.
    private func probed(_ seen: ServerObservation.Running) async -> ServerObservation.Process {
        let report = await parts.server.probe.report
        guard let since = report.failsSince else { return .running(seen) }
        switch report.outcome {
        case .hangs(.writing), .refused:
            var running = seen
            running.writesHangSince = since
            return .running(running)
        case .hangs, .unknown, .writes, .replays, .busy, .absent: return .unresponsive(since: since)
        }
    }
}

extension Upstream {
    /// What a standby cluster follows: a server, or only an archive. Nil: it is none.
    init?(remote: StandbyCluster) {
        guard remote.isEffective else { return nil }
        // As Patroni: a port alone is one of this host.
        guard let host = remote.host ?? remote.port.map({ _ in "localhost" }) else {
            self = .archive
            return
        }
        self.init(
            name: "the remote primary", host: host, port: remote.port ?? 5432,
            slot: remote.primarySlotName.map(Slot.named) ?? .none)
    }
}
