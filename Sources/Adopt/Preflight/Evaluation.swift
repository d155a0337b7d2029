import Facts
import Inventory

/// Runs the checks.
///
/// - Returns: the worst first; within a verdict the cluster's findings, then hosts in the order of the inventory,
///   then the catalogue's order.
public func evaluate(
    _ facts: ClusterFacts, _ spec: ClusterSpec, waivers: [Waiver] = [], selection: RuleSelection = .all
) -> [Finding] {
    let picture = ClusterPicture(facts: facts, spec: spec)
    var order: [String: Int] = [:]
    for (index, host) in spec.hosts.enumerated() { order[host.name] = index }
    let findings = allRules.filter(selection.contains).flatMap { $0.evaluate(picture) }.map { finding in
        var finding = finding
        if finding.verdict == .fail, let waiver = waivers.first(where: { $0.covers(finding) }) {
            finding.verdict = .warn
            finding.waiver = waiver
        }
        return finding
    }
    return findings.enumerated().sorted { a, b in
        if a.element.verdict != b.element.verdict { return a.element.verdict > b.element.verdict }
        let (left, right) = (order[a.element.host ?? ""] ?? -1, order[b.element.host ?? ""] ?? -1)
        return left != right ? left < right : a.offset < b.offset
    }.map(\.element)
}

/// The exit code of `check`, by the worst finding: 0 all in order, 2 warnings (waived failures among them),
/// 1 a failure.
public func exitCode(of findings: [Finding]) -> Int32 {
    switch findings.map(\.verdict).max() ?? .ok {
    case .ok: 0
    case .warn: 2
    case .fail: 1
    }
}
