import Facts
import Inventory

/// One check: a pure function from facts and inventory to findings.
public struct Rule: Sendable {
    /// Stable dotted name; waivers and scripts refer to it.
    public var name: String
    /// What is checked, in a few words.
    public var title: String
    /// Why it matters; copied into findings that are not ok.
    public var why: String
    private var body: @Sendable (ClusterPicture) -> [Issue]

    init(_ name: String, _ title: String, why: String, _ body: @escaping @Sendable (ClusterPicture) -> [Issue]) {
        self.name = name
        self.title = title
        self.why = why
        self.body = body
    }

    public func evaluate(_ facts: ClusterFacts, _ spec: ClusterSpec) -> [Finding] {
        evaluate(ClusterPicture(facts: facts, spec: spec))
    }

    func evaluate(_ picture: ClusterPicture) -> [Finding] {
        body(picture).map { issue in
            Finding(
                name: name, host: issue.host, verdict: issue.verdict, summary: issue.summary,
                why: issue.verdict == .ok ? "" : why, remedy: issue.remedy, effect: issue.effect)
        }
    }
}

/// What a rule says of one host; the rule's name and reason are added to make a finding.
struct Issue: Equatable, Sendable {
    var host: String?
    var verdict: Finding.Verdict
    var summary: String
    var remedy = ""
    var effect = Finding.Effect.none

    static func ok(_ host: String?, _ summary: String) -> Issue { Issue(host: host, verdict: .ok, summary: summary) }

    static func warn(_ host: String?, _ summary: String, remedy: String, _ effect: Finding.Effect) -> Issue {
        Issue(host: host, verdict: .warn, summary: summary, remedy: remedy, effect: effect)
    }

    static func fail(_ host: String?, _ summary: String, remedy: String, _ effect: Finding.Effect) -> Issue {
        Issue(host: host, verdict: .fail, summary: summary, remedy: remedy, effect: effect)
    }
}

/// Every check, in the order of the catalogue.
public let allRules: [Rule] =
    accessRules + hostRules + binaryRules + settingRules + hbaRules + storageRules + serviceRules + storeRules
    + standbyRules

/// Runs every check.
///
/// - Parameter waivers: `NAME` or `NAME@HOST`: a failure of that name counts as a warning.
/// - Returns: the worst first; within a verdict the cluster's findings, then hosts in the order of the inventory,
///   then the catalogue's order.
public func evaluate(_ facts: ClusterFacts, _ spec: ClusterSpec, waivers: Set<String> = []) -> [Finding] {
    let picture = ClusterPicture(facts: facts, spec: spec)
    var order: [String: Int] = [:]
    for (index, host) in spec.hosts.enumerated() { order[host.name] = index }
    let findings = allRules.flatMap { $0.evaluate(picture) }.map { finding in
        var finding = finding
        let names = [finding.name, "\(finding.name)@\(finding.host ?? "")"]
        if finding.verdict == .fail, names.contains(where: waivers.contains) {
            finding.verdict = .warn
            finding.isWaived = true
        }
        return finding
    }
    return findings.enumerated().sorted { a, b in
        if a.element.verdict != b.element.verdict { return a.element.verdict > b.element.verdict }
        let (left, right) = (order[a.element.host ?? ""] ?? -1, order[b.element.host ?? ""] ?? -1)
        return left != right ? left < right : a.offset < b.offset
    }.map(\.element)
}
