import JSON

/// What a member's key in the store says of its replication relay (`pgadopt_relay`); nil: it has none at present.
public struct RelayReport: Equatable, Sendable {
    /// Where replicas connect to.
    public var address: String
    /// Connections that it carries now; nil: it does not run.
    public var connections: Int?
    /// Seconds since 1970.
    public var certificateEnd: Int64?
    /// Why it does not run.
    public var problem: String?

    public init?(_ json: JSON?) {
        guard let json, let address = json["address"]?.string else { return nil }
        self.address = address
        connections = json["connections"]?.int.map { Int(clamping: $0) }
        certificateEnd = json["certificate_ends"]?.int
        problem = json["problem"]?.string
    }
}

/// - Parameter keys: of the store, whole or relative to `prefix`.
func relayCertificateEnd(_ keys: [String: String], member: String, prefix: String) -> Int64? {
    guard let text = keys["members/\(member)"] ?? keys["\(prefix)members/\(member)"],
        let json = try? JSON(parsing: text)
    else { return nil }
    return RelayReport(json["pgadopt_relay"])?.certificateEnd
}
