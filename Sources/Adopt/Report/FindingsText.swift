import Preflight

/// The table of findings: failures first, then warnings; what is in order is only counted.
public struct FindingsText: Sendable {
    public var style: TextStyle
    /// True: findings that are in order are listed too.
    public var showsOK: Bool

    public init(style: TextStyle = .plain, showsOK: Bool = false) {
        self.style = style
        self.showsOK = showsOK
    }

    public func text(_ findings: [Finding]) -> String {
        let shown = findings.enumerated().filter { showsOK || $0.element.verdict != .ok }
            .sorted { ($1.element.verdict, $0.offset) < ($0.element.verdict, $1.offset) }.map(\.element)
        var lines: [String] = []
        let hostWidth = min(16, shown.map { ($0.host ?? "store").count }.max() ?? 0)
        let nameWidth = min(28, shown.map(\.name.count).max() ?? 0)
        for finding in shown {
            let head =
                "\(word(finding).padded(6))  \((finding.host ?? "-").padded(hostWidth))  "
                + "\(finding.name.padded(nameWidth))  "
            var rows = style.wrapped(finding.summary.printable, first: head)
            rows[0] = coloured(finding, rows[0])
            lines += rows
            if finding.verdict == .ok { continue }
            let margin = String(repeating: " ", count: head.count)
            if !finding.why.isEmpty {
                lines += style.wrapped("why: " + finding.why.printable, first: margin, hang: head.count + 5)
            }
            if !finding.remedy.isEmpty {
                lines += style.wrapped(
                    "do:  " + finding.remedy.printable + effect(finding), first: margin, hang: head.count + 5)
            }
        }
        if !lines.isEmpty { lines.append("") }
        lines.append(summary(findings))
        return lines.joined(separator: "\n") + "\n"
    }

    /// `2 failures, 1 warning, 31 in order`
    public func summary(_ findings: [Finding]) -> String {
        func count(_ matches: (Finding) -> Bool) -> Int { findings.count(where: matches) }
        let failures = count { $0.verdict == .fail && !$0.isWaived }
        let waived = count { $0.isWaived }
        let warnings = count { $0.verdict == .warn && !$0.isWaived }
        var parts = [counted(failures, "failure"), counted(warnings, "warning")]
        if waived > 0 { parts.append("\(waived) waived") }
        parts.append("\(count { $0.verdict == .ok }) in order")
        return parts.joined(separator: ", ")
    }

    private func word(_ finding: Finding) -> String {
        if finding.isWaived { return "waived" }
        return switch finding.verdict {
        case .ok: "ok"
        case .warn: "warn"
        case .fail: "FAIL"
        }
    }

    private func coloured(_ finding: Finding, _ line: String) -> String {
        if finding.isWaived { return style.yellow(line) }
        return switch finding.verdict {
        case .ok: style.green(line)
        case .warn: style.yellow(line)
        case .fail: style.red(line)
        }
    }

    private func effect(_ finding: Finding) -> String {
        switch finding.effect {
        case .none: ""
        case .reload: " (takes effect by reload)"
        case .restart: " (takes effect at the next restart)"
        case .service: " (a service is touched)"
        case .human: " (a person must do it)"
        }
    }
}
