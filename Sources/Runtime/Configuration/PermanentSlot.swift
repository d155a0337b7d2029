import JSON

/// A replication slot that exists on every member that may lead, whoever leads (`slots` of the dynamic
/// configuration).
public struct PermanentSlot: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case physical
        case logical(database: String, plugin: String)
    }

    /// Where the slot is wanted; nil: in both.
    public enum ClusterType: String, CaseIterable, Hashable, Sendable { case primary, standby }

    public var name: String
    public var kind: Kind
    public var clusterType: ClusterType?

    public init(name: String, kind: Kind = .physical, clusterType: ClusterType? = nil) {
        self.name = name
        self.kind = kind
        self.clusterType = clusterType
    }

    /// The description below the name, as Patroni writes it.
    var json: JSON {
        var object = JSONObject()
        switch kind {
        case .physical: object["type"] = "physical"
        case .logical(let database, let plugin):
            object["type"] = "logical"
            object["database"] = .string(database)
            object["plugin"] = .string(plugin)
        }
        if let clusterType { object["cluster_type"] = .string(clusterType.rawValue) }
        return .object(object)
    }

    /// Nothing but a name is physical; anything that is neither is nil, with the reason.
    static func read(_ name: String, _ value: JSON) -> (slot: PermanentSlot?, problem: String?) {
        guard isSlotName(name) else { return (nil, "is no slot's name (lower-case letters, digits and _)") }
        guard let object = value.object, !object.isEmpty else {
            let isNothing = value.isNull || value.object != nil || value.flag == false || value.string == ""
            return isNothing ? (PermanentSlot(name: name), nil) : (nil, "is neither empty nor an object")
        }
        var slot = PermanentSlot(name: name)
        slot.clusterType = object["cluster_type"]?.string.flatMap { ClusterType(rawValue: $0.lowercased()) }
        let database = object["database"]?.string ?? ""
        let plugin = object["plugin"]?.string ?? ""
        switch object["type"]?.string?.lowercased() {
        case nil where database.isEmpty || plugin.isEmpty, "physical": return (slot, nil)
        case nil, "logical":
            guard !database.isEmpty, !plugin.isEmpty else { return (nil, "is logical without a database and a plugin") }
            slot.kind = .logical(database: database, plugin: plugin)
            return (slot, nil)
        default: return (nil, "has a type other than physical and logical")
        }
    }

    /// PostgreSQL's rule (ReplicationSlotValidateName).
    static func isSlotName(_ name: String) -> Bool {
        (1...63).contains(name.utf8.count) && name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_")
        }
    }
}
