import YAML

extension Playbook {
    /// Reads a playbook.
    /// - Throws: ``PlaybookError`` or `YAMLError`, at the first thing that is wrong, with its place.
    public static func parse(_ text: String, file: String) throws -> Playbook {
        var reader = PlaybookReader(file: file)
        return try reader.read(text)
    }
}

/// A playbook that is refused: `file:line:column: what is wrong; allowed: what is right`.
public struct PlaybookError: Error, Equatable, Sendable, CustomStringConvertible {
    public var diagnostic: Diagnostic
    public var description: String { diagnostic.description }
}

struct PlaybookReader {
    enum Section: String, CaseIterable { case cluster, replica, finish }

    let file: String
    /// Names of `run` and `pause`, each once in a playbook.
    var operatorNames: Set<String> = []

    init(file: String) { self.file = file }

    mutating func read(_ text: String) throws -> Playbook {
        let sections = Section.allCases.map(\.rawValue).joined(separator: ", ")
        guard let root = try YAMLDocument.parse(text, file: file) else {
            throw error(.start, "the playbook is empty", allowed: sections)
        }
        guard let mapping = root.mapping else {
            throw error(root.position, "a playbook is a mapping of sections", allowed: sections)
        }
        for entry in mapping.entries where Section(rawValue: entry.key) == nil {
            throw error(
                entry.keyPosition, "unknown section '\(entry.key.excerpt)'", allowed: sections,
                suggestion: nearest(to: entry.key, among: Section.allCases.map(\.rawValue)))
        }
        var done: Set<StepName> = []
        var lists: [Section: [Playbook.Item]] = [:]
        for section in Section.allCases {
            guard let entry = mapping[section.rawValue] else {
                throw error(root.position, "the section '\(section.rawValue)' is missing", allowed: sections)
            }
            let items = try items(of: entry.value, section, done)
            lists[section] = items
            done.formUnion(items.names)
        }
        return Playbook(cluster: lists[.cluster] ?? [], replica: lists[.replica] ?? [], finish: lists[.finish] ?? [])
    }

    private mutating func items(
        of node: YAMLNode, _ section: Section, _ done: Set<StepName>
    ) throws(PlaybookError) -> [Playbook.Item] {
        let own = ownSteps(of: section)
        guard let nodes = node.sequence else {
            throw error(node.position, "'\(section.rawValue)' must be a list of steps", allowed: allowed(in: section))
        }
        var items: [Playbook.Item] = []
        for node in nodes {
            let item = try item(node, section)
            let name = item.name
            let before = items.names
            if case .step = item, before.contains(name) {
                throw error(node.position, "the step '\(name.rawValue)' stands here twice")
            }
            try require(name, at: node.position, section, before, done)
            items.append(item)
        }
        let names = items.names
        for name in own where !names.contains(name) && !Playbook.optional.contains(name) {
            throw error(node.position, "the step '\(name.rawValue)' is missing from '\(section.rawValue)'")
        }
        if section == .finish, items.last?.name != .unlock, let last = nodes.last {
            throw error(last.position, "'unlock' must be the last step: what comes after it is not protected")
        }
        return items
    }

    private func require(
        _ name: StepName, at position: YAMLPosition, _ section: Section, _ before: [StepName], _ done: Set<StepName>
    ) throws(PlaybookError) {
        for later in [StepName.secrets, .store] where name == .managedStore && before.contains(later) {
            throw error(
                position, "the step '\(name.rawValue)' must come before '\(later.rawValue)': "
                    + "it makes the store, and the agents' certificates for it")
        }
        for (required, reason) in Playbook.requirements(of: name, inReplica: section == .replica) {
            let isOwn = section == .replica && Self.ownOfReplica.contains(required)
            if before.contains(required) || (!isOwn && done.contains(required)) { continue }
            throw error(position, "the step '\(name.rawValue)' must come after '\(required.rawValue)': \(reason)")
        }
    }

    private mutating func item(_ node: YAMLNode, _ section: Section) throws(PlaybookError) -> Playbook.Item {
        if let mapping = node.mapping { return try operatorItem(mapping, node.position, section) }
        let allowed = allowed(in: section)
        guard let text = node.scalar?.text else {
            throw error(node.position, "a step is one word, or 'run' or 'pause' with its section", allowed: allowed)
        }
        guard let name = StepName(rawValue: text) else {
            throw error(
                node.position, "unknown step '\(text.excerpt)'", allowed: allowed,
                suggestion: nearest(to: text, among: StepName.allCases.map(\.rawValue)))
        }
        guard ownSteps(of: section).contains(name) else {
            let why = name == .restart
                ? "a restart is never a playbook's: 'pgadopt plan --allow-restart' offers one where it is needed"
                : [.run, .pause].contains(name)
                    ? "'\(text)' needs a section: '- \(text): {...}'"
                    : "the step '\(text)' does not belong in '\(section.rawValue)'"
            throw error(node.position, why, allowed: allowed)
        }
        return .step(name)
    }

    /// In a replica's section these mean the replica's own step, not the primary's of the same name.
    private static let ownOfReplica: Set<StepName> = [.baseBackup, .configFiles, .legacyUnit]

    private func ownSteps(of section: Section) -> [StepName] {
        switch section {
        case .cluster: Playbook.adopt.cluster.names
        case .replica: Playbook.adopt.replica.names
        case .finish: Playbook.adopt.finish.names
        }
    }

    func allowed(in section: Section) -> String {
        (ownSteps(of: section) + [.run, .pause]).map(\.rawValue).joined(separator: ", ")
    }

    func error(
        _ position: YAMLPosition, _ problem: String, allowed: String? = nil, suggestion: String? = nil
    ) -> PlaybookError {
        PlaybookError(
            diagnostic: Diagnostic(
                file: file, at: position, problem, allowed: allowed, suggestion: suggestion))
    }
}

extension Playbook.Item {
    var name: StepName {
        switch self {
        case .step(let name): name
        case .run: .run
        case .pause: .pause
        }
    }
}
