import Cluster
import HACore
import Testing
import Timekeeping

/// What must hold for any observation and any memory, likely or not.
@Suite struct DecisionPropertyTests {
    static let count: UInt64 = 12_000

    /// The first observation for which `holds` is false, with its seed.
    static func check(_ holds: (Observation, Memory, Decision) -> Bool) {
        for seed in 0..<count {
            var r = Seeded(state: seed)
            let observation = Observation.random(&r)
            let memory = Memory.random(&r, now: observation.now)
            let decision = decide(observation, memory: memory)
            if !holds(observation, memory, decision) {
                Issue.record("seed \(seed): \(decision.rule): \(decision.reason) \(decision.actions)\n\(observation)\n\(memory)")
                return
            }
        }
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
            return observation.holdsLock && observation.identityMatches && !observation.settings.isPaused
        }
    }

    @Test func `Nobody takes the lock but a primary or an allowed standby of this system identifier`() {
        Self.check { observation, _, decision in
            guard decision.actions.contains(.acquireLock) else { return true }
            guard case .connected(let view, _) = observation.store, view.leader == nil, observation.leaseLasts,
                observation.identityMatches, case .running(let running) = observation.server.process
            else { return false }
            return !running.isInRecovery
                || (observation.settings.mayLead && !running.isReplayPaused && !observation.settings.isPaused)
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
                !observation.settings.isPaused, observation.lockIsUnderMyLease, !observation.leaseLasts
            else { return true }
            switch observation.operation {
            case .running(.demote(.immediate), _), .running(.stop(.immediate), _): return decision.actions.isEmpty
            case .running: return decision.actions == [.cancelOperation]
            case .idle, .finished: return decision.actions.contains(.begin(.demote(.immediate)))
            }
        }
    }

    @Test func `Nothing is started, stopped, promoted or copied in pause mode`() {
        Self.check { observation, _, decision in !observation.settings.isPaused || decision.operation == nil }
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

    @Test func `Data is copied over only when it is empty or diverged, and another member leads`() {
        Self.check { observation, _, decision in
            switch decision.operation {
            case .clone, .rewind:
                guard case .connected(let view, _) = observation.store, let leader = view.leader else { return false }
                if case .unreadable = observation.server.storage { return false }
                return leader.name != "h1"
            default: return true
            }
        }
    }

    @Test func `The upstream changes only towards a known leader`() {
        Self.check { observation, _, decision in
            for case .follow(let upstream) in decision.actions {
                guard case .connected(let view, _) = observation.store, view.leader?.name == upstream.name
                else { return false }
            }
            return true
        }
    }

    @Test func `The guard is armed at our lease's deadline only, and never disarmed under a primary that leads`() {
        Self.check { observation, memory, decision in
            for case .armGuard(let deadline) in decision.actions {
                let wasOurs = if case .unreachable = observation.store { memory.leads } else { false }
                guard observation.holdsLock || wasOurs, case .held(_, deadline) = observation.lease else { return false }
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
