import FoundationEssentials
import Preflight

/// The findings of one cluster for programs: `check --json`.
public struct FindingsReport: Codable, Equatable, Sendable {
    /// Raised when a field changes its meaning.
    public var format = 1
    public var cluster: String
    /// RFC 3339, UTC.
    public var takenAt: String
    public var failures: Int
    public var warnings: Int
    public var waived: Int
    public var ok: Int
    /// The worst first.
    public var findings: [Finding]

    public init(cluster: String, takenAt: String, findings: [Finding]) {
        self.cluster = cluster
        self.takenAt = takenAt
        self.findings = findings
        failures = findings.count { $0.verdict == .fail }
        warnings = findings.count { $0.verdict == .warn && !$0.isWaived }
        waived = findings.count(where: \.isWaived)
        ok = findings.count { $0.verdict == .ok }
    }

    /// Keys sorted, slashes as they are.
    public func encoded() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
