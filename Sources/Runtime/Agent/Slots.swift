import Cluster
import Configuration
import HACore
import PostgresModel
import Server
import Timekeeping

/// Replication slots: of members, permanent ones, and those kept for members that were here lately.
extension Agent {
    /// Brings the slots of this server to what the cluster wants of it, beside the loop. On a leader they hold log for
    /// others; on members that may lead they follow the leader's, so that nobody misses log after a failover.
    func keepSlots() {
        guard dynamic.postgresql.useSlots, !dynamic.pause, case .idle = state.operation,
            let view = viewOfSlots, case .running(let server) = state.server.process
        else { return }
        let isLeader = state.holdsLock(as: me)
        guard isLeader || server.isInRecovery, view.leader != nil else { return }
        let wanted = wantedSlots(view, isLeader: isLeader)
        // Slots of others, and those that somebody dropped, are looked for once in loop_wait.
        guard wanted != state.slotsWanted || clock.now - state.slotsKeptAt >= dynamic.loopWait else { return }
        state.slotsWanted = wanted
        state.slotsKeptAt = clock.now
        let limit = clock.now + max(.seconds(5), dynamic.loopWait)
        beside("keeping slots", endDecides: false) { agent in
            let outcome = try await agent.parts.server.syncSlots(wanted, by: limit)
            await agent.noted(outcome)
        }
    }

    /// What the store says. While it is silent, what it said last, with the positions that the leader tells in failsafe
    /// mode (Patroni b.9).
    private var viewOfSlots: ClusterView? {
        if case .connected(let view, _) = state.store { return view }
        guard state.failsafe.hasPromised(at: clock.now, me: me), var view = state.view else { return nil }
        view.status.slots.merge(state.failsafe.slots) { $1 }
        return view
    }

    /// Where this server's slots are, as a leader tells it; a leader's own stands for its place in the log, because
    /// a member that becomes the leader's standby reads on from there.
    func slotPositions(_ details: ServerDetails) -> [String: LSN] {
        var slots = details.slots
        if case .running(let server) = state.server.process { slots[slotName(forMember: me)] = server.lsn }
        return slots
    }

    private func wantedSlots(_ view: ClusterView, isLeader: Bool) -> WantedSlots {
        let tags = configuration.memberTags
        let peers = view.members.map { member in
            let tags = MemberTags(member.tags)
            return WantedSlots.Peer(name: member.name, isNoStream: tags.nostream, replicatesFrom: tags.replicatefrom)
        }
        state.retainedSlots = state.slotRetention.retained(
            present: Set(view.members.map { slotName(forMember: $0.name) }), published: view.status.retainSlots,
            ttl: dynamic.memberSlotsTTL, now: clock.now)
        let kind: PermanentSlot.ClusterType = dynamic.standbyCluster?.isEffective == true ? .standby : .primary
        let permanent = dynamic.slots.filter { $0.clusterType == nil || $0.clusterType == kind }
        return WantedSlots(
            WantedSlots.Situation(
                me: me, isLeader: isLeader, mayLead: !tags.nofailover, isNoStream: tags.nostream, peers: peers,
                memberSlotsTTL: dynamic.memberSlotsTTL, retained: state.retainedSlots),
            permanentPhysical: permanent.compactMap { $0.kind == .physical ? $0.name : nil },
            permanentLogical: permanent.compactMap { slot in
                guard case .logical(let database, let plugin) = slot.kind else { return nil }
                return WantedSlots.Logical(name: slot.name, database: database, plugin: plugin)
            },
            ignored: dynamic.ignoreSlots,
            positions: view.status.slots)
    }

    private func noted(_ outcome: SlotOutcome) {
        for name in outcome.made { log.notice("replication slot \(name) was made") }
        for conflict in outcome.conflicts where state.slotConflicts.insert(conflict).inserted {
            log.warning("\(conflict)")
        }
        state.slotsToCopy = outcome.toCopy
        if !outcome.toCopy.isEmpty { bell.ring() }
    }

    /// Logical slots come to a standby by a copy of the leader's files, with a restart between: a long task of its own.
    func copySlots() {
        guard !state.slotsToCopy.isEmpty, !dynamic.pause, case .idle = state.operation,
            case .running(let server) = state.server.process, server.isInRecovery, server.isStreaming,
            let leader = state.view?.leader?.name, leader != me,
            let source = state.view?.upstreams.first(where: { $0.name == leader }),
            state.slotCopyAfter.map({ $0 <= clock.now }) ?? true
        else { return }
        let slots = state.slotsToCopy
        state.slotsToCopy = []
        // A leader that cannot give them yet is not asked at every look.
        state.slotCopyAfter = clock.now + .seconds(60)
        log.notice("copying logical slots from \(leader), with a restart: \(slots.map(\.name).joined(separator: ", "))")
        begin(.restart(.asked(timeout: nil))) { agent in
            let limit = agent.clock.now + .seconds(600)
            _ = try await agent.parts.server.copyLogicalSlots(slots, from: source, by: limit)
        }
    }
}
