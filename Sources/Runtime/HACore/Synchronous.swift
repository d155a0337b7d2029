import Cluster
import PostgresModel
import Timekeeping

// The facts of synchronous replication.

extension Situation {
    /// Synchronous mode is wanted. A standby cluster has none: its members follow somebody else's primary.
    var wantsSync: Bool { settings.synchronousMode != .off && settings.standbyCluster == nil }
    /// The key `sync`, while synchronous mode is on and a leader has written it: only whom it names may lead.
    var syncKey: SyncKey? { wantsSync ? view?.sync.flatMap { $0.leader == nil ? nil : $0 } : nil }
    var isQuorum: Bool { settings.synchronousMode == .quorum }

    /// This member has every commit that was acknowledged: the leader of then, or (not in quorum mode) one of those
    /// every commit waited for.
    func hasEveryCommit(_ name: String, _ sync: SyncKey) -> Bool {
        sync.leader.map { same($0, name) } ?? false || (!isQuorum && isVoter(name, sync))
    }

    func isVoter(_ name: String, _ sync: SyncKey) -> Bool { sync.standbys.contains { same($0, name) } }

    func same(_ a: String, _ b: String) -> Bool { a == b || a.lowercased() == b.lowercased() }

    var syncText: String {
        guard let sync = syncKey else { return "synchronous mode" }
        let list = sync.standbys.isEmpty ? "nobody" : sync.standbys.joined(separator: ", ")
        return "sync names \(sync.leader ?? "nobody") and \(list)" + (isQuorum ? ", quorum \(sync.quorum)" : "")
    }

    /// A failover to this member (no leader in the request) that was asked for when nobody led already: whoever asked
    /// accepts what is lost. One that was asked of a living leader is an ordinary wish when that leader dies.
    var iAmForced: Bool {
        guard iAmTheCandidate, let request, request.leader == nil, let since = memory.leaderlessRevision
        else { return false }
        return request.modRevision > since
    }

    /// Synchronous mode forbids this member the lock.
    var isNotSynchronous: Bool {
        guard let sync = syncKey, !iAmForced else { return false }
        if hasEveryCommit(me, sync) { return false }
        // A primary cannot tell what it lacks by asking standbys.
        if iAmPrimary { return true }
        return !isQuorum || (request?.leader != nil && requestIsActive && !isVoter(me, sync))
    }

    /// Members that could take over with every acknowledged commit, by what they say in the store.
    var synchronousCandidates: [String] {
        guard let sync = syncKey, sync.leader.map({ same($0, me) }) ?? false else { return [] }
        let fit = candidates.filter { isVoter($0, sync) }
        return isQuorum && fit.count <= sync.quorum ? [] : fit
    }

    /// Lower case to the member's own spelling.
    private func memberName(_ name: String) -> String { view?.members.first { same($0.name, name) }?.name ?? name }
}

// MARK: The leader's choice

extension Situation {
    /// The standbys whose acknowledgement is wanted, best first.
    var eligibleStandbys: [String] {
        guard let primary, let view else { return [] }
        let connected = primary.connections.filter(\.isStreaming)
        let found = connected.compactMap { connection -> Choice? in
            guard let member = view.members.first(where: { same($0.name, connection.name) }), member.name != me,
                member.state == .running, member.tags["nosync"]?.bool != true, member.syncPriority > 0,
                !cascades(member, connected)
            else { return nil }
            return Choice(member: member, connection: connection)
        }
        let best = found.compactMap(\.connection.acknowledged).max() ?? .zero
        let near = found.filter { choice in
            guard let limit = settings.maximumLagOnSyncnode, limit > ByteCount(0) else { return true }
            return best.bytes(ahead: choice.connection.acknowledged ?? .zero) <= limit
        }
        return near.sorted { $0.isBetter(than: $1, sync: view.sync) }.map(\.member.name).uniqued
    }

    /// It only streams from here until the member that it is to stream from is back.
    private func cascades(_ member: Member, _ connected: [ReplicationConnection]) -> Bool {
        guard let source = member.tags["replicatefrom"]?.string, source != me else { return false }
        return connected.contains { same($0.name, source) }
    }

    private struct Choice {
        var member: Member
        var connection: ReplicationConnection

        func isBetter(than other: Choice, sync: SyncKey?) -> Bool {
            if member.mayLead != other.member.mayLead { return member.mayLead }
            let priority = member.syncPriority, theirPriority = other.member.syncPriority
            if priority != theirPriority { return priority > theirPriority }
            let mine = isChosen(sync), theirs = other.isChosen(sync)
            if mine != theirs { return mine }
            let a = connection.acknowledged ?? .zero, b = other.connection.acknowledged ?? .zero
            return a == b ? member.name < other.member.name : a > b
        }

        private func isChosen(_ sync: SyncKey?) -> Bool {
            connection.syncState == .sync || connection.syncState == .quorum
                || sync?.standbys.contains { $0.lowercased() == member.name.lowercased() } ?? false
        }
    }

    /// What names and key are to become.
    private var syncGoal: (names: SyncResolver.Names, quorum: Int) {
        let eligible = eligibleStandbys
        let wanted = max(1, settings.synchronousNodeCount)
        switch settings.synchronousMode {
        case .off: return (.nobody, 0)
        case .on:
            let chosen = Set(eligible.prefix(wanted))
            return (.init(names: chosen, count: chosen.count), 0)
        case .quorum:
            let count = min(wanted, eligible.count)
            return (.init(names: Set(eligible), count: count), eligible.count - count)
        }
    }

