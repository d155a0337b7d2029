import Cluster
import HACore
import JSON
import PostgresModel
import Timekeeping

/// SplitMix64: small, and the same everywhere.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
    mutating func pick<T>(_ items: [T]) -> T { items[Int.random(in: 0..<items.count, using: &self)] }
}

extension Observation {
    /// Any observation, the odd ones included.
    static func random(_ r: inout Seeded) -> Observation {
        let now = BootInstant.at(100)
        var settings = CoreSettings()
        settings.isPaused = r.chance(10)
        settings.mayLead = !r.chance(10)
        settings.usePgRewind = !r.chance(20)
        settings.checkTimeline = !r.chance(20)
        settings.randomise(&r)
        var observation = Observation(
            now: now, me: "h1", settings: settings,
            server: ServerObservation(storage: .random(&r), process: .random(&r, now: now)),
            store: .random(&r, now: now), lease: .random(&r, now: now), peers: .random(&r, now: now),
            operation: .random(&r, now: now), guardian: .random(&r, now: now))
        if r.chance(20) { observation.server.crashedAt = now - .seconds(r.pick([0, 5, 400])) }
        observation.watchdog = r.pick([.absent, .ready, .active, .failed("denied")])
        if r.chance(70) { observation.wallClock = WallInstant(iso8601: "2026-11-22T23:00:0\(r.pick([0, 2, 9]))Z") }
        if r.chance(10) { observation.failsafe.leadUntil = now + .seconds(r.pick([-1, 4])) }
        if r.chance(10) { observation.failsafe.accepted = .init(leader: r.pick(["h1", "h2"]), until: now + .seconds(r.pick([-1, 4]))) }
        observation.requests = .random(&r)
        if r.chance(20) { observation.claim = r.pick([2, 6]) }
        if settings.standbyCluster != nil || r.chance(5) {
            observation.comparison = r.pick([nil, "remote", "h2"]).map { source in
                LogComparison(source: source, finding: r.pick([
                    .shared, .diverged("a", since: now - .seconds(1), isSameNumber: false),
                    .diverged("b", since: now - .seconds(60), isSameNumber: r.chance(50)),
                ]))
            }
        }
        return observation
    }
}

extension CoreSettings {
    fileprivate mutating func randomise(_ r: inout Seeded) {
        synchronousMode = r.pick([.off, .off, .on, .quorum])
        isSynchronousModeStrict = r.chance(30)
        synchronousNodeCount = r.pick([1, 1, 2])
        maximumLagOnSyncnode = r.pick([nil, nil, ByteCount(100)])
        primaryStopTimeout = r.pick([.zero, .seconds(1)])
        watchdogMode = r.pick([.off, .off, .off, .automatic, .required])
        if r.chance(10) { standbyCluster = Upstream(name: "remote", host: "10.9.9.9", port: 5432, slot: .none) }
        mayBootstrap = r.chance(30)
        restoresWithoutLeader = mayBootstrap
        replicateFrom = r.chance(15) ? r.pick(["h1", "h2", "h3", "h9"]) : nil
        noStream = r.chance(5)
    }
}

extension LocalRequests {
    static func random(_ r: inout Seeded) -> LocalRequests {
        var requests = LocalRequests()
        if r.chance(10) {
            requests.restart = RestartRequest(
                schedule: r.pick([nil, nil, "2026-11-22T23:00:00+00:00", "soon"]), role: r.pick([nil, nil, .primary, .replica]),
                timeout: r.pick([nil, .seconds(1)]), onlyIfPending: r.chance(10))
        }
        if r.chance(10) { requests.reinitialise = ReinitialiseRequest(isForced: r.chance(50), fromLeader: r.chance(50)) }
        return requests
    }
}

extension ReplicationConnection {
    static func random(_ r: inout Seeded) -> [ReplicationConnection] {
        ["h2", "H3", "h4", "psql"].filter { _ in r.chance(50) }.map { name in
            ReplicationConnection(
                name: name, state: r.pick(["streaming", "streaming", "catchup"]), syncState: r.pick(SyncState.allCases),
                acknowledged: r.chance(90) ? .random(&r) : nil)
        }
    }
}

extension SynchronousStandbyNames {
    static func random(_ r: inout Seeded) -> SynchronousStandbyNames? {
        r.pick([nil, SynchronousStandbyNames.none, .all(["h2"]), .all(["h2", "h3"]), .init(.any, count: 1, names: ["h2", "h3"]),
            .init(.first, count: 1, names: ["*"]), .all([placeholderName])])
    }
}

extension LSN {
    static func random(_ r: inout Seeded) -> LSN { LSN(rawValue: r.pick([0, 0x400_0000, 0x500_0000, 0x500_0100, 0x2_0000_0000])) }
}

extension Upstream {
    static func random(_ r: inout Seeded) -> Upstream {
        let number = r.pick([2, 3])
        return Upstream(name: "h\(number)", host: "10.0.0.\(number)", port: 5432)
    }
}

