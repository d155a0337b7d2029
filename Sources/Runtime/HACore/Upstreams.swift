import Cluster
import PostgresModel

/// Whom this server streams from, and whom it copies.
extension Situation {
    /// The member of tag `replicatefrom` while it runs and does not itself stream from here, else the leader.
    var wantedUpstream: Upstream? {
        guard let name = settings.replicateFrom, name != me, name != leader?.name, let source = view?.member(name),
            source.state == .running, let upstream = source.upstream, !streamsFromHere(source)
        else { return leaderUpstream }
        return upstream
    }

    /// What this server is rewound to, which must be a primary: before PostgreSQL 16 pg_rewind misreads the timeline of a
    /// source that is a standby, and the leader of a standby cluster is one. Nil: there is only an archive.
    var rewindSource: Upstream? {
        guard let remote else { return leaderUpstream }
        return remote.isArchive ? nil : remote
    }

    /// Host, port and slot decide; the name is only how we call it.
    func streams(from wanted: Upstream?) -> Bool {
        if let wanted, wanted.isArchive, let standby { return standby.upstream == nil }
        guard let upstream = standby?.upstream, let wanted else { return false }
        return upstream.host == wanted.host && upstream.port == wanted.port && usesSlot(of: wanted, upstream.slot)
    }

    /// A standby cluster's `primary_slot_name` may change; members' slots are the server's own business.
    private func usesSlot(of wanted: Upstream, _ used: Upstream.Slot) -> Bool {
        switch wanted.slot {
        case .ownName: true
        case .named(let name): used == wanted.slot || (used == .ownName && name == slotName(forMember: me))
        case .none: used == .none || used == .ownName
        }
    }

    /// By the tags `replicatefrom` of that member and of those before it.
    private func streamsFromHere(_ member: Member) -> Bool {
        var seen: Set<String> = []
        var next: Member? = member
        while let present = next, seen.insert(present.name).inserted {
            guard let source = present.tags["replicatefrom"]?.string else { return false }
            if source == me { return true }
            next = view?.member(source)
        }
        return next != nil
    }

    /// A running member tagged `clonefrom` on the leader's timeline, so as to spare the leader; after a copy that
    /// failed, the leader itself.
    var cloneSource: Upstream? {
        guard failure(of: .clone) == nil, failure(of: .reinitialise) == nil else { return leaderUpstream }
        let offered = (view?.members ?? []).filter { isCloneSource($0) }.compactMap(\.upstream)
        guard !offered.isEmpty else { return leaderUpstream }
        // Spread over the members, and the same each time.
        return offered[me.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF } % offered.count]
    }

    func isCloneSource(_ member: Member) -> Bool {
        member.name != me && member.name != leader?.name && member.state == .running
            && member.tags["clonefrom"]?.bool == true && member.timeline != nil && member.timeline == leaderTimeline
    }

    /// Members that stream from this server: all others from a leader, else those that ask for it by tag.
    var downstreamMembers: [String] {
        (view?.members ?? []).filter { member in
            member.name != me && member.tags["nostream"]?.bool != true
                && (leaderIsMyName || member.tags["replicatefrom"]?.string == me)
        }.map(\.name).sorted()
    }
}

extension Member {
    var upstream: Upstream? { address.map { Upstream(name: name, host: $0.host, port: $0.port) } }
}
