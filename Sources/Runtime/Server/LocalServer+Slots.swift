import HACore
import Kernel
import PostgresClient
import PostgresModel
import Timekeeping

extension LocalServer {
    /// All slots but temporary ones.
    public func slots(by deadline: BootInstant) async throws -> [ReplicationSlot] {
        let ours = slotsWeMade
        // Columns that came with later versions are read by way of JSON.
        let rows = try await query(
            """
            select slot_name, active, database, plugin, restart_lsn, confirmed_flush_lsn,
              to_jsonb(s) ->> 'wal_status', to_jsonb(s) ->> 'failover', catalog_xmin
            from pg_catalog.pg_replication_slots s where not temporary order by slot_name
            """, by: deadline
        ).rows
        return rows.compactMap { row in
            guard let name = row[0] else { return nil }
            return ReplicationSlot(
                name: name, isActive: row[1] == "t", database: row[2], plugin: row[3],
                restartLSN: row[4].flatMap { LSN($0) }, confirmedLSN: row[5].flatMap { LSN($0) }, walStatus: row[6],
                isFailover: row[7] == "true", catalogXmin: row[8], isOurs: ours.contains(name))
        }
    }

    /// Brings the slots to what is wanted: makes those that are missing (and anew those of ours that have lost their
    /// log), drops ours that nobody wants and nobody uses, and moves a standby's to where the leader's are. What we
    /// did not make is never dropped.
    @discardableResult
    public func syncSlots(_ wanted: WantedSlots, by deadline: BootInstant) async throws -> SlotOutcome {
        let isStandby = try await isInRecovery(by: deadline)
        let plan = SlotPlan(
            wanted, present: try await slots(by: deadline), own: slotName(forMember: settings.name), isStandby: isStandby)
        var outcome = SlotOutcome()
        outcome.toCopy = plan.toCopy
        outcome.conflicts = plan.conflicts
        for name in plan.drop {
            try await dropSlot(name, by: deadline)
            outcome.dropped.append(name)
        }
        for name in plan.makePhysical {
            try await makeSlot(name, by: deadline)
            outcome.made.append(name)
        }
        for slot in plan.makeLogical {
            try recordSlots(slotsWeMade.union([slot.name]))
            _ = try await inDatabase(
                slot.database, "select pg_catalog.pg_create_logical_replication_slot($1, $2)", [slot.name, slot.plugin],
                by: deadline)
            outcome.made.append(slot.name)
        }
        for (name, to) in plan.advancePhysical {
            try await advance(name, to, by: deadline)
            outcome.advanced.append(name)
        }
        for (slot, to) in plan.advanceLogical {
            if try await advanceLogical(slot, to, by: deadline) { outcome.advanced.append(slot.name) } else {
                outcome.toCopy.append(slot)
            }
        }
        return outcome
    }

    /// Makes a slot for each of these members that has none; our own name is left out. Slots hold log from now on.
    /// Returns the names made.
    @discardableResult
    public func keepSlots(for members: [String], by deadline: BootInstant) async throws -> [String] {
        let present = Set(try await slots(by: deadline).map(\.name))
        var made: [String] = []
        for name in members.filter({ $0 != settings.name }).map(slotName(forMember:)) where !present.contains(name) {
            try await makeSlot(name, by: deadline)
            made.append(name)
        }
        return made
    }

    /// Drops our inactive slots of members that are not in `members` any more. Slots of others are never touched.
    @discardableResult
    public func dropSlots(exceptFor members: [String], by deadline: BootInstant) async throws -> [String] {
        let wanted = Set(members.map(slotName(forMember:)))
        let idle = try await slots(by: deadline).filter {
            $0.isOurs && !$0.isLogical && !$0.isActive && !wanted.contains($0.name)
        }
        for slot in idle { try await dropSlot(slot.name, by: deadline) }
        return idle.map(\.name)
    }

    /// Moves our inactive slots forward, on standbys that keep slots for others: to `positions` (slot name to LSN),
    /// never back.
    public func advanceSlots(to positions: [String: LSN], by deadline: BootInstant) async throws {
        for slot in try await slots(by: deadline) where slot.isOurs && !slot.isActive && !slot.isLogical {
            guard let target = positions[slot.name], target > slot.restartLSN ?? .zero else { continue }
            try await advance(slot.name, target, by: deadline)
        }
    }

