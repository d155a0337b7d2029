import JSON
import YAML

/// `standby_cluster` of the dynamic configuration: the cluster follows a server outside of it.
public struct StandbyCluster: Hashable, Sendable {
    /// One or several, with commas.
    public var host: String?
    public var port: Int?
    /// Nil: the standby leader uses no slot on the remote server.
    public var primarySlotName: String?
    /// Methods to make the standby leader; nil: the member's own.
    public var createReplicaMethods: [String]?
    public var restoreCommand: String?
    public var archiveCleanupCommand: String?
    /// As PostgreSQL reads it, such as `5min`.
    public var recoveryMinApplyDelay: String?

    public init(
        host: String? = nil, port: Int? = nil, primarySlotName: String? = nil, createReplicaMethods: [String]? = nil,
        restoreCommand: String? = nil, archiveCleanupCommand: String? = nil, recoveryMinApplyDelay: String? = nil
    ) {
        self.host = host
        self.port = port
        self.primarySlotName = primarySlotName
        self.createReplicaMethods = createReplicaMethods
        self.restoreCommand = restoreCommand
        self.archiveCleanupCommand = archiveCleanupCommand
        self.recoveryMinApplyDelay = recoveryMinApplyDelay
    }

    /// The section counts only when it says where WAL comes from.
    public var isEffective: Bool { host != nil || port != nil || restoreCommand != nil }

    var json: JSON {
        var object = JSONObject()
        object["host"] = host.map(JSON.string)
        object["port"] = port.map { .int(Int64($0)) }
        object["primary_slot_name"] = primarySlotName.map(JSON.string)
        object["create_replica_methods"] = createReplicaMethods.map { .array($0.map(JSON.string)) }
        object["restore_command"] = restoreCommand.map(JSON.string)
        object["archive_cleanup_command"] = archiveCleanupCommand.map(JSON.string)
        object["recovery_min_apply_delay"] = recoveryMinApplyDelay.map(JSON.string)
        return .object(object)
    }

    init(_ object: JSONObject, _ warn: (String) -> Void) {
        func text(_ key: String) -> String? {
            guard let value = object[key], !value.isNull else { return nil }
            guard let text = value.settingText else {
                warn("\(key) is no text; it is ignored")
                return nil
            }
            return text.isEmpty ? nil : text
        }
        host = text("host")
        if let written = text("port") {
            port = Int(written).flatMap { (1...65535).contains($0) ? $0 : nil }
            if port == nil { warn("port is '\(written.excerpt)', expected 1...65535; it is ignored") }
        }
        primarySlotName = text("primary_slot_name")
        createReplicaMethods = object["create_replica_methods"]?.array?.compactMap(\.string)
        restoreCommand = text("restore_command")
        archiveCleanupCommand = text("archive_cleanup_command")
        recoveryMinApplyDelay = text("recovery_min_apply_delay")
    }
}
