import Configuration
import PostgresModel

/// The replication slots that are to be on this server.
public struct WantedSlots: Equatable, Sendable {
    public struct Logical: Hashable, Sendable {
        public var name: String
        public var database: String
        public var plugin: String

        public init(name: String, database: String, plugin: String) {
            self.name = name
            self.database = database
            self.plugin = plugin
        }
    }

    /// Names of slots: those of members (`slotName(forMember:)`), retained ones, and permanent physical ones.
    public var physical: Set<String>
    /// Permanent logical slots.
    public var logical: [Logical]
    /// Slots that are left alone whatever we wish (`ignore_slots`).
    public var ignored: [DynamicConfiguration.SlotPattern]
    /// Where the leader's slots are, by name (`status.slots`): a standby moves its own there.
    public var positions: [String: LSN]

    public init(
        physical: Set<String>, logical: [Logical] = [], ignored: [DynamicConfiguration.SlotPattern] = [],
        positions: [String: LSN] = [:]
    ) {
        self.physical = physical
        self.logical = logical
        self.ignored = ignored
        self.positions = positions
    }
}

extension DynamicConfiguration.SlotPattern {
    func matches(_ slot: ReplicationSlot) -> Bool {
        func fits(_ wanted: String?, _ has: String?) -> Bool { wanted == nil || wanted == has }
        return fits(name, slot.name) && fits(type, slot.isLogical ? "logical" : "physical")
            && fits(database, slot.database) && fits(plugin, slot.plugin)
    }
}

/// A replication slot of this server, of either kind.
public struct ReplicationSlot: Equatable, Sendable {
    public var name: String
    public var isActive: Bool
    public var database: String?
    public var plugin: String?
    public var restartLSN: LSN?
    public var confirmedLSN: LSN?
    /// `lost` when its log is gone (PostgreSQL 13 and later).
    public var walStatus: String?
    /// Synchronised by PostgreSQL itself (17 and later): nobody else's business.
    public var isFailover: Bool
    public var catalogXmin: String?
    /// Made by this agent, by its own record.
    public var isOurs: Bool

    public var isLogical: Bool { plugin != nil }
    /// Nobody can read from it any more.
    public var isLost: Bool { walStatus == "lost" }
}

/// What `syncSlots` did, and what it cannot do while the server runs.
public struct SlotOutcome: Equatable, Sendable {
    public var made: [String] = []
    public var dropped: [String] = []
    public var advanced: [String] = []
    /// On a standby: logical slots that are to be copied from the leader (`copyLogicalSlots`, with a restart).
    public var toCopy: [WantedSlots.Logical] = []
    /// A sentence for each slot that stands in the way of a wanted one and is not ours to drop.
    public var conflicts: [String] = []

    public init() {}
    public var isEmpty: Bool { self == SlotOutcome() }
}

/// What is to be done about slots, decided without a server.
struct SlotPlan: Equatable {
    var makePhysical: [String] = []
    var makeLogical: [WantedSlots.Logical] = []
    var drop: [String] = []
    var advancePhysical: [(name: String, to: LSN)] = []
    var advanceLogical: [(slot: WantedSlots.Logical, to: LSN)] = []
    var toCopy: [WantedSlots.Logical] = []
    var conflicts: [String] = []

    static func == (a: Self, b: Self) -> Bool {
        a.makePhysical == b.makePhysical && a.makeLogical == b.makeLogical && a.drop == b.drop
            && a.toCopy == b.toCopy && a.conflicts == b.conflicts
            && a.advancePhysical.elementsEqual(b.advancePhysical) { $0 == $1 }
            && a.advanceLogical.elementsEqual(b.advanceLogical) { $0.slot == $1.slot && $0.to == $1.to }
    }

    init(_ wanted: WantedSlots, present: [ReplicationSlot], own: String, isStandby: Bool) {
        let byName = Dictionary(present.map { ($0.name, $0) }) { first, _ in first }
        // The slot of our own name is what our upstream keeps for us.
        for name in wanted.physical.subtracting([own]).sorted() {
            guard let slot = byName[name] else {
                makePhysical.append(name)
                continue
            }
            plan(physical: slot, wanted, isStandby)
        }
        for slot in wanted.logical { plan(logical: slot, byName[slot.name], wanted, isStandby) }
        let kept = wanted.physical.union(wanted.logical.map(\.name))
        drop += present.filter { slot in
            slot.isOurs && !slot.isActive && !slot.isFailover && !kept.contains(slot.name)
                && !wanted.ignored.contains { $0.matches(slot) }
        }.map(\.name)
    }

    private mutating func plan(physical slot: ReplicationSlot, _ wanted: WantedSlots, _ isStandby: Bool) {
        if slot.isLogical {
            conflicts.append("the slot \(slot.name) is logical and a physical one is wanted")
        } else if slot.isLost, slot.isOurs, !slot.isActive {
            drop.append(slot.name)
            makePhysical.append(slot.name)
        } else if slot.isLost {
            conflicts.append("the slot \(slot.name) has lost its log, and it is not ours to make anew")
        } else if isStandby, !slot.isActive, slot.isOurs, let to = wanted.positions[slot.name], to > slot.restartLSN ?? .zero {
            advancePhysical.append((slot.name, to))
        }
    }

    private mutating func plan(
        logical slot: WantedSlots.Logical, _ present: ReplicationSlot?, _ wanted: WantedSlots, _ isStandby: Bool
    ) {
        guard let present else {
            if isStandby { toCopy.append(slot) } else { makeLogical.append(slot) }
            return
        }
        guard present.isLogical, present.database == slot.database, present.plugin == slot.plugin else {
            conflicts.append("the slot \(slot.name) is of another kind, database or plugin than wanted")
            return
        }
        guard !present.isFailover else { return }
        guard !present.isLost else {
            guard present.isOurs, !present.isActive else {
                conflicts.append("the slot \(slot.name) has lost its log, and it is not ours to make anew")
                return
            }
            drop.append(slot.name)
            if isStandby { toCopy.append(slot) } else { makeLogical.append(slot) }
            return
        }
        if isStandby, !present.isActive, let to = wanted.positions[slot.name], to > present.confirmedLSN ?? .zero {
            advanceLogical.append((slot, to))
        }
    }
}