extension ServerObservation.Storage {
    static func random(_ r: inout Seeded) -> Self {
        if r.chance(8) { return .empty }
        if r.chance(5) { return .unreadable("permission denied") }
        return .present(.init(
            systemIdentifier: SystemIdentifier(rawValue: r.chance(90) ? 7_700_000_000_000_000_001 : 7),
            timeline: Timeline(r.pick([1, 2, 3])), clusterState: r.pick(["in production", "shut down", "in archive recovery"]),
            checkpoint: .random(&r), canRewind: r.chance(60), hasStandbySignal: r.chance(50),
            newestTimeline: r.chance(40) ? .init(timeline: Timeline(r.pick([2, 3])), start: .random(&r)) : nil,
            isHalfRewound: r.chance(3)))
    }
}

extension ServerObservation.Process {
    static func random(_ r: inout Seeded, now: BootInstant) -> Self {
        let since = now - .seconds(r.pick([0, 3, 30, 600]))
        switch Int.random(in: 0..<10, using: &r) {
        case 0, 1: return .stopped
        case 2: return .starting(since: since)
        case 3: return .stopping(since: since)
        case 4: return .unresponsive(since: since)
        default:
            return .running(.init(
                isInRecovery: r.chance(55), timeline: r.chance(80) ? Timeline(r.pick([1, 2, 3])) : nil, lsn: .random(&r),
                isStreaming: r.chance(50), upstream: r.chance(70) ? .random(&r) : nil, isReplayPaused: r.chance(10),
                applyDelay: r.chance(5) ? .seconds(60) : .zero, connections: ReplicationConnection.random(&r),
                synchronousStandbys: SynchronousStandbyNames.random(&r),
                writesHangSince: r.chance(10) ? since : nil, isRestartPending: r.chance(10),
                postmasterStartTime: r.pick([nil, "A"]), version: r.pick([nil, ServerVersion(150_004)])))
        }
    }
}

extension StoreObservation {
    static func random(_ r: inout Seeded, now: BootInstant) -> Self {
        if r.chance(8) { return .unknown }
        let view = ClusterView.random(&r)
        if r.chance(4) { return .regressed(last: view, why: "revision 3 after 9") }
        if r.chance(15) { return .unreachable(since: now - .seconds(r.pick([0, 5])), last: r.chance(80) ? view : nil) }
        return .connected(view, confirmed: now)
    }
}

extension ClusterView {
    static func random(_ r: inout Seeded) -> ClusterView {
        var view = ClusterView(revision: 9)
        view.initialize = r.pick(["7700000000000000001", "7700000000000000001", "7700000000000000001", "", "x", nil])
        view.initializeRevision = r.pick([0, 2, 6])
        if r.chance(90) { view.config = ConfigKey(modRevision: r.pick([0, 4]), value: .object([:])) }
        if r.chance(50) {
            view.sync = SyncKey(
                modRevision: r.pick([0, 7]), leader: r.pick(["h1", "h1", "H1", "h2", nil]), quorum: r.pick([0, 0, 1]),
                standbys: ["h1", "h2", "h3"].filter { _ in r.chance(50) })
        }
        if r.chance(65) {
            view.leader = LeaderKey(
                name: r.pick(["h1", "h1", "h2", "h3", ""]), lease: r.pick([1, 1, 1, 2, 0]), createRevision: r.pick([3, 5]))
        }
        for name in ["h1", "h2", "h3"] where r.chance(70) {
            view.members.append(Member(
                name: name, connURL: r.chance(85) ? "postgres://10.0.0.\(name.dropFirst()):5432/postgres" : nil,
                apiURL: r.chance(85) ? "http://10.0.0.\(name.dropFirst()):8008/patroni" : nil,
                state: r.pick([.running, .running, .stopped, nil]), role: r.pick(MemberRole.allCases + [.primary, nil]),
                checkpointAfterPromote: r.pick([nil, nil, false]), tags: r.chance(20) ? .randomTags(&r) : [:],
                xlogLocation: r.chance(80) ? .random(&r) : nil, timeline: Timeline(r.pick([1, 2, 3]))))
        }
        if r.chance(30) {
            view.failover = FailoverKey(
                modRevision: 4, leader: r.pick([nil, "h1", "h2"]), candidate: r.pick([nil, "h1", "h2", "h9"]),
                scheduledAt: r.pick([nil, nil, nil, "2026-11-22T23:00:00+00:00"]))
        }
        if r.chance(60) { view.status.optime = .random(&r) }
        if r.chance(50) {
            view.history = (1...r.pick([1, 2])).map {
                HistoryEntry(timeline: Timeline(UInt32($0)), lsn: .random(&r), reason: "no recovery target specified")
            }
        }
        return view
    }
}

extension JSONObject {
    static func randomTags(_ r: inout Seeded) -> JSONObject {
        [r.pick(["nosync", "nofailover", "clonefrom", "nostream"]): .bool(r.chance(80)),
            "replicatefrom": r.pick([.string("h1"), .string("h2"), .null]), "sync_priority": .int(r.pick([0, 1, 5]))]
    }
}

