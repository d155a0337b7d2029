import Kernel
import PostgresClient
import PostgresModel
import Timekeeping

/// A physical replication slot of this server.
public struct PhysicalSlot: Equatable, Sendable {
    public var name: String
    public var isActive: Bool
    public var restartLSN: LSN?
    /// `lost` when its log is gone (PostgreSQL 13 and later).
    public var walStatus: String?
    /// Made by this agent, by its own record.
    public var isOurs: Bool

    public init(name: String, isActive: Bool, restartLSN: LSN?, walStatus: String?, isOurs: Bool) {
        self.name = name
        self.isActive = isActive
        self.restartLSN = restartLSN
        self.walStatus = walStatus
        self.isOurs = isOurs
    }
}

extension LocalServer {
    /// The physical slots that are there.
    public func slots(by deadline: BootInstant) async throws -> [PhysicalSlot] {
        let ours = slotsWeMade
        let rows = try await query(
            """
            select slot_name, active, restart_lsn, to_jsonb(s) ->> 'wal_status'
            from pg_catalog.pg_replication_slots s
            where slot_type = 'physical' and not temporary order by slot_name
            """, by: deadline
        ).rows
        return rows.compactMap { row in
            guard let name = row[0] else { return nil }
            return PhysicalSlot(
                name: name, isActive: row[1] == "t", restartLSN: row[2].flatMap { LSN($0) }, walStatus: row[3],
                isOurs: ours.contains(name))
        }
    }

    /// Makes a slot for each of these members that has none; our own name is left out. Slots that hold no log yet are
    /// made to hold it from now on. Returns the names made.
    @discardableResult
    public func keepSlots(for members: [String], by deadline: BootInstant) async throws -> [String] {
        let present = Set(try await slots(by: deadline).map(\.name))
        var made: [String] = []
        for name in members.filter({ $0 != settings.name }).map(slotName(forMember:)) where !present.contains(name) {
            // Recorded first: a slot we cannot say is ours would never be dropped.
            try recordSlots(slotsWeMade.union([name]))
            _ = try await query(
                "select pg_catalog.pg_create_physical_replication_slot($1, true)", [name], by: deadline)
            made.append(name)
        }
        return made
    }

    /// Drops our inactive slots of members that are not in `members` any more. Slots of others are never touched.
    @discardableResult
    public func dropSlots(exceptFor members: [String], by deadline: BootInstant) async throws -> [String] {
        let wanted = Set(members.map(slotName(forMember:)))
        let idle = try await slots(by: deadline).filter { $0.isOurs && !$0.isActive && !wanted.contains($0.name) }
        for slot in idle {
            _ = try await query("select pg_catalog.pg_drop_replication_slot($1)", [slot.name], by: deadline)
            try recordSlots(slotsWeMade.subtracting([slot.name]))
        }
        return idle.map(\.name)
    }

    /// Moves our inactive slots forward, on standbys that keep slots for others: to `positions` (slot name to LSN),
    /// never back.
    public func advanceSlots(to positions: [String: LSN], by deadline: BootInstant) async throws {
        for slot in try await slots(by: deadline) where slot.isOurs && !slot.isActive {
            guard let target = positions[slot.name], target > slot.restartLSN ?? .zero else { continue }
            _ = try await query(
                """
                select pg_catalog.pg_replication_slot_advance(
                  $1, least($2::pg_lsn, pg_catalog.pg_last_wal_replay_lsn()))
                """,
                [slot.name, target.description], by: deadline)
        }
    }

    // MARK: the record of slots we made

    private var slotRecord: String { "\(settings.stateDirectory)/slots" }

    private var slotsWeMade: Set<String> {
        Set(((try? readSmallText(slotRecord)) ?? "").split(separator: "\n").map(String.init))
    }

    private func recordSlots(_ names: Set<String>) throws {
        try files.makeDirectory(settings.stateDirectory)
        try files.write(names.sorted().map { $0 + "\n" }.joined(), to: slotRecord)
    }
}
