import JSON
import PostgresModel

extension ClusterView {
    /// Decodes the keys below the base path (`leader`, `members/h1`, `config`, ...), as tolerant as Patroni 4.1:
    /// anything that cannot be read is taken for empty, unknown keys are passed over, and no bytes stop it.
    public static func decode(_ keys: [String: StoredValue], revision: Int64) -> ClusterView {
        var view = ClusterView(revision: revision)
        view.initialize = keys["initialize"].map(\.text)
        view.initializeRevision = keys["initialize"]?.modRevision ?? 0
        view.leader = keys["leader"].map {
            LeaderKey(name: $0.text, lease: $0.lease, createRevision: $0.createRevision, modRevision: $0.modRevision)
        }
        view.members = keys.compactMap { path, stored in
            memberName(path).map { Member(name: $0, decoding: stored) }
        }
        view.members.sort { $0.name < $1.name }
        view.config = keys["config"].map(ConfigKey.init(decoding:))
        view.failover = keys["failover"].map(FailoverKey.init(decoding:))
        view.sync = keys["sync"].map(SyncKey.init(decoding:))
        view.status = StatusKey(decoding: keys["status"], legacyOptime: keys["optime/leader"])
        view.history = keys["history"].map(HistoryEntry.decode) ?? []
        view.failsafe = keys["failsafe"].flatMap { $0.object?.compactMapStrings }
        for name in StoreMark.decisiveKeys { view.decisiveRevisions[name] = keys[name]?.modRevision }
        return view
    }

    /// `members/NAME` with exactly one slash; anything else is not a member.
    private static func memberName(_ path: String) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "members", !parts[1].isEmpty else { return nil }
        return String(parts[1])
    }
}

extension StoredValue {
    /// The value as text; bytes that are not UTF-8 become replacement characters.
    var text: String { String(decoding: value, as: UTF8.self) }
    /// The value as JSON, nil when it is not JSON.
    var json: JSON? { try? JSON(parsing: value) }
    var object: JSONObject? { json?.object }
}

extension JSON {
    /// A position: an integer, or (as old versions and other writers have it) its decimal text.
    var lsn: LSN? {
        if let int { return UInt64(exactly: int).map(LSN.init(rawValue:)) }
        return string.flatMap { UInt64($0) }.map(LSN.init(rawValue:))
    }

    var timeline: Timeline? {
        guard let int, let value = UInt32(exactly: int), value > 0 else { return nil }
        return Timeline(value)
    }

    /// Text that says something; an empty string counts as absent, as in Patroni.
    var nonEmptyString: String? { string.flatMap { $0.isEmpty ? nil : $0 } }

    /// The value itself, or the JSON that a string holds (Patroni accepts both for slots).
    var unwrapped: JSON { string.flatMap { try? JSON(parsing: $0) } ?? self }
}

extension JSONObject {
    var compactMapStrings: [String: String] {
        var result: [String: String] = [:]
        for (key, value) in self { result[key] = value.string }
        return result
    }
}

extension ConfigKey {
    /// Text that is no JSON object is "no valid config": empty, revision 0 (the leader will write it anew).
    init(decoding stored: StoredValue) {
        if let object = stored.object {
            self.init(modRevision: stored.modRevision, value: .object(object))
        } else {
            self.init(modRevision: 0, value: .object([:]))
        }
    }
}

extension FailoverKey {
    /// JSON, or the old form `leader:candidate`.
    init(decoding stored: StoredValue) {
        self.init(modRevision: stored.modRevision)
        if let json = stored.json {
            leader = json["leader"]?.nonEmptyString
            candidate = json["member"]?.nonEmptyString
            scheduledAt = json["scheduled_at"]?.nonEmptyString
            return
        }
        let parts = stored.text.split(separator: ":", omittingEmptySubsequences: false).map { $0.trimmed }
        leader = parts.first.flatMap { $0.isEmpty ? nil : $0 }
        candidate = parts.dropFirst().first.flatMap { $0.isEmpty ? nil : $0 }
    }
}

extension SyncKey {
    init(decoding stored: StoredValue) {
        let object = stored.object ?? [:]
        let leader = object["leader"]?.nonEmptyString
        let standbys = (object["sync_standby"]?.string ?? "").split(separator: ",").map { $0.trimmed }
        self.init(
            modRevision: stored.modRevision, leader: leader,
            quorum: leader == nil ? 0 : object["quorum"]?.int.map { Int(clamping: max(0, $0)) } ?? 0,
            standbys: standbys.filter { !$0.isEmpty })
    }
}

extension StatusKey {
    /// `status`, which may be a bare integer; without it the old `optime/leader`.
    init(decoding stored: StoredValue?, legacyOptime: StoredValue?) {
        self.init()
        guard let stored else {
            optime = legacyOptime.flatMap { UInt64($0.text.trimmed) }.map(LSN.init(rawValue:))
            return
        }
        guard let json = stored.json else { return }
        guard let object = json.object else {
            optime = json.lsn
            return
        }
        optime = object["optime"]?.lsn
        for (name, value) in object["slots"]?.unwrapped.object ?? [:] {
            if let lsn = value.lsn { slots[name] = lsn }
        }
        retainSlots = (object["retain_slots"]?.unwrapped.array ?? []).compactMap(\.string)
    }
}

extension HistoryEntry {
    static func decode(_ stored: StoredValue) -> [HistoryEntry] {
        (stored.json?.array ?? []).compactMap { entry in
            guard let fields = entry.array, fields.count >= 2, let timeline = fields[0].timeline,
                let lsn = fields[1].lsn
            else { return nil }
            func text(_ index: Int) -> String? { index < fields.count ? fields[index].string : nil }
            return HistoryEntry(
                timeline: timeline, lsn: lsn, reason: text(2) ?? "", timestamp: text(3), newLeader: text(4))
        }
    }
}

extension StringProtocol {
    /// Without blanks at the ends (FoundationEssentials is not needed for this).
    var trimmed: String {
        let isBlank: (Character) -> Bool = { $0.isWhitespace }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(self[first...last])
    }
}
