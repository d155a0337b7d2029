import Cluster
import FoundationEssentials
import HACore
import Testing
import Timekeeping

/// What must hold for any observation and any memory, likely or not.
@Suite struct DecisionPropertyTests {
    struct Sample: Sendable {
        var seed: UInt64
        var observation: Observation
        var memory: Memory
        var decision: Decision
    }

    /// `HACORE_SAMPLES=1000000` looks at more of them than each run needs.
    static let count = ProcessInfo.processInfo.environment["HACORE_SAMPLES"].flatMap(UInt64.init) ?? 20_000

    /// The same for all tests: making them takes longer than looking at them.
    static let samples: [Sample] = (UInt64(0)..<count).map { seed in
        var r = Seeded(state: seed)
        let observation = Observation.random(&r)
        let memory = Memory.random(&r, for: observation)
        return Sample(
            seed: seed, observation: observation, memory: memory, decision: decide(observation, memory: memory))
    }

    /// The first observation for which `holds` is false, with its seed.
    static func check(_ holds: (Observation, Memory, Decision) -> Bool) {
        guard let bad = samples.first(where: { !holds($0.observation, $0.memory, $0.decision) }) else { return }
        let decision = bad.decision
        Issue.record("seed \(bad.seed): \(decision.rule): \(decision.reason) \(decision.actions)\n\(bad.observation)\n\(bad.memory)")
    }

    @Test func `Some rule applies to every observation`() {
        Self.check { _, _, decision in decision.rule.number > 0 && !decision.reason.isEmpty }
    }

    @Test func `The same observation gives the same decision`() {
        Self.check { observation, memory, decision in decide(observation, memory: memory) == decision }
    }

    @Test func `Nobody promotes without the lock under a lease that surely lasts`() {
        Self.check { observation, _, decision in
            guard decision.operation == .promote else { return true }
            return observation.holdsLock && observation.identityMatches && observation.settings.standbyCluster == nil
                && (!observation.settings.isPaused || observation.request?.candidate == "h1")
        }
    }

    @Test func `Nobody takes the lock but a primary or an allowed standby of this cluster`() {
        Self.check { observation, _, decision in
            guard decision.actions.contains(.acquireLock) else { return true }
            guard case .connected(let view, _) = observation.store, view.leader == nil, observation.leaseLasts,
                observation.identityMatches || (view.initialize == "" && observation.claim == view.initializeRevision),
                case .running(let running) = observation.server.process
            else { return false }
            if !running.isInRecovery || view.initialize == "" { return true }
            return observation.settings.mayLead && !running.isReplayPaused && running.applyDelay == .zero
                && (!observation.settings.isPaused || observation.request?.candidate == "h1")
        }
    }

    @Test func `In synchronous mode nobody takes the lock who could lack a commit, but for a failover by name`() {
        Self.check { observation, _, decision in
            guard decision.actions.contains(.acquireLock), let sync = observation.sync, !observation.settings.isPaused,
                !decision.rule.name.hasPrefix("bootstrap.")
            else { return true }
            if let request = observation.request, request.candidate == "h1", request.leader == nil,
                request.modRevision > decision.memory.leaderlessRevision ?? .max
            {
                return true
            }
            let isListed = sync.standbys.contains("h1")
            if sync.leader?.lowercased() == "h1" { return true }
            if observation.settings.synchronousMode == .on { return isListed }
            guard case .running(let running) = observation.server.process, running.isInRecovery else { return true }
            let votes = observation.peers.reports.filter { report in
                report.name != "h1" && sync.standbys.contains(report.name)
                    && report.answer.map { $0.lsn > .zero && !$0.isPrimary } ?? false
            }.count
            return votes >= sync.quorum + (isListed ? 0 : 1)
        }
    }

    @Test func `Nobody is promoted while sync names another leader`() {
        Self.check { observation, _, decision in
            guard decision.operation == .promote, let sync = observation.sync else { return true }
            return sync.leader?.lowercased() == "h1"
        }
    }