    /// What the leader does next about `sync` and `synchronous_standby_names`; nil: nothing.
    var syncAction: Action? {
        guard let primary, let view, settings.standbyCluster == nil else { return nil }
        guard wantsSync else {
            guard let sync = view.sync, sync.modRevision > 0 || sync.leader != nil else { return nil }
            return .removeSync(expecting: sync.modRevision)
        }
        guard let sync = view.sync, let leader = sync.leader, same(leader, me) else {
            return .writeSync(leader: me, standbys: [], quorum: 0, expecting: view.sync?.modRevision ?? 0)
        }
        // No member wrote that: more votes than there are voters. Whom the key should name nobody knows, and nobody but
        // the leader is always right.
        if sync.quorum < 0 || sync.quorum >= max(1, sync.standbys.count) {
            return .writeSync(leader: me, standbys: [], quorum: 0, expecting: sync.modRevision)
        }
        guard let inForce = primary.synchronousStandbys else { return nil }
        return action(syncStep(sync, inForce), sync, inForce)
    }

    private func syncStep(_ sync: SyncKey, _ inForce: SynchronousStandbyNames) -> SyncResolver.Step {
        let resolver = SyncResolver(
            key: .init(voters: Set(sync.standbys.map(memberName)), quorum: sync.quorum), names: resolved(inForce),
            isConfirmed: memory.syncNames?.isConfirmed ?? false)
        let goal = syncGoal
        if goal.names.names.isEmpty, settings.isSynchronousModeStrict {
            // Commits wait for those of the key, who have everything; without any, for nobody that exists.
            if sync.standbys.isEmpty { return .setNames(.nobody) }
            guard resolver.meets(resolver.key, resolver.names) else {
                let names = SyncResolver.Names(
                    names: resolver.key.voters, count: max(1, resolver.key.voters.count - resolver.key.quorum))
                return superseding(.setNames(names), resolver)
            }
            return .done
        }
        return superseding(resolver.step(towards: goal.names, quorum: goal.quorum), resolver)
    }

    /// A write of the key whose answer never came may be carried out yet. Names that would not go with it come into
    /// force only when another write has taken its place.
    private func superseding(_ step: SyncResolver.Step, _ resolver: SyncResolver) -> SyncResolver.Step {
        guard case .setNames(let names) = step, resolver.names.count > 0 else { return step }
        if let key = memory.syncKey, key.isSettled, key.sent.allSatisfy({ resolver.meets($0, names) }) { return step }
        return .writeKey(resolver.key)
    }

    /// `*` stands for nobody in particular: it protects no key.
    private func resolved(_ names: SynchronousStandbyNames) -> SyncResolver.Names {
        if names.names.contains("*") { return .init(names: ["*"], count: 0) }
        return .init(names: Set(names.names.map(memberName)), count: names.isNone ? 0 : names.count)
    }

    private func action(
        _ step: SyncResolver.Step, _ sync: SyncKey, _ inForce: SynchronousStandbyNames
    ) -> Action? {
        switch step {
        case .done, .wait: return nil
        case .writeKey(let key):
            return .writeSync(
                leader: me, standbys: key.voters.sorted(), quorum: key.quorum, expecting: sync.modRevision)
        case .setNames(let names):
            let value = standbyNames(names)
            return value == inForce ? nil : .setSynchronousStandbys(value)
        }
    }

    /// The setting in the words of PostgreSQL, as Patroni writes it.
    func standbyNames(_ names: SyncResolver.Names) -> SynchronousStandbyNames {
        if names.names.isEmpty {
            guard settings.isSynchronousModeStrict else { return .none }
            let placeholder = [SynchronousStandbyNames.placeholderName]
            return isQuorum ? .init(.any, count: 1, names: placeholder) : .all(placeholder)
        }
        if !isQuorum && names.count == names.names.count { return .all(names.names) }
        return .init(.any, count: names.count, names: names.names.sorted())
    }
}

// MARK: Promotion

extension Situation {
    /// What `sync` says when this standby is promoted: all who have what was acknowledged so far stay electable (the
    /// leader of then among them), for the new leader's first commits wait for them until it has chosen anew. So a
    /// promotion that fails, or a leader that dies right after it, leaves somebody who may lead.
    var syncKeyForPromotion: SyncResolver.Key? {
        guard let sync = syncKey, let leader = sync.leader.map(memberName) else { return nil }
        let voters = Set(sync.standbys.map(memberName))
        if same(leader, me) { return .init(voters: voters, quorum: sync.quorum) }
        // Who leads by force lacks commits that others may have; nobody is promised to have what it has.
        if !isVoter(me, sync), !isQuorum || (iAmTheCandidate && request?.leader == nil) { return .nobody }
        let others = voters.union([leader]).filter { !same($0, me) }
        return sync.quorum < others.count ? .init(voters: others, quorum: sync.quorum) : .nobody
    }

    var mustWriteSyncForPromotion: Bool { syncKey?.leader.map { !same($0, me) } ?? false }

    /// `synchronous_standby_names` with which the promoted server must begin.
    var namesForPromotion: SynchronousStandbyNames? {
        guard wantsSync else { return nil }
        let key = syncKeyForPromotion ?? .nobody
        if key.voters.isEmpty { return standbyNames(.nobody) }
        return standbyNames(.init(names: key.voters, count: max(1, key.voters.count - key.quorum)))
    }
}

extension Member {
    /// Tag `sync_priority`, 1 without it; 0 and less keep it out of synchronous replication.
    var syncPriority: Int { tags["sync_priority"]?.int.map { Int(clamping: $0) } ?? 1 }
}

extension Array where Element: Hashable {
    fileprivate var uniqued: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
