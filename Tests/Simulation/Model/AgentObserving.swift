import Cluster
import HACore
import PostgresModel
import Timekeeping

/// `LocalServer.observe`, the guard's state, and what the agent tells others.
extension ModelAgent {
    func observeServer(_ then: @escaping () -> Void) {
        let takes: Span = postgres.process != .stopped && !postgres.answers ? .s(2) : .ms(1)
        after(takes) { [weak self] in
            guard let self else { return }
            server = observedNow
            then()
        }
    }

    var observedNow: ServerObservation {
        ServerObservation(storage: storage, process: processNow(), crashedAt: crashedAt)
    }

    private var storage: ServerObservation.Storage {
        guard postgres.hasData else { return .empty }
        return .present(.init(
            systemIdentifier: World.identifier, timeline: Timeline(postgres.controlTimeline),
            clusterState: postgres.clusterState, checkpoint: LSN(rawValue: postgres.checkpointAt),
            canRewind: options.canRewind, hasStandbySignal: postgres.standbySignal,
            newestTimeline: origin, isHalfRewound: postgres.isBroken))
    }

    /// From the newest history file in pg_wal.
    private var origin: ServerObservation.TimelineOrigin? {
        let branch = postgres.log.branch
        guard branch.parent != nil else { return nil }
        return .init(timeline: Timeline(branch.number), start: LSN(rawValue: branch.start))
    }

    private func processNow() -> ServerObservation.Process {
        switch postgres.process {
        case .stopped: return .stopped
        case .stopping:
            stoppingSince = stoppingSince ?? host.clock
            return .stopping(since: stoppingSince ?? host.clock)
        case .starting:
            startingSince = startingSince ?? host.clock
            return .starting(since: startingSince ?? host.clock)
        case .running:
            if isStopping {
                stoppingSince = stoppingSince ?? host.clock
                return .stopping(since: stoppingSince ?? host.clock)
            }
            if !postgres.answers {
                unresponsiveSince = unresponsiveSince ?? host.clock
                return .unresponsive(since: unresponsiveSince ?? host.clock)
            }
            startingSince = nil
            unresponsiveSince = nil
            crashedAt = nil
            return .running(running)
        }
    }

    private var running: ServerObservation.Running {
        let log = postgres.log
        guard postgres.isRecovery else {
            return .init(isInRecovery: false, timeline: Timeline(log.branch.number), lsn: LSN(rawValue: log.position),
                connections: postgres.replicationConnections, synchronousStandbys: postgres.sync.names,
                writesHangSince: writesHangSince, postmasterStartTime: "\(postgres.pid)")
        }
        return .init(
            isInRecovery: true, timeline: Timeline(log.branch.number), lsn: LSN(rawValue: log.position),
            receivedLSN: LSN(rawValue: log.position), replayedLSN: LSN(rawValue: postgres.replayed),
            isStreaming: postgres.isStreaming, upstream: postgres.upstream.map(upstream),
            isReplayPaused: postgres.isReplayPaused, synchronousStandbys: postgres.sync.names,
            postmasterStartTime: "\(postgres.pid)")
    }

    func observeGuard() {
        guard let model = host.guardian, model.isAlive else {
            guardian = .absent
            return
        }
        model.handle(.status(from: number))
        switch model.state {
        case .disarmed, .fencing: guardian = .disarmed
        case .armed(_, let deadline): guardian = .armed(deadline: deadline)
        }
    }

    // MARK: Reporting

    func report(_ then: @escaping () -> Void) {
        after(.ms(1)) { [weak self] in
            guard let self else { return }
            publishSnapshot()
            defer { then() }
            guard case .connected = lastStore else { return }
            if case .held(let id, _) = lastLease {
                let member = member
                post(.member) { [weak self] in self?.store.touchMember(member, lease: id, $0) }
            }
            guard holdsLock, case .running(let server) = server.process, !server.isInRecovery else { return }
            post(.status) { [weak self] in self?.store.writeStatus(server.lsn, $0) }
            postFailsafe()
            postHistory()
        }
    }

    private func postFailsafe() {
        guard options.failsafe, let view, !failsafe.reliesOnList(at: host.clock) else { return }
        let members = Dictionary(uniqueKeysWithValues: view.members.map { ($0.name, $0.apiURL ?? "") })
        guard members != view.failsafe else { return }
        failsafe.sent.formUnion(members.keys)
        failsafe.posted = members
        post(.failsafe) { [weak self] then in
            self?.store.writeFailsafe(members) { [weak self] in
                if let self, store.shows(failsafe: members), failsafe.posted == members { failsafe.sent = [] }
                then()
            }
        }
    }

    private var member: Member {
        let address = upstream(host.index)
        var member = Member(
            name: me, connURL: "postgres://\(address.host):\(address.port)/postgres",
            apiURL: "http://\(address.host):8008/patroni", state: memberState, role: memberRole)
        if memory.leavesSync != nil { member.tags["nosync"] = .bool(true) }
        if options.nofailover[host.index] { member.tags["nofailover"] = .bool(true) }
        if memberRole == .primary, checkpointPending { member.checkpointAfterPromote = false }
        if case .running(let server) = server.process {
            member.xlogLocation = server.lsn
            member.timeline = server.timeline
        }
        return member
    }

    private var memberState: MemberState {
        if case .running(let operation, _) = operation {
            switch operation {
            case .start: return .starting
            case .stop, .demote: return .stopping
            case .clone, .reinitialise: return .creatingReplica
            case .restart: return .restarting
            case .bootstrap: return .initializing
            case .promote, .rewind: break
            }
        }
        switch server.process {
        case .running, .unresponsive: return .running
        case .starting: return .starting
        case .stopping: return .stopping
        case .stopped: return crashedAt == nil ? .stopped : .crashed
        }
    }

    private var memberRole: MemberRole {
        if case .running(let server) = server.process { return server.isInRecovery ? .replica : .primary }
        guard case .present(let directory) = server.storage else { return .uninitialized }
        return directory.hasStandbySignal || !holdsLock ? .replica : .primary
    }

    private func publishSnapshot() {
        var answer: PeerReport.Answer?
        if case .running(let server) = server.process {
            answer = .init(
                isPrimary: !server.isInRecovery, lsn: server.lsn, timeline: server.timeline,
                mayLead: settings.mayLead, failoverPriority: settings.failoverPriority,
                upstream: server.isInRecovery ? server.upstream?.name : nil)
        }
        snapshot = Snapshot(answer: answer)
    }
}

/// The agent's `APISnapshot`, as far as other members read it.
struct Snapshot {
    var answer: PeerReport.Answer?
}
