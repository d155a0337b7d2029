/// Which checks to run: `check --only NAME`.
public struct RuleSelection: Hashable, Sendable {
    /// Nil: all.
    private var names: Set<String>?

    public static let all = RuleSelection(names: nil)

    private init(names: Set<String>?) { self.names = names }

    /// - Parameter patterns: names (`wal.level`) or topics of names (`wal` or `wal.*`: every check that begins with
    ///   `wal.`). Empty: all.
    /// - Throws: ``PreflightError`` for one that matches nothing.
    public init(parsing patterns: [String]) throws(PreflightError) {
        guard !patterns.isEmpty else {
            names = nil
            return
        }
        var chosen: Set<String> = []
        for pattern in patterns {
            let prefix = (pattern.hasSuffix(".*") ? String(pattern.dropLast(2)) : pattern) + "."
            let matches = allRules.map(\.name).filter { $0 == pattern || $0.hasPrefix(prefix) }
            if matches.isEmpty { throw .unknownRule(pattern) }
            chosen.formUnion(matches)
        }
        names = chosen
    }

    public func contains(_ rule: Rule) -> Bool { names?.contains(rule.name) ?? true }
}
