import Inventory
import Planning
import PostgresModel
import Preflight

/// A plan as text for people: what was found, per host what happens in which order, what waits, one last line.
public struct PlanText: Sendable {
    public var style: TextStyle
    /// True: the content of the files that are written whole is shown.
    public var showsFiles: Bool

    public init(style: TextStyle = .plain, showsFiles: Bool = false) {
        self.style = style
        self.showsFiles = showsFiles
    }

    public func text(_ plan: Plan) -> String {
        if plan.steps.isEmpty {
            return "Cluster \(plan.cluster) is adopted: nothing to do.\n"
        }
        var lines = heading(plan)
        lines += [style.bold("Findings"), ""]
        lines += FindingsText(style: style).text(plan.findings).split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
        for host in plan.spec.hosts { lines += self.host(host, plan) }
        lines += deferred(plan)
        lines += closing(plan)
        return lines.joined(separator: "\n") + "\n"
    }

    private func heading(_ plan: Plan) -> [String] {
        let primary = plan.primary
        var lines = style.wrapped(
            "Plan for cluster \(plan.cluster): adopt PostgreSQL \(primary.version) on \(primary.host), "
                + "port \(primary.port), \(primary.size), in \(primary.dataDirectory).", first: "")
        var identity = "Its process is \(primary.postmasterPID)"
        if let start = primary.startTime { identity += ", started \(start)" }
        identity +=
            "; system identifier \(primary.systemIdentifier), timeline \(primary.timeline). It is not restarted."
        lines += style.wrapped(identity, first: "")
        return lines + [""]
    }

    private func host(_ host: HostSpec, _ plan: Plan) -> [String] {
        let steps = plan.steps.enumerated().filter { $0.element.host == host.name }
        if steps.isEmpty { return [] }
        let role = host.name == plan.primary.host ? "primary" : host.role.rawValue
        var lines = [style.bold("\(host.name)") + "  \(host.address)  \(role)", ""]
        for (index, step) in steps { lines += self.step(step, number: index + 1) }
        return lines
    }

    private func step(_ step: PlannedStep, number: Int) -> [String] {
        let head =
            String(number).leftPadded(4) + "  " + step.kind.name.rawValue.padded(13) + effect(step.effect).padded(9)
        let margin = String(repeating: " ", count: 6)
        var lines = style.wrapped(step.summary.printable, first: head)
        for detail in StepDetails(showsFiles: showsFiles).lines(step.kind) {
            let rows =
                "+- @".contains(detail.prefix(1)) ? [margin + detail] : style.wrapped(detail, first: margin, hang: 10)
            lines += rows.map(coloured)
        }
        var estimate = "about \(durationText(step.estimate.duration))"
        if let bytes = step.estimate.bytes { estimate += ", \(bytes)" }
        lines += style.wrapped("\(estimate); undo: \(step.undo)", first: margin, hang: 8).map(style.dim)
        return lines + [""]
    }

    private func effect(_ effect: StepEffect) -> String { effect == .none ? "-" : effect.rawValue }

    private func coloured(_ line: String) -> String {
        let text = line.dropFirst(6)
        if text.hasPrefix("+") && !text.hasPrefix("+++") { return style.green(line) }
        if text.hasPrefix("-") && !text.hasPrefix("---") { return style.red(line) }
        return line
    }

    private func deferred(_ plan: Plan) -> [String] {
        if plan.deferred.isEmpty { return [] }
        var lines = [style.bold("Waiting for the next planned restart"), ""]
        for setting in plan.deferred {
            let head =
                "  \(setting.host)  \(setting.name): \(shown(setting.runningValue)) -> \(shown(setting.wantedValue))"
            lines.append(head)
            lines += style.wrapped("until then: \(setting.meanwhile)", first: "      ")
        }
        return lines + [""]
    }

    private func shown(_ value: String) -> String { value.isEmpty ? "''" : value.printable }

    private func closing(_ plan: Plan) -> [String] {
        let total = plan.steps.reduce(Duration.zero) { $0 + $1.estimate.duration }
        let copied = plan.steps.filter { $0.effect == .build }.compactMap(\.estimate.bytes).reduce(ByteCount(0), +)
        let reloads = plan.steps.count { $0.effect == .reload }
        var sentence = "\(counted(plan.steps.count, "step")) on \(counted(Set(plan.steps.map(\.host)).count, "host"))"
        sentence += ", about \(durationText(total))"
        if copied.rawValue > 0 { sentence += ", \(copied) copied" }
        sentence += "."
        var lines = style.wrapped(sentence, first: "").map(style.bold)
        lines.append(
            style.bold(
                "Reloads of the primary: \(reloads == 0 ? "none" : String(reloads)); restarts of the primary: none."))
        if !plan.isApplicable {
            let names = plan.blockers.map(\.name).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
            lines += style.wrapped(
                "apply will refuse this plan: \(names.joined(separator: ", ")). "
                    + "Remedy what fails, or waive it with --waive NAME, "
                    + "and plan again.", first: ""
            ).map(style.red)
        }
        return lines
    }
}
