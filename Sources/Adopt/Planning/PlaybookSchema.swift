import YAML

/// The keys of `run:` and `pause:` in a playbook.
enum PlaybookSchema {
    /// A command may read configuration again or touch a service; it may not be a restart in disguise.
    static let effects = StepEffect.allCases.filter { $0 != .restart }.map(\.rawValue)

    static let run = Schema("'run'", [
        KeySpec("name", .stepLabel, required: true, "What the command is called in plans and journals"),
        KeySpec("command", .any, required: true, "A script for /bin/sh"),
        KeySpec("on", .any, default: "primary; in 'replica' the replica", "The hosts"),
        KeySpec("effect", .oneOf(effects), required: true, "What it means for those who use the server"),
        KeySpec("undo", .any, "A script that takes it back"),
        KeySpec("user", .text, default: "root", "The OS user it runs as"),
        KeySpec("timeout", .duration, default: "5min", "After that it counts as failed"),
    ])

    static let pause = Schema("'pause'", [
        KeySpec("name", .stepLabel, required: true, "What the pause is called in plans and journals"),
        KeySpec("message", .text, required: true, "What the person who is asked reads"),
    ])
}

extension ValueType {
    static let stepLabel = ValueType.checked(allowed: "1 to 40 letters, digits and '-'") { text in
        let isGood = (1...40).contains(text.utf8.count) && text.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
        }
        return isGood ? .good : .bad("is '\(text.excerpt)'")
    }
}

extension PlaybookReader {
    /// `- run: {...}` or `- pause: {...}`.
    mutating func operatorItem(
        _ mapping: YAMLMapping, _ position: YAMLPosition, _ section: Section
    ) throws(PlaybookError) -> Playbook.Item {
        guard mapping.entries.count == 1, let entry = mapping.entries.first else {
            throw error(position, "a step with keys is 'run' or 'pause', one of them", allowed: "run, pause")
        }
        switch entry.key {
        case "run": return .run(try command(entry, section))
        case "pause": return .pause(try pause(entry))
        default:
            throw error(
                entry.keyPosition, "unknown step '\(entry.key.excerpt)'", allowed: "run, pause",
                suggestion: nearest(to: entry.key, among: ["run", "pause"]))
        }
    }

    private mutating func command(
        _ entry: YAMLMapping.Entry, _ section: Section
    ) throws(PlaybookError) -> OperatorCommand {
        let node = entry.value
        try check(node, PlaybookSchema.run)
        let hosts = try hosts(node["on"], section)
        let timeout = node["timeout"]?.asDuration?.components.seconds ?? 300
        guard timeout >= 1 else {
            throw error(node["timeout"]?.position ?? entry.keyPosition, "'timeout' is less than a second")
        }
        return OperatorCommand(
            name: try label(node), command: try script(node, "command") ?? "", hosts: hosts,
            effect: node["effect"]?.asText.flatMap(StepEffect.init) ?? .none, undo: try script(node, "undo"),
            user: node["user"]?.asText ?? "root", timeout: Int(timeout), place: "\(file):\(entry.keyPosition)")
    }

    private func hosts(_ node: YAMLNode?, _ section: Section) throws(PlaybookError) -> OperatorCommand.Hosts {
        guard let node, !node.isNull else { return section == .replica ? .replica : .primary }
        let words = ["primary", "replicas", "members"] + (section == .replica ? ["replica"] : [])
        let allowed = words.joined(separator: ", ") + ", or a list of hosts"
        if let names = node.sequence {
            let known = names.compactMap(\.asText).filter { !$0.isEmpty && $0.isOneLine }
            guard !names.isEmpty, known.count == names.count else {
                throw error(node.position, "'on' is no list of hosts", allowed: allowed)
            }
            return .named(known)
        }
        switch node.asText {
        case "primary": return .primary
        case "replicas": return .replicas
        case "members": return .members
        case "replica" where section == .replica: return .replica
        case "replica":
            throw error(
                node.position, "'on: replica' is only known in the section 'replica'", allowed: allowed,
                suggestion: "replicas")
        default:
            let text = node.asText ?? ""
            throw error(
                node.position, "'on' is '\(text.excerpt)'", allowed: allowed,
                suggestion: nearest(to: text, among: words))
        }
    }

    private mutating func pause(_ entry: YAMLMapping.Entry) throws(PlaybookError) -> OperatorPause {
        try check(entry.value, PlaybookSchema.pause)
        return OperatorPause(
            name: try label(entry.value), message: entry.value["message"]?.asText ?? "",
            place: "\(file):\(entry.keyPosition)")
    }

    private func check(_ node: YAMLNode, _ schema: Schema) throws(PlaybookError) {
        var report = Diagnostics(file: file)
        schema.check(node, named: schema.title.filter { $0 != "'" }, &report)
        let errors = report.sorted.filter { $0.severity == .error }
        // A slip of the pen explains a key that is missing, not the other way round.
        guard let worst = errors.first(where: { $0.suggestion != nil }) ?? errors.first else { return }
        throw PlaybookError(diagnostic: worst)
    }

    /// The name, which no other command or pause of the playbook may have.
    private mutating func label(_ node: YAMLNode) throws(PlaybookError) -> String {
        let name = node["name"]?.asText ?? ""
        guard operatorNames.insert(name).inserted else {
            throw error(node["name"]?.position ?? node.position, "the name '\(name)' is there twice")
        }
        return name
    }

    /// A script may have several lines, but no control characters that a terminal would hide.
    private func script(_ node: YAMLNode, _ key: String) throws(PlaybookError) -> String? {
        guard let value = node[key], !value.isNull else { return nil }
        guard let text = value.asText, text.contains(where: { !$0.isWhitespace }) else {
            throw error(value.position, "'\(key)' holds no command", allowed: "a script for /bin/sh")
        }
        let hidden = text.unicodeScalars.contains {
            ($0.value < 0x20 && $0 != "\n" && $0 != "\t") || (0x7F...0x9F).contains($0.value)
        }
        if hidden { throw error(value.position, "'\(key)' holds a control character") }
        return text
    }
}
