import JSON

/// What a member's tags mean (compatibility sheet d.6). The words of people are kept for publishing; this is how
/// the agent reads them.
public struct MemberTags: Hashable, Sendable {
    /// Never leads.
    public var nofailover: Bool
    /// Greater wins among members that are equally far; 0: never leads.
    public var failoverPriority: Int
    /// Never a synchronous standby.
    public var nosync: Bool
    /// Greater is chosen first as a synchronous standby; 0: never.
    public var syncPriority: Int
    /// `/replica` answers 503.
    public var noloadbalance: Bool
    /// New replicas are copied from here rather than from the leader.
    public var clonefrom: Bool
    /// The member to stream from instead of the leader, while it exists.
    public var replicatefrom: String?
    /// Restores from the archive only.
    public var nostream: Bool
    /// What the member key and the REST API show: without those that say "no" in many words.
    public var published: JSONObject
    /// Tags that contradict each other, in Patroni's sentence.
    public var conflicts: [String] = []

    public init(_ tags: JSONObject) {
        (nofailover, failoverPriority) = Self.priority(tags, "nofailover", "failover_priority")
        (nosync, syncPriority) = Self.priority(tags, "nosync", "sync_priority")
        noloadbalance = tags["noloadbalance"]?.isTrue ?? false
        clonefrom = tags["clonefrom"]?.isTrue ?? false
        replicatefrom = tags["replicatefrom"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        nostream = tags["nostream"]?.isTrue ?? false
        published = Self.published(tags)
        for (flag, number) in [("nofailover", "failover_priority"), ("nosync", "sync_priority")] {
            conflicts += Self.conflict(tags, flag, number).map { [$0] } ?? []
        }
    }

    /// The flag wins over the number; the number alone says both.
    private static func priority(_ tags: JSONObject, _ flag: String, _ number: String) -> (never: Bool, priority: Int) {
        let given = tags[number]?.number
        let priority = max(0, given ?? 1)
        guard let value = tags[flag], !value.isNull else { return (priority == 0, priority) }
        // Said to be allowed in spite of a number that says never: the least that takes part.
        return value.isTrue ? (true, 0) : (false, max(1, priority))
    }

    private static func published(_ tags: JSONObject) -> JSONObject {
        let flags: Set = ["clonefrom", "nofailover", "noloadbalance", "nosync", "nostream"]
        let partners = ["nofailover": "failover_priority", "nosync": "sync_priority"]
        var result = JSONObject()
        for (key, value) in tags {
            let hasPartner = partners[key].map { tags[$0] != nil } ?? false
            if !flags.contains(key) || hasPartner || value.isTruthy { result[key] = value }
        }
        return result
    }

    private static func conflict(_ tags: JSONObject, _ flag: String, _ number: String) -> String? {
        guard let value = tags[flag], !value.isNull, let priority = tags[number]?.number else { return nil }
        let isTrue = value.isTrue
        guard isTrue == (priority > 0) else { return nil }
        let word = isTrue ? "True" : "False"
        return "Conflicting configuration between \(flag): \(word) and \(number): \(priority). "
            + "Defaulting to \(flag): \(word)"
    }
}

extension JSON {
    /// `true`, `on`, `yes`, `1` in whatever type they come.
    var isTrue: Bool { flag ?? false }

    fileprivate var number: Int? {
        (int ?? string.flatMap { Int64($0) }).flatMap { Int(exactly: $0) }
    }

    /// What Python would call true.
    fileprivate var isTruthy: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .double(let value): value != 0
        case .string(let value): !value.isEmpty
        case .array(let items): !items.isEmpty
        case .object(let object): !object.isEmpty
        }
    }
}