    @Test func `sync is written by the holder of the lock only, on what it has seen, and adds only who is confirmed`() {
        Self.check { observation, _, decision in
            for action in decision.actions {
                if case .removeSync(let revision) = action {
                    guard observation.holdsLock, observation.view?.sync?.modRevision == revision else { return false }
                }
                guard case .writeSync("h1", let standbys, let quorum, let revision) = action else { continue }
                let old = observation.view?.sync
                guard observation.holdsLock, old?.modRevision ?? 0 == revision, quorum < max(1, standbys.count)
                else { return false }
                guard case .running(let primary) = observation.server.process, !primary.isInRecovery else { continue }
                let added = Set(standbys).subtracting(old?.standbys ?? [])
                let isOurs = old?.leader?.lowercased() == "h1"
                let names = decision.memory.syncNames
                let isConfirmed = names?.isConfirmed ?? false && names?.names == primary.synchronousStandbys
                // Quorum may grow without a proof as long as whoever wins has asked as many of the old ones.
                let isStricter = isOurs && !(old?.standbys.isEmpty ?? true)
                    && quorum - added.count >= old?.quorum ?? 0
                if !added.isEmpty, !isConfirmed, !isStricter { return false }
            }
            return true
        }
    }

    @Test func `The names a primary is given protect the key that stands`() {
        Self.check { observation, _, decision in
            for case .setSynchronousStandbys(let value?) in decision.actions {
                guard case .running(let primary) = observation.server.process, !primary.isInRecovery else { continue }
                guard let sync = observation.sync, sync.leader?.lowercased() == "h1" else { return false }
                let voters = Set(sync.standbys.map { $0.lowercased() })
                let names = Set(value.names.map { $0.lowercased() })
                if !voters.isEmpty, voters.union(names).count > value.count + sync.quorum { return false }
                if observation.settings.isSynchronousModeStrict, value.isNone { return false }
            }
            return true
        }
    }

    @Test func `A lock that is held is given back only by a server that cannot be writable`() {
        Self.check { observation, _, decision in
            guard decision.rule.number != 40, observation.holdsLock,
                decision.actions.contains(where: { if case .releaseLock = $0 { true } else { false } })
            else { return true }
            switch observation.server.process {
            case .stopped: return true
            case .running(let running): return running.isInRecovery
            case .starting, .stopping, .unresponsive: return false
            }
        }
    }

    @Test func `A store that went back in time promotes, demotes and follows nobody before the deadline is near`() {
        Self.check { observation, _, decision in
            guard case .regressed = observation.store else { return true }
            switch decision.operation {
            case nil: break
            case .demote: return ["safety.deadline-passed", "safety.lease-lost", "store.lost-near-deadline"].contains(decision.rule.name)
            default: return false
            }
            return decision.actions.allSatisfy { action in
                switch action {
                case .begin, .cancelOperation, .armGuard, .disarmGuard: true
                default: false
                }
            }
        }
    }

    @Test func `No operation begins while one runs, and never two at once`() {
        Self.check { observation, _, decision in
            let begun = decision.actions.filter { if case .begin = $0 { true } else { false } }.count
            if case .running = observation.operation { return begun == 0 }
            return begun <= 1
        }
    }

    @Test func `A primary whose lease deadline has passed is always demoted`() {
        Self.check { observation, _, decision in
            guard case .running(let running) = observation.server.process, !running.isInRecovery,
                !observation.settings.isPaused, observation.lockIsUnderMyLease, !observation.leaseLasts,
                observation.failsafe.leadUntil.map({ $0 <= observation.now }) ?? true
            else { return true }
            switch observation.operation {
            case .running(.demote(.immediate), _), .running(.stop(.immediate), _): return decision.actions.isEmpty
            case .running: return decision.actions == [.cancelOperation]
            case .idle, .finished: return decision.actions.contains(.begin(.demote(.immediate)))
            }
        }
    }

    @Test func `In pause mode nothing is started, stopped, promoted or copied but what a person asks for by name`() {
        Self.check { observation, memory, decision in
            guard observation.settings.isPaused, let operation = decision.operation else { return true }
            switch operation {
            case .restart(.asked): return observation.requests.restart?.schedule == nil
            case .reinitialise: return observation.requests.reinitialise != nil
            case .restart(.scheduled), .bootstrap: return false
            default: return observation.request?.candidate != nil || memory.handedOver
            }
        }
    }

    @Test func `A server of another system identifier is never touched`() {
        Self.check { observation, _, decision in
            guard case .connected(let view, _) = observation.store, view.initialize == "7700000000000000001",
                case .present(let data) = observation.server.storage, data.systemIdentifier.rawValue == 7,
                !decision.rule.name.hasPrefix("safety.")
            else { return true }
            return decision.operation == nil && !decision.actions.contains(.acquireLock)
        }
    }

