import Inventory
import Planning
import PostgresModel
import Preflight

/// A plan as text for people, in the order in which they ask: what is it about, what is not as it should be, what
/// stands in the way, what happens where, what waits, and one last line.
public struct PlanText: Sendable {
    public var style: TextStyle
    /// True: the content of the files that are written whole is shown, and nothing is left out as a repetition.
    public var showsFiles: Bool

    public init(style: TextStyle = .plain, showsFiles: Bool = false) {
        self.style = style
        self.showsFiles = showsFiles
    }

    public func text(_ plan: Plan) -> String {
        if plan.steps.isEmpty {
            let drift = drift(plan)
            return (drift + ["Cluster \(plan.cluster) is adopted: nothing to do."]).joined(separator: "\n") + "\n"
        }
        var lines = heading(plan) + drift(plan) + findings(plan)
        var shown: [PlannedStep] = []
        for host in plan.hosts {
            lines += self.host(host, plan, shown)
            shown += plan.steps.filter { $0.host == host.name }
        }
        lines += deferred(plan) + refusal(plan)
        lines += style.wrapped(PlanSummary(plan).sentence, first: "").map(style.bold)
        return lines.joined(separator: "\n") + "\n"
    }

    private func heading(_ plan: Plan) -> [String] {
        let primary = plan.primary
        let leaving = plan.leaving.map { $0.map(\.name).joined(separator: ", ") + " leaves; keep" }
        let act = plan.isRestart ? "restart" : leaving ?? "adopt"
        var lines = style.wrapped(
            "Plan for cluster \(plan.cluster): \(act) PostgreSQL \(primary.version) on \(primary.host), "
                + "port \(primary.port), \(primary.size), in \(primary.dataDirectory.printable).", first: "")
        var identity = "Its process is \(primary.postmasterPID)"
        if let start = primary.startTime { identity += ", started \(start.printable)" }
        identity += "; system identifier \(primary.systemIdentifier), timeline \(primary.timeline)."
        if !plan.isRestart { identity += " It is not restarted." }
        lines += style.wrapped(identity, first: "")
        if plan.isRestart {
            lines += style.wrapped(
                "This plan restarts it once, in the approved window, and does nothing else. The adoption is planned "
                    + "afterwards, and needs no restart.", first: ""
            ).map(style.yellow)
        }
        if !plan.waivers.isEmpty {
            let waivers = plan.waivers.joined(separator: ", ").printable
            lines += style.wrapped("Waived by the operator: \(waivers).", first: "")
        }
        return lines + [""]
    }

    private func drift(_ plan: Plan) -> [String] {
        if plan.drift.isEmpty { return [] }
        var lines = [style.bold("Drift: not as the files, or the last plan, say"), ""]
        for note in plan.drift {
            lines += style.wrapped(
                "\(note.what.printable): \(note.meaning.printable)", first: "  \(note.host ?? "store")  ", hang: 6
            ).map(style.yellow)
        }
        return lines + [""]
    }

    private func findings(_ plan: Plan) -> [String] {
        [style.bold("Findings"), ""]
            + FindingsText(style: style).text(plan.findings).split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
    }

    // MARK: Steps

    private func host(_ host: HostSpec, _ plan: Plan, _ shown: [PlannedStep]) -> [String] {
        let steps = plan.steps.enumerated().filter { $0.element.host == host.name }
        if steps.isEmpty { return [] }
        let role = host.name == plan.primary.host ? "primary" : host.role.rawValue
        var lines = [style.bold("\(host.name)") + "  \(host.address)  \(role)", ""]
        let model = showsFiles ? nil : model(of: steps.map(\.element), shown)
        if let model {
            lines += style.wrapped(
                "The steps of \(model), with this host's names; --files shows every line, --json every value.",
                first: "      ").map(style.dim)
            lines.append("")
        }
        for (index, step) in steps {
            lines += model == nil ? self.step(step, number: index + 1) : self.line(step, number: index + 1)
        }
        return model == nil ? lines : lines + [""]
    }

    /// The host before this one whose steps are the same kinds in the same order; reading them twice helps nobody.
    private func model(of steps: [PlannedStep], _ shown: [PlannedStep]) -> String? {
        guard steps.contains(where: { $0.effect == .build }) else { return nil }
        let hosts = shown.map(\.host).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        return hosts.first { host in
            shown.filter { $0.host == host }.map(\.kind.label) == steps.map(\.kind.label)
        }
    }

