import Configuration
import PostgresModel

/// What our include file says beyond the wanted parameters. Read back from the file itself, so that a restarted agent
/// changes nothing that it was not told to change.
struct IncludeFile: Equatable, Sendable {
    /// Nil: no upstream.
    var primaryConnInfo: String?
    var primarySlotName: String?
    /// Nil: the owner's own value counts.
    var synchronousStandbyNames: String?

    init() {}

    init(parsing text: String) {
        let file = ConfFile(text: text)
        func value(_ name: String) -> String? { file.last(name)?.value }
        primaryConnInfo = value("primary_conninfo").flatMap { $0.isEmpty ? nil : $0 }
        primarySlotName = value("primary_slot_name").flatMap { $0.isEmpty ? nil : $0 }
        synchronousStandbyNames = value("synchronous_standby_names")
    }

    /// The text for a configuration.
    /// - Throws: for a name or value that no quoting can carry.
    func text(_ wanted: ServerConfiguration, member: String) throws(ConfigurationError) -> String {
        var all: [String: String] = [:]
        // A member's words come in any case; ours, below, must win.
        for (name, value) in wanted.parameters { all[name.lowercased()] = value }
        for (name, value) in wanted.recovery { all[name.lowercased()] = value }
        all["primary_conninfo"] = primaryConnInfo ?? ""
        all["primary_slot_name"] = primarySlotName ?? ""
        all["recovery_target_timeline"] = wanted.recovery["recovery_target_timeline"] ?? "latest"
        if wanted.hasLogicalSlots { all["hot_standby_feedback"] = "on" }
        if let synchronousStandbyNames { all["synchronous_standby_names"] = synchronousStandbyNames }
        let text = try ManagedConfiguration(scope: wanted.scope, member: member, parameters: all).render()
        guard let file = wanted.customFile else { return text }
        guard let quoted = ManagedConfiguration.quoted(file) else {
            throw ConfigurationError(.notRepresentable(name: "custom_conf"))
        }
        return "include \(quoted)\n" + text
    }
}
