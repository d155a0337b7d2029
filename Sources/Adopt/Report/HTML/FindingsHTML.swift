import Planning
import Preflight

/// The findings of a plan: what fails and warns in full, what is in order folded away.
struct FindingsHTML {
    var plan: Plan

    var section: HTML {
        let open = plan.findings.filter { $0.verdict != .ok }
            .enumerated().sorted { ($1.element.verdict, $0.offset) < ($0.element.verdict, $1.offset) }.map(\.element)
        let fine = plan.findings.filter { $0.verdict == .ok }
        return """
            <section><h2>Findings</h2>
            <p class="note">\(FindingsText().summary(plan.findings))</p>
            \(open.map(card))
            \(fine.isEmpty ? .none : folded(fine))
            </section>
            """
    }

    private func card(_ finding: Finding) -> HTML {
        let isRemedied = finding.verdict == .fail && plan.remedied.contains(finding.name)
        let word = finding.isWaived ? "waived" : isRemedied ? "remedied here" : finding.verdict.rawValue
        let kind = finding.isWaived || isRemedied ? "warn" : finding.verdict.rawValue
        return """
            <article class="finding \(kind)">
            <p><span class="tag \(kind)">\(word)</span> <b>\(finding.host ?? "store")</b>
            <code>\(finding.name)</code></p>
            <p>\(finding.summary)</p>\(why(finding))\(remedy(finding))</article>
            """
    }

    private func why(_ finding: Finding) -> HTML {
        finding.why.isEmpty ? .none : "<p class=\"why\">\(finding.why)</p>"
    }

    private func remedy(_ finding: Finding) -> HTML {
        finding.remedy.isEmpty
            ? .none : "<p class=\"do\">\(finding.remedy) <em>\(finding.effect.words)</em></p>"
    }

    private func folded(_ findings: [Finding]) -> HTML {
        let rows = findings.map { finding -> HTML in
            """
            <tr><td>\(finding.host ?? "store")</td><td><code>\(finding.name)</code></td><td>\(finding.summary)</td></tr>
            """
        }
        return """
            <details><summary>\(counted(findings.count, "check")) in order</summary>
            <div class="wide"><table><tbody>\(rows)</tbody></table></div></details>
            """
    }
}
