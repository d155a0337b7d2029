import Configuration
import PostgresModel
import Timekeeping

/// Which absent members keep their slot: those that were there less than `member_slots_ttl` ago (compatibility sheet
/// a.5). The leader's memory; a new leader begins with what the former one has published.
public struct SlotRetention: Equatable, Sendable {
    private var lastSeen: [String: BootInstant] = [:]

    public init() {}

    /// The slots to be kept besides those of present members, sorted as they are published (`retain_slots`).
    /// - Parameters:
    ///   - present: slot names of the members that are there.
    ///   - published: `retain_slots` of the store; names that we have not seen ourselves count from now.
    ///   - ttl: zero keeps nothing.
    public mutating func retained(
        present: Set<String>, published: [String], ttl: Duration, now: BootInstant
    ) -> [String] {
        guard ttl > .zero else {
            lastSeen = [:]
            return []
        }
        for name in published where lastSeen[name] == nil { lastSeen[name] = now }
        for name in present { lastSeen[name] = now }
        lastSeen = lastSeen.filter { now - $0.value < ttl }
        return lastSeen.keys.sorted()
    }
}

extension WantedSlots {
    /// Another member, as far as its slot is concerned.
    public struct Peer: Hashable, Sendable {
        public var name: String
        /// Replays from the archive and needs no slot.
        public var isNoStream: Bool
        /// The member that it streams from; nil: the leader.
        public var replicatesFrom: String?

        public init(name: String, isNoStream: Bool = false, replicatesFrom: String? = nil) {
            self.name = name
            self.isNoStream = isNoStream
            self.replicatesFrom = replicatesFrom
        }
    }

    /// What this member needs to know of itself and of the cluster.
    public struct Situation: Equatable, Sendable {
        public var me: String
        public var isLeader: Bool
        /// Not tagged `nofailover`: only such members keep slots in store for the day they lead.
        public var mayLead: Bool
        /// Tagged `nostream`, or behind one that is: logical slots cannot follow there.
        public var isNoStream: Bool
        public var peers: [Peer]
        /// Zero: slots only for those that stream from here.
        public var memberSlotsTTL: Duration
        /// Slot names kept for absent members.
        public var retained: [String]

        public init(
            me: String, isLeader: Bool, mayLead: Bool = true, isNoStream: Bool = false, peers: [Peer],
            memberSlotsTTL: Duration = .seconds(1800), retained: [String] = []
        ) {
            self.me = me
            self.isLeader = isLeader
            self.mayLead = mayLead
            self.isNoStream = isNoStream
            self.peers = peers
            self.memberSlotsTTL = memberSlotsTTL
            self.retained = retained
        }
    }

    /// The slots of this member by Patroni's rules (compatibility sheet b.11).
    /// - Parameters:
    ///   - permanentPhysical: names of `slots` that are physical and wanted in this kind of cluster.
    ///   - permanentLogical: those that are logical.
    public init(
        _ situation: Situation, permanentPhysical: [String] = [], permanentLogical: [Logical] = [],
        ignored: [DynamicConfiguration.SlotPattern] = [], positions: [String: LSN] = [:]
    ) {
        let streaming = situation.peers.filter { !$0.isNoStream && $0.name != situation.me }
        let keepsForLater = situation.memberSlotsTTL > .zero && (situation.mayLead || situation.isLeader)
        let served = streaming.filter { peer in
            let isOurs = peer.replicatesFrom == situation.me || situation.isLeader && peer.replicatesFrom == nil
            return keepsForLater || isOurs
        }
        var physical = Set(served.map { slotName(forMember: $0.name) })
        if keepsForLater { physical.formUnion(situation.retained) }
        let hasPermanent = situation.mayLead || situation.isLeader
        if hasPermanent { physical.formUnion(permanentPhysical) }
        physical.remove(slotName(forMember: situation.me))
        self.init(
            physical: physical, logical: hasPermanent && !situation.isNoStream ? permanentLogical : [],
            ignored: ignored, positions: positions)
    }
}
