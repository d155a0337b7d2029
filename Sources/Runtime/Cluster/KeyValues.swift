import JSON
import PostgresModel

// Values as Patroni writes them: its key order, and compact when written with `.text`.

extension StatusKey {
    public var json: JSON {
        var object = JSONObject()
        object["optime"] = .int(Int64(clamping: optime?.rawValue ?? 0))
        var positions = JSONObject()
        for name in slots.keys.sorted() { positions[name] = slots[name]?.json }
        if !slots.isEmpty { object["slots"] = .object(positions) }
        if !retainSlots.isEmpty { object["retain_slots"] = .array(retainSlots.sorted().map(JSON.string)) }
        return .object(object)
    }
}

extension FailoverKey {
    /// `{}` for none: Patroni clears the key by this and never deletes it.
    public var json: JSON {
        var object = JSONObject()
        object["leader"] = leader.map(JSON.string)
        object["member"] = candidate.map(JSON.string)
        object["scheduled_at"] = scheduledAt.map(JSON.string)
        return .object(object)
    }
}

extension SyncKey {
    public var json: JSON {
        [
            "leader": leader.map(JSON.string) ?? .null,
            "quorum": .int(Int64(quorum)),
            "sync_standby": standbys.isEmpty ? .null : .string(standbys.joined(separator: ",")),
        ]
    }
}

extension HistoryEntry {
    /// `[[timeline,lsn,"reason","timestamp","new leader"],...]`; fields that are missing at the end are left out.
    public static func json(_ entries: [HistoryEntry]) -> JSON {
        .array(entries.map { entry in
            var fields: [JSON] = [.int(Int64(entry.timeline.rawValue)), entry.lsn.json, .string(entry.reason)]
            if let timestamp = entry.timestamp {
                fields.append(.string(timestamp))
                if let newLeader = entry.newLeader { fields.append(.string(newLeader)) }
            }
            return .array(fields)
        })
    }
}

extension ClusterView {
    /// The cluster's timeline by `history`: one above the last that ended; nil when nothing is recorded.
    public var timeline: Timeline? { history.last.map { Timeline($0.timeline.rawValue &+ 1) } }

    /// `pause` of the dynamic configuration.
    public var isPaused: Bool { config?.value["pause"]?.bool ?? false }
}
