/// The verdict of one check on one host.
public struct Finding: Codable, Equatable, Sendable {
    public enum Verdict: String, Codable, Sendable, Comparable, CaseIterable {
        case ok, warn, fail
        public static func < (a: Self, b: Self) -> Bool {
            allCases.firstIndex(of: a).unsafelyUnwrapped < allCases.firstIndex(of: b).unsafelyUnwrapped
        }
    }

    /// When the remedy bites: at once, by reload, at the next restart, by a service action, or by a person's work.
    public enum Effect: String, Codable, Sendable { case none, reload, restart, service, human }

    /// Stable dotted name, such as `wal.level`.
    public var name: String
    /// The host it speaks of; nil: the cluster or the store.
    public var host: String?
    public var verdict: Verdict
    /// One line with the numbers.
    public var summary: String
    /// Why it matters; empty when ok.
    public var why: String
    /// What to do; empty when ok.
    public var remedy: String
    public var effect: Effect
    /// The operator waived this failure, and it counts as a warning.
    public var waiver: Waiver?

    public var isWaived: Bool { waiver != nil }

    public init(
        name: String, host: String?, verdict: Verdict, summary: String, why: String = "", remedy: String = "",
        effect: Effect = .none, waiver: Waiver? = nil
    ) {
        self.name = name
        self.host = host
        self.verdict = verdict
        self.summary = summary
        self.why = why
        self.remedy = remedy
        self.effect = effect
        self.waiver = waiver
    }
}
