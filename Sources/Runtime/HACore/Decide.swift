import Cluster
import PostgresModel
import Timekeeping

/// The table in its order.
public enum RuleBook {
    public static let rules: [Rule] =
        SafetyRules.all + StoreRules.all + BootstrapRules.all + IdentityRules.all + LockRules.all
        + OperationRules.all + RestartRules.all + PauseRules.all + RequestRules.all + StandbyClusterRules.all
        + LeadingRules.all
        + LeaderDownRules.all + FollowingRules.all + LeaderlessRules.all + RaceRules.all

    public static let upkeep: [UpkeepRule] = Upkeep.all
}

/// What this member does now. Pure: the same observation and memory always give the same decision.
public func decide(_ observation: Observation, memory: Memory) -> Decision {
    let memory = memory.updated(by: observation)
    let situation = Situation(observation, memory: memory)
    guard let rule = RuleBook.rules.first(where: { $0.condition(situation) }) else {
        // No observation reaches this (a property test holds it); a core that knows nothing does nothing.
        return Decision(
            rule: RuleID(0, "none"), reason: "no rule applies; the server stays as it is", actions: [], memory: memory,
            wakeAt: observation.now + observation.settings.loopWait)
    }
    var after = memory
    var outcome = rule.outcome(situation, &after)
    holdBack(&outcome, of: rule, memory: memory, now: observation.now)
    for upkeep in RuleBook.upkeep {
        if let action = upkeep.action(situation, outcome.actions) { outcome.actions.append(action) }
    }
    if outcome.actions.contains(.disarmGuard) { after.guardedUntil = nil }
    after.noteSent(outcome.actions)
    return Decision(
        rule: rule.id, reason: outcome.reason, actions: outcome.actions, memory: after,
        wakeAt: wake(outcome, situation))
}

/// An operation that has just failed is not begun again at once, unless safety asks for it.
private func holdBack(_ outcome: inout Outcome, of rule: Rule, memory: Memory, now: BootInstant) {
    guard !rule.isUrgent else { return }
    outcome.actions.removeAll { action in
        guard case .begin(let operation) = action, let failure = memory.failures[operation.kind],
            failure.retryAt > now
        else { return false }
        let times = failure.count == 1 ? "once" : "\(failure.count) times"
        outcome.reason += "; \(operation.kind.rawValue) failed \(times) (\(failure.message)), "
            + "again in \((failure.retryAt - now).text)"
        outcome.wake = failure.retryAt
        return true
    }
}

/// Within loop_wait; sooner for the rule's own moment and for the lease. Never in the past.
private func wake(_ outcome: Outcome, _ situation: Situation) -> BootInstant {
    var moments = [situation.now + situation.settings.loopWait]
    if let wake = outcome.wake { moments.append(wake) }
    if situation.mayBePrimary, let deadline = situation.leadDeadline, deadline > situation.now {
        moments.append(deadline)
    }
    if let soon = situation.syncWake { moments.append(soon) }
    if let due = situation.scheduleWake { moments.append(due) }
    return max(moments.min() ?? situation.now, situation.now + .milliseconds(10))
}

extension Memory {
    /// What the observation alone teaches, before any rule.
    func updated(by o: Observation) -> Memory {
        var next = self
        next.note(o.operation, now: o.now)
        next.noteGuard(o)
        if case .connected(let view, _) = o.store { next.note(view, o) }
        let situation = Situation(o, memory: next)
        if case .connected = o.store {
            next.leads = situation.iHoldTheLock || (next.leads && situation.mayBePrimary && !situation.leaderIsAnother)
        } else {
            next.leads = next.leads && situation.mayBePrimary
        }
        next.noteLease(o, isOurs: situation.iHoldTheLock)
        let isDown = situation.iHoldTheLock && situation.running == nil
        next.leaderDownSince = isDown ? next.leaderDownSince ?? o.server.crashedAt ?? o.now : nil
        next.noteCrash(o)
        next.noteSyncNames(o)
        next.noteUnexplainedTimeline(situation)
        next.noteLeavingSync(situation)
        if situation.running != nil {
            next.givesUp = false
            next.handedOver = false
        }
        if case .connected(let view, _) = o.store, view.failover?.modRevision != next.openRequest?.revision {
            next.openRequest = view.failover.map { OpenRequest(revision: $0.modRevision, since: o.now) }
        }
        if let begun = next.begunRequest, case .connected(let view, _) = o.store,
            view.failover?.modRevision != begun || view.failover?.isEmpty ?? true
        {
            next.begunRequest = nil
        }
        // A failed promotion matters as long as the lock that it was for is ours.
        if situation.iAmPrimary || (situation.view != nil && !situation.leaderIsMyName) { next.failures[.promote] = nil }
        if let until = next.abstainUntil, until <= o.now { next.abstainUntil = nil }
        return next
    }

    private mutating func note(_ operation: OperationObservation, now: BootInstant) {
        guard case .finished(let operation, let result) = operation else { return }
        switch result {
        case .done:
            failures[operation.kind] = nil
            if operation.kind == .clone || operation.kind == .reinitialise { failures[.rewind] = nil }
        case .failed(let message):
            failures[operation.kind] = Failure(
                count: (failures[operation.kind]?.count ?? 0) + 1, at: now, message: message)
        case .unavailable(let message):
            failures[operation.kind] = Failure(
                count: max(1, failures[operation.kind]?.count ?? 0), at: now, message: message)
        }
    }

    private mutating func noteLease(_ o: Observation, isOurs: Bool) {
        guard leads else {
            leadLease = nil
            leadsUntil = nil
            return
        }
        guard case .held(let id, let deadline) = o.lease else { return }
        if isOurs || id == leadLease {
            leadLease = id
            leadsUntil = deadline
        } else if leadsUntil == nil {
            // Taken over from an agent before us, whose lease nobody renews: its guard knows how long it lasts.
            leadsUntil = guardedUntil ?? deadline
        }
    }

    /// A guard that died and was started anew is disarmed, too; what it held ends with the server or by our own wish.
    private mutating func noteGuard(_ o: Observation) {
        if case .armed(let deadline) = o.guardian {
            guardedUntil = deadline
        } else if o.settings.isPaused || o.server.process == .stopped {
            guardedUntil = nil
        }
    }

    /// Crashes of the last `crashWindow` only, each once.
    private mutating func noteCrash(_ o: Observation) {
        crashes.removeAll { o.now - $0 > Situation.crashWindow || $0 > o.now }
        if let crashedAt = o.server.crashedAt, leads, !crashes.contains(crashedAt) { crashes.append(crashedAt) }
        crashes = Array(crashes.suffix(Situation.crashLimit))
    }

    private mutating func note(_ view: ClusterView, _ o: Observation) {
        if let leader = view.leader {
            lastLeader = leader.name
            leaderlessSince = nil
            leaderlessRevision = nil
            if leader.createRevision != releasedLock || leader.name != o.me { releasedLock = nil }
        } else {
            leaderlessSince = leaderlessSince ?? o.now
            leaderlessRevision = leaderlessRevision ?? view.revision
            releasedLock = nil
        }
        if let optime = view.status.optime { lastOptime = optime }
        noteSyncKey(view)
    }
}
