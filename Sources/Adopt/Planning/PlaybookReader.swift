import YAML

extension Playbook {
    /// Reads a playbook.
    /// - Throws: ``PlaybookError`` or `YAMLError`, at the first thing that is wrong, with its place.
    public static func parse(_ text: String, file: String) throws -> Playbook {
        try PlaybookReader(file: file).read(text)
    }
}

/// A playbook that is refused: `file:line:column: what is wrong; allowed: what is right`.
public struct PlaybookError: Error, Equatable, Sendable, CustomStringConvertible {
    public var diagnostic: Diagnostic
    public var description: String { diagnostic.description }
}

private struct PlaybookReader {
    enum Section: String, CaseIterable { case cluster, replica, finish }

    var file: String

    func read(_ text: String) throws -> Playbook {
        let sections = Section.allCases.map(\.rawValue).joined(separator: ", ")
        guard let root = try YAMLDocument.parse(text, file: file) else {
            throw error(.start, "the playbook is empty", allowed: sections)
        }
        guard let mapping = root.mapping else {
            throw error(root.position, "a playbook is a mapping of sections", allowed: sections)
        }
        for entry in mapping.entries where Section(rawValue: entry.key) == nil {
            throw error(
                entry.keyPosition, "unknown section '\(entry.key)'", allowed: sections,
                suggestion: nearest(to: entry.key, among: Section.allCases.map(\.rawValue)))
        }
        var done: Set<StepName> = []
        var lists: [Section: [StepName]] = [:]
        for section in Section.allCases {
            guard let entry = mapping[section.rawValue] else {
                throw error(root.position, "the section '\(section.rawValue)' is missing", allowed: sections)
            }
            lists[section] = try steps(of: entry.value, section, done)
            done.formUnion(lists[section] ?? [])
        }
        return Playbook(cluster: lists[.cluster] ?? [], replica: lists[.replica] ?? [], finish: lists[.finish] ?? [])
    }

    private func steps(of node: YAMLNode, _ section: Section, _ done: Set<StepName>) throws(PlaybookError) -> [StepName]
    {
        let allowed = allowed(in: section)
        guard let items = node.sequence else {
            throw error(node.position, "'\(section.rawValue)' must be a list of steps", allowed: list(allowed))
        }
        var names: [StepName] = []
        for item in items {
            let name = try step(item, section, allowed)
            if names.contains(name) { throw error(item.position, "the step '\(name.rawValue)' stands here twice") }
            for (required, reason) in Playbook.requirements(of: name, inReplica: section == .replica) {
                let isOwn = section == .replica && Self.ownOfReplica.contains(required)
                if names.contains(required) || (!isOwn && done.contains(required)) { continue }
                throw error(
                    item.position,
                    "the step '\(name.rawValue)' must come after '\(required.rawValue)': \(reason)")
            }
            names.append(name)
        }
        for name in allowed where !names.contains(name) {
            throw error(node.position, "the step '\(name.rawValue)' is missing from '\(section.rawValue)'")
        }
        return names
    }

    private func step(
        _ node: YAMLNode, _ section: Section, _ allowed: [StepName]
    ) throws(PlaybookError) -> StepName {
        guard let text = node.scalar?.text else {
            throw error(node.position, "a step is one word", allowed: list(allowed))
        }
        guard let name = StepName(rawValue: text) else {
            throw error(
                node.position, "unknown step '\(text)'", allowed: list(allowed),
                suggestion: nearest(to: text, among: StepName.allCases.map(\.rawValue)))
        }
        guard allowed.contains(name) else {
            throw error(
                node.position, "the step '\(text)' does not belong in '\(section.rawValue)'", allowed: list(allowed))
        }
        return name
    }

    /// In a replica's section these mean the replica's own step, not the primary's of the same name.
    private static let ownOfReplica: Set<StepName> = [.baseBackup, .configFiles, .legacyUnit]

    private func allowed(in section: Section) -> [StepName] {
        switch section {
        case .cluster: Playbook.adopt.cluster
        case .replica: Playbook.adopt.replica
        case .finish: Playbook.adopt.finish
        }
    }

    private func list(_ names: [StepName]) -> String { names.map(\.rawValue).joined(separator: ", ") }

    private func error(
        _ position: YAMLPosition, _ problem: String, allowed: String? = nil, suggestion: String? = nil
    ) -> PlaybookError {
        PlaybookError(
            diagnostic: Diagnostic(
                file: file, at: position, problem, allowed: allowed, suggestion: suggestion))
    }
}
