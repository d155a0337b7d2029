/// The operator's word that a failure is understood: it counts as a warning. Recorded in the finding, and with it
/// in the plan.
public struct Waiver: Codable, Hashable, Sendable, CustomStringConvertible {
    /// The check's name.
    public var rule: String
    /// Nil: on every host.
    public var host: String?

    public init(rule: String, host: String? = nil) {
        self.rule = rule
        self.host = host
    }

    /// Reads `NAME` or `NAME@HOST`.
    ///
    /// - Parameter hosts: the cluster's host names; empty: any name is taken.
    /// - Throws: ``PreflightError`` for a check or a host that does not exist. A waiver with a slip of the pen would
    ///   silently waive nothing.
    public init(parsing text: String, hosts: [String] = []) throws(PreflightError) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard allRules.contains(where: { $0.name == parts[0] }) else { throw .unknownRule(parts[0]) }
        rule = parts[0]
        host = parts.count > 1 ? parts[1] : nil
        if let host, !hosts.isEmpty, !hosts.contains(host) { throw .unknownHost(host, among: hosts) }
    }

    public var description: String { host.map { "\(rule)@\($0)" } ?? rule }

    func covers(_ finding: Finding) -> Bool { finding.name == rule && (host == nil || host == finding.host) }
}