    private func line(_ step: PlannedStep, number: Int) -> [String] {
        style.wrapped(step.summary.printable, first: head(step, number))
    }

    private func step(_ step: PlannedStep, number: Int) -> [String] {
        let margin = String(repeating: " ", count: 6)
        var lines = line(step, number: number)
        if step.effect == .restart { lines = lines.map(style.red) }
        for detail in StepDetails(showsFiles: showsFiles).lines(step.kind) {
            let rows =
                "+- @".contains(detail.prefix(1)) ? [margin + detail] : style.wrapped(detail, first: margin, hang: 10)
            lines += rows.map(coloured)
        }
        return lines
            + style.wrapped("\(estimate(step)); undo: \(step.undo.printable)", first: margin, hang: 8).map(style.dim)
            + [""]
    }

    private func head(_ step: PlannedStep, _ number: Int) -> String {
        let effect = step.effect == .none ? "-" : step.effect.rawValue
        return String(number).leftPadded(4) + "  " + step.kind.name.rawValue.padded(13) + effect.padded(9)
    }

    private func estimate(_ step: PlannedStep) -> String {
        if step.kind.name == .pause { return "as long as it takes" }
        var text = "about \(durationText(step.estimate.duration))"
        if let bytes = step.estimate.bytes { text += ", \(bytes)" }
        if let kept = step.estimate.walKept { text += ", the primary keeps \(kept) of WAL meanwhile" }
        return text
    }

    private func coloured(_ line: String) -> String {
        let text = line.dropFirst(6)
        if text.hasPrefix("+") && !text.hasPrefix("+++") { return style.green(line) }
        if text.hasPrefix("-") && !text.hasPrefix("---") { return style.red(line) }
        return line
    }

    // MARK: The end

    private func deferred(_ plan: Plan) -> [String] {
        if plan.deferred.isEmpty { return [] }
        var lines = [style.bold("Waiting for the next planned switchover; adoption works without them"), ""]
        for setting in plan.deferred {
            let running = shown(setting.runningValue), wanted = shown(setting.wantedValue)
            lines += style.wrapped("\(setting.name)  \(running) -> \(wanted)", first: "  \(setting.host)  ")
            lines += style.wrapped("until then \(setting.meanwhile)", first: "      ")
        }
        return lines + style.wrapped(deferredApplication, first: "  ").map(style.dim) + [""]
    }

    private func shown(_ value: String) -> String { value.isEmpty ? "''" : value.printable }

    private func refusal(_ plan: Plan) -> [String] {
        if plan.isApplicable { return [] }
        let names = plan.blockers.map(\.name).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        var lines = style.wrapped(
            "apply will refuse this plan: \(names.joined(separator: ", ")). Remedy what fails, or waive it with "
                + "--waive NAME, and plan again.", first: "")
        if names.contains(where: checksRemediedByRestart.contains) {
            lines += style.wrapped(
                "Of these \(names.filter(checksRemediedByRestart.contains).joined(separator: ", ")) can be remedied "
                    + "by one restart of the primary in a window that people approve: "
                    + "pgadopt plan INVENTORY --allow-restart --window START/END --out restart.json", first: "")
        }
        return lines.map(style.red) + [""]
    }
}

/// The plan in one line.
public struct PlanSummary: Equatable, Sendable {
    public var steps: Int
    public var hosts: Int
    public var duration: Duration
    public var copied: ByteCount
    public var reloads: Int
    public var restarts: Int

    public init(_ plan: Plan) {
        steps = plan.steps.count
        hosts = Set(plan.steps.map(\.host)).count
        duration = PlanSchedule(plan.steps).total
        copied = plan.steps.filter { $0.effect == .build }.compactMap(\.estimate.bytes).reduce(ByteCount(0), +)
        let onPrimary = plan.steps.filter { $0.host == plan.primary.host }
        reloads = onPrimary.count { $0.effect == .reload }
        restarts = onPrimary.count { $0.effect == .restart }
    }

    public var sentence: String {
        "\(counted(steps, "step")) on \(counted(hosts, "host")), about \(durationText(duration))"
            + (copied.rawValue > 0 ? ", \(copied) copied" : "") + "; \(counted(reloads, "reload")); "
            + "restarts of the primary: \(restarts == 0 ? "none" : "\(restarts), in the approved window")."
    }
}