    /// Gives a standby the leader's logical slots: reads their state from the leader, stops the standby, writes them,
    /// and starts it again. PostgreSQL 11 and later; the leader's login needs pg_read_binary_file, as pg_rewind does.
    /// - Returns: the slots copied. The standby is stopped when this throws in the middle.
    public func copyLogicalSlots(
        _ wanted: [WantedSlots.Logical], from leader: Upstream, by deadline: BootInstant
    ) async throws -> [String] {
        let states = try await slotStates(wanted.map(\.name), of: leader, by: deadline)
        guard !states.isEmpty else { return [] }
        try await stop(.fast, by: deadline)
        try recordSlots(slotsWeMade.union(states.map(\.name)))
        for (name, state) in states {
            let directory = "\(settings.dataDirectory)/pg_replslot/\(name)"
            try files.makeDirectory(directory)
            try files.write(bytes: state, to: "\(directory)/state")
        }
        try await start(.standby(leader), by: deadline)
        log.info("logical slots copied from \(leader.name)", metadata: ["slots": "\(states.map(\.name))"])
        return states.map(\.name)
    }

    // MARK: parts

    private func makeSlot(_ name: String, by deadline: BootInstant) async throws {
        // Recorded first: a slot we cannot say is ours would never be dropped.
        try recordSlots(slotsWeMade.union([name]))
        _ = try await query("select pg_catalog.pg_create_physical_replication_slot($1, true)", [name], by: deadline)
    }

    private func dropSlot(_ name: String, by deadline: BootInstant) async throws {
        _ = try await query("select pg_catalog.pg_drop_replication_slot($1)", [name], by: deadline)
        try recordSlots(slotsWeMade.subtracting([name]))
        log.info("dropped our slot \(name)")
    }

    private func advance(_ name: String, _ target: LSN, by deadline: BootInstant) async throws {
        _ = try await query(
            """
            select pg_catalog.pg_replication_slot_advance(
              $1, least($2::pg_lsn, pg_catalog.pg_last_wal_replay_lsn()))
            """,
            [name, target.description], by: deadline)
    }

    /// False when the slot cannot be read from any more (58P01: its log is gone; 55000: it was invalidated).
    private func advanceLogical(
        _ slot: WantedSlots.Logical, _ target: LSN, by deadline: BootInstant
    ) async throws -> Bool {
        do {
            _ = try await inDatabase(
                slot.database,
                """
                select pg_catalog.pg_replication_slot_advance(
                  $1, least($2::pg_lsn, pg_catalog.pg_last_wal_replay_lsn()))
                """,
                [slot.name, target.description], by: deadline)
            return true
        } catch let error as PostgresError where error.sqlState == "58P01" || error.sqlState == "55000" {
            log.warning("the logical slot \(slot.name) is to be copied again: \(error)")
            return false
        }
    }

    /// Logical slots are used in their own database.
    private func inDatabase(
        _ database: String, _ sql: String, _ parameters: [String?], by deadline: BootInstant
    ) async throws -> QueryResult {
        var target = settings.localConnection(options: ServerSettings.neverWaiting)
        target["dbname"] = database
        let connection = try await PostgresConnection.connect(target, by: deadline, clock: clock)
        let result = try await connection.query(sql, parameters, by: deadline)
        await connection.close()
        return result
    }

    private func slotStates(
        _ names: [String], of leader: Upstream, by deadline: BootInstant
    ) async throws -> [(name: String, state: [UInt8])] {
        let login = settings.rewind
        var target = login.options
        target["host"] = leader.host
        target["port"] = String(leader.port)
        target["dbname"] = settings.database
        target["user"] = login.user
        target["password"] = login.password
        target["application_name"] = "pgadopt-agent"
        let connection = try await PostgresConnection.connect(target, by: deadline, clock: clock)
        let rows = try await connection.query(
            """
            select slot_name, pg_catalog.encode(
              pg_catalog.pg_read_binary_file('pg_replslot/' || slot_name || '/state', 0, 1048576, true), 'hex')
            from pg_catalog.pg_replication_slots
            where slot_type = 'logical' and not temporary and slot_name = any ($1::text[])
              and coalesce((to_jsonb(pg_replication_slots) ->> 'failover')::boolean, false) = false
            order by slot_name
            """, ["{\(names.joined(separator: ","))}"], by: deadline
        ).rows
        await connection.close()
        return rows.compactMap { row in
            guard let name = row[0], let state = row[1].flatMap(bytes(fromHex:)), !state.isEmpty else { return nil }
            return (name, state)
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

/// Nil for an odd number of digits or anything else than digits.
private func bytes(fromHex text: String) -> [UInt8]? {
    let digits = text.utf8.map { UInt8(Character(UnicodeScalar($0)).hexDigitValue ?? 255) }
    guard digits.count % 2 == 0, !digits.contains(255) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