extension LeaseObservation {
    static func random(_ r: inout Seeded, now: BootInstant) -> Self {
        r.chance(15) ? .none : .held(id: r.pick([1, 1, 1, 2]), deadline: now + .seconds(r.pick([-30, 0, 1, 3, 9, 11])))
    }
}

extension PeerObservation {
    static func random(_ r: inout Seeded, now: BootInstant) -> Self {
        var peers = PeerObservation()
        if r.chance(20) { return peers }
        peers.askedAt = now - .seconds(r.pick([0, 1, 2, 60]))
        peers.isComplete = r.chance(60)
        for name in ["h2", "h3"] where r.chance(80) {
            let answer = PeerReport.Answer(
                isPrimary: r.chance(10), lsn: .random(&r), timeline: r.chance(80) ? Timeline(r.pick([1, 2])) : nil,
                mayLead: r.chance(85), failoverPriority: r.pick([1, 1, 5]), isWatchdogFailed: r.chance(5),
                isReplayPaused: r.chance(5))
            peers.reports.append(PeerReport(name: name, answer: r.chance(80) ? answer : nil))
        }
        return peers
    }
}

extension OperationObservation {
    static func random(_ r: inout Seeded, now: BootInstant) -> Self {
        if r.chance(65) { return .idle }
        let operation = r.pick([
            Operation.start(.primary), .start(.standby(nil)), .start(.standby(.random(&r))), .stop(.fast), .stop(.immediate),
            .promote, .demote(.immediate), .demote(.offline), .demote(.switchover(candidate: "h2")),
            .rewind(from: .random(&r)), .clone(from: .random(&r)), .demote(.standbyCluster), .reinitialise(from: .random(&r)),
            .restart(.asked(timeout: .seconds(1))), .restart(.scheduled(timeout: nil)), .bootstrap,
        ])
        if r.chance(60) { return .running(operation, since: now - .seconds(2)) }
        return .finished(operation, r.chance(50) ? .done : .failed("exit 1"))
    }
}

extension OperationObservation {
    fileprivate var isBootstrap: Bool { if case .running(.bootstrap, _) = self { true } else { false } }
}

extension GuardObservation {
    static func random(_ r: inout Seeded, now: BootInstant) -> Self {
        r.pick([.absent, .disarmed, .armed(deadline: now + .seconds(r.pick([-5, 2, 9])))])
    }
}

extension Memory {
    static func random(_ r: inout Seeded, for observation: Observation) -> Memory {
        var memory = Memory.random(&r, now: observation.now)
        // A new cluster is claimed and begun where nobody has led, by a member that held no lock: there is none that it
        // could have given back.
        if observation.claim != nil || observation.operation.isBootstrap { memory.releasedLock = nil }
        return memory
    }

    private static func random(_ r: inout Seeded, now: BootInstant) -> Memory {
        var memory = Memory()
        if r.chance(50) { return memory }
        memory.lastLeader = r.pick(["h1", "h2", nil])
        memory.lastOptime = r.chance(50) ? .random(&r) : nil
        memory.leaderlessSince = r.chance(40) ? now - .seconds(r.pick([0, 2, 5, 20])) : nil
        memory.leads = r.chance(40)
        memory.leaderDownSince = r.chance(20) ? now - .seconds(r.pick([0, 5, 400])) : nil
        memory.givesUp = r.chance(10)
        memory.abstainUntil = r.chance(10) ? now + .seconds(r.pick([-1, 5])) : nil
        memory.releasedLock = r.chance(15) ? r.pick([3, 5]) : nil
        for kind in OperationKind.allCases where r.chance(15) {
            memory.failures[kind] = .init(count: r.pick([1, 2, 9, 1000]), at: now - .seconds(r.pick([0, 1, 70])), message: "exit 1")
        }
        memory.leavesSync = r.chance(20)
            ? LeavingSync(
                since: now - .seconds(r.pick([0, 5, 60])), isOutSince: r.chance(30) ? now - .seconds(r.pick([0, 2])) : nil) : nil
        memory.unexplainedSince = r.chance(20) ? now - .seconds(r.pick([0, 5, 60])) : nil
        if memory.leaderlessSince != nil { memory.leaderlessRevision = r.pick([3, 5]) }
        memory.leadLease = memory.leads ? r.pick([nil, 1, 2]) : nil
        memory.leadsUntil = memory.leadLease.map { _ in now + .seconds(r.pick([-3, 2, 9])) }
        memory.guardedUntil = r.chance(20) ? now + .seconds(r.pick([-3, 2, 9])) : nil
        memory.syncKey = r.chance(50) ? SyncKeyMemory(revision: r.pick([0, 3, 4]), isSettled: r.chance(70)) : nil
        memory.begunRequest = r.chance(15) ? 4 : nil
        memory.handedOver = r.chance(10)
        memory.crashes = (0..<r.pick([0, 0, 3])).map { now - .seconds(Double($0) * 30) }
        if r.chance(40), let names = SynchronousStandbyNames.random(&r) {
            memory.syncNames = SyncNamesMemory(
                names: names, since: now - .seconds(r.pick([0, 2])), target: r.chance(50) ? .random(&r) : nil,
                isConfirmed: r.chance(60))
        }
        return memory
    }
}
