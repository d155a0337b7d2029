import Facts
import Inventory

/// One check: a pure function from facts and inventory to findings, and what a person wants to know of it.
public struct Rule: Sendable {
    /// Stable dotted name; waivers and scripts refer to it.
    public var name: String
    /// What is checked, in a few words.
    public var title: String
    /// When it fails and when it warns, in words; empty: never.
    public var fails: String
    public var warns: String
    /// Why it matters; copied into findings that are not ok.
    public var why: String
    /// What to do; a finding may be more exact.
    public var remedy: String
    /// When the remedy bites.
    public var effect: Finding.Effect
    private var body: @Sendable (ClusterPicture) -> [Issue]

    init(
        _ name: String, _ title: String, fails: String = "", warns: String = "", why: String, remedy: String,
        _ effect: Finding.Effect, _ body: @escaping @Sendable (ClusterPicture) -> [Issue]
    ) {
        self.name = name
        self.title = title
        self.fails = fails
        self.warns = warns
        self.why = why
        self.remedy = remedy
        self.effect = effect
        self.body = body
    }

    public func evaluate(_ facts: ClusterFacts, _ spec: ClusterSpec) -> [Finding] {
        evaluate(ClusterPicture(facts: facts, spec: spec))
    }

    func evaluate(_ picture: ClusterPicture) -> [Finding] {
        body(picture).map { issue in
            let isOK = issue.verdict == .ok
            return Finding(
                name: name, host: issue.host, verdict: issue.verdict, summary: issue.summary.oneLine,
                why: isOK ? "" : why, remedy: isOK ? "" : issue.remedy ?? remedy,
                effect: isOK ? .none : issue.effect ?? effect)
        }
    }
}

/// What a rule says of one host; the rule's name and reason are added to make a finding, and its remedy where the
/// issue has none of its own.
struct Issue: Equatable, Sendable {
    var host: String?
    var verdict: Finding.Verdict
    var summary: String
    var remedy: String?
    var effect: Finding.Effect?

    static func ok(_ host: String?, _ summary: String) -> Issue { Issue(host: host, verdict: .ok, summary: summary) }

    static func warn(_ host: String?, _ summary: String, remedy: String? = nil) -> Issue {
        Issue(host: host, verdict: .warn, summary: summary, remedy: remedy)
    }

    static func warn(_ host: String?, _ summary: String, remedy: String, _ effect: Finding.Effect) -> Issue {
        Issue(host: host, verdict: .warn, summary: summary, remedy: remedy, effect: effect)
    }

    static func fail(_ host: String?, _ summary: String, remedy: String? = nil) -> Issue {
        Issue(host: host, verdict: .fail, summary: summary, remedy: remedy)
    }

    static func fail(_ host: String?, _ summary: String, remedy: String, _ effect: Finding.Effect) -> Issue {
        Issue(host: host, verdict: .fail, summary: summary, remedy: remedy, effect: effect)
    }
}

extension String {
    /// The text with line ends and runs of blanks as single blanks, at most 300 characters.
    var oneLine: String {
        let text = split(whereSeparator: { $0.isWhitespace }).joined(separator: " ")
        return text.count > 300 ? text.prefix(299) + "…" : text
    }
}
