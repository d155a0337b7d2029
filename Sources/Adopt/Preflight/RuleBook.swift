/// The checks of one topic.
public struct RuleGroup: Sendable {
    public var title: String
    public var rules: [Rule]
}

/// Every check by topic, in the order of the documentation.
public let ruleGroups: [RuleGroup] = [
    RuleGroup(title: "Access", rules: accessRules),
    RuleGroup(title: "Hosts", rules: hostRules),
    RuleGroup(title: "Sameness", rules: samenessRules),
    RuleGroup(title: "Kernel and memory", rules: kernelRules),
    RuleGroup(title: "Programs and libraries", rules: binaryRules),
    RuleGroup(title: "Settings of the primary", rules: settingRules),
    RuleGroup(title: "Configuration", rules: configurationRules),
    RuleGroup(title: "WAL, copies and archive", rules: walRules),
    RuleGroup(title: "pg_hba.conf", rules: hbaRules),
    RuleGroup(title: "Connections, simulated", rules: connectionRules),
    RuleGroup(title: "Roles and clients", rules: accountRules),
    RuleGroup(title: "Objects", rules: objectRules),
    RuleGroup(title: "Storage", rules: storageRules),
    RuleGroup(title: "Directories and disks", rules: directoryRules),
    RuleGroup(title: "Copies from pgBackRest", rules: backrestRules),
    RuleGroup(title: "Services", rules: serviceRules),
    RuleGroup(title: "Jobs and programs beside it", rules: jobRules),
    RuleGroup(title: "Network", rules: networkRules),
    RuleGroup(title: "Store", rules: storeRules),
    RuleGroup(title: "The store's health", rules: storeHealthRules),
    RuleGroup(title: "A managed store", rules: managedStoreRules),
    RuleGroup(title: "Roles of the servers", rules: standbyRules),
    RuleGroup(title: "Standbys", rules: standbyDetailRules),
    RuleGroup(title: "Standbys, taken over", rules: standbyTakeoverRules),
]

/// Every check, in the order of the documentation.
public let allRules: [Rule] = ruleGroups.flatMap(\.rules)

/// What `--explain NAME` shows of a check.
public struct RuleExplanation: Codable, Equatable, Sendable {
    public var name: String
    public var title: String
    public var topic: String
    /// In words; empty: never.
    public var fails: String
    public var warns: String
    public var why: String
    public var remedy: String
    /// When the remedy bites.
    public var effect: Finding.Effect

    /// A few lines for a terminal.
    public var text: String {
        var lines = ["\(name): \(title)  [\(topic)]"]
        if !fails.isEmpty { lines.append("  fails when:  \(fails)") }
        if !warns.isEmpty { lines.append("  warns when:  \(warns)") }
        lines.append("  why:         \(why)")
        lines.append("  remedy:      \(remedy) (\(effect.words))")
        return lines.joined(separator: "\n") + "\n"
    }
}

/// The check of that name.
///
/// - Throws: ``PreflightError`` when there is none, with the nearest name.
public func explain(_ name: String) throws(PreflightError) -> RuleExplanation {
    for group in ruleGroups {
        guard let rule = group.rules.first(where: { $0.name == name }) else { continue }
        return RuleExplanation(
            name: rule.name, title: rule.title, topic: group.title, fails: rule.fails, warns: rule.warns,
            why: rule.why, remedy: rule.remedy, effect: rule.effect)
    }
    throw PreflightError.unknownRule(name)
}

extension Finding.Effect {
    /// When the remedy takes effect, for people.
    public var words: String {
        switch self {
        case .none: "at once"
        case .reload: "at a reload"
        case .restart: "at a restart of PostgreSQL"
        case .service: "by a service action"
        case .human: "by a person's work"
        }
    }
}