    @Test func `Data is copied over only when it is empty or diverged, and another leads`() {
        Self.check { observation, _, decision in
            if ["bootstrap.begin-standby", "leaderless.restore"].contains(decision.rule.name) {
                return observation.server.storage == .empty
            }
            switch decision.operation {
            case .clone, .rewind, .reinitialise:
                guard case .connected(let view, _) = observation.store, let leader = view.leader else { return false }
                if case .unreadable = observation.server.storage { return decision.operation?.kind == .reinitialise }
                return leader.name != "h1" || observation.isFarFromItsRemote
            default: return true
            }
        }
    }

    @Test func `The upstream changes only towards a known leader`() {
        Self.check { observation, _, decision in
            for case .follow(let upstream) in decision.actions {
                guard case .connected(let view, _) = observation.store, let leader = view.leader?.name,
                    leader == upstream.name || upstream == observation.settings.standbyCluster
                        || (upstream.name == observation.settings.replicateFrom && leader != "h1")
                else { return false }
            }
            return true
        }
    }

    @Test func `The guard is armed at our lease's or the last guard's deadline only, and never disarmed under a primary that leads`() {
        Self.check { observation, memory, decision in
            for case .armGuard(let deadline) in decision.actions {
                let isSilent = switch observation.store {
                case .unreachable, .regressed: true
                case .unknown, .connected: false
                }
                let promised = observation.failsafe.leadUntil.map { $0 > observation.now } ?? false
                // What a guard that is lost held is told to the next one.
                if deadline == memory.guardedUntil { continue }
                guard observation.holdsLock || (memory.leads && (isSilent || promised || memory.guardedUntil != nil))
                else { return false }
                if deadline == observation.failsafe.leadUntil || deadline == decision.memory.leadsUntil { continue }
                guard case .held(_, deadline) = observation.lease else { return false }
            }
            let writable = if case .running(let running) = observation.server.process { !running.isInRecovery } else { false }
            return !(decision.actions.contains(.disarmGuard) && writable && !observation.settings.isPaused)
        }
    }

    @Test func `The next look is after now and within loop_wait`() {
        Self.check { observation, _, decision in
            decision.wakeAt > observation.now && decision.wakeAt <= observation.now + observation.settings.loopWait
        }
    }

    @Test func `A lock that was given back is given back again and never led under`() {
        Self.check { observation, memory, decision in
            guard case .connected(let view, _) = observation.store, let leader = view.leader, leader.name == "h1",
                leader.lease != 0, leader.createRevision == memory.releasedLock, !decision.rule.name.hasPrefix("safety."),
                !decision.rule.name.hasPrefix("identity.")
            else { return true }
            return decision.actions.contains(.releaseLock(finalLSN: nil)) && decision.operation == nil
        }
    }
}

extension Decision {
    var operation: Operation? {
        for case .begin(let operation) in actions { return operation }
        return nil
    }
}

extension Observation {
    var view: ClusterView? { if case .connected(let view, _) = store { view } else { nil } }
    var request: FailoverKey? { view?.failover }
    /// `sync` while it counts.
    var sync: SyncKey? {
        guard settings.synchronousMode != .off, settings.standbyCluster == nil, let sync = view?.sync, sync.leader != nil
        else { return nil }
        return sync
    }
    var leaseLasts: Bool { if case .held(_, let deadline) = lease { deadline > now } else { false } }
    var lockIsUnderMyLease: Bool {
        guard case .connected(let view, _) = store, view.leader?.name == me, case .held(let id, _) = lease
        else { return false }
        return view.leader?.lease == id
    }
    var holdsLock: Bool { lockIsUnderMyLease && leaseLasts }
    var identityMatches: Bool {
        guard case .connected(let view, _) = store, case .present(let data) = server.storage else { return false }
        return view.initialize == data.systemIdentifier.description
    }
}

extension Observation {
    /// We lead a standby cluster, and its remote server has said for ttl that our log is not its own.
    fileprivate var isFarFromItsRemote: Bool {
        guard let remote = settings.standbyCluster, let comparison, comparison.source == remote.name,
            case .present = server.storage, case .diverged(_, let since, _) = comparison.finding
        else { return false }
        return holdsLock && !settings.isPaused && now - since >= settings.ttl
    }
}
