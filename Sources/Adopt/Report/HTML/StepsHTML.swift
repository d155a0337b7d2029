import Inventory
import Planning

/// The steps by host; the exact change of each folded below its sentence.
struct StepsHTML {
    var plan: Plan

    var section: HTML {
        if plan.steps.isEmpty { return .none }
        return "<section><h2>Steps</h2>\(plan.hosts.map(host))</section>"
    }

    private func host(_ host: HostSpec) -> HTML {
        let steps = plan.steps.enumerated().filter { $0.element.host == host.name }
        if steps.isEmpty { return .none }
        let role = host.name == plan.primary.host ? "primary" : host.role.rawValue
        return """
            <h3>\(host.name) <small>\(host.address) · \(role) · \(counted(steps.count, "step"))</small></h3>
            <ol class="steps">\(steps.map { step($0.element, number: $0.offset + 1) })</ol>
            """
    }

    private func step(_ step: PlannedStep, number: Int) -> HTML {
        let lines = StepDetails(showsFiles: true).lines(step.kind)
        var facts = step.kind.name == .pause ? "as long as it takes" : "about \(durationText(step.estimate.duration))"
        if let bytes = step.estimate.bytes { facts += ", \(bytes)" }
        if let kept = step.estimate.walKept { facts += ", the primary keeps \(kept) of WAL meanwhile" }
        let effect = step.effect == .none ? "no effect" : step.effect.rawValue
        let title: HTML = """
            <span class="number">\(number)</span><span class="name">\(step.kind.label)</span>\
            <span class="tag \(step.effect.rawValue)">\(effect)</span>\
            <span class="sentence">\(step.summary)</span>
            """
        let end: HTML = "<p class=\"undo\">\(facts). <b>Undo:</b> \(step.undo)</p>"
        if lines.isEmpty { return "<li value=\"\(number)\"><div class=\"head\">\(title)</div>\(end)</li>" }
        return """
            <li value="\(number)"><details\(isShort(step) ? " open" : .none)><summary class="head">\(title)</summary>
            <pre>\(lines.map(line))</pre></details>\(end)</li>
            """
    }

    /// What the board reads anyhow stands open: changes of the owner's files, of settings, of keys, and commands.
    private func isShort(_ step: PlannedStep) -> Bool {
        switch step.kind.name {
        case .hba, .settings, .restart, .run, .store: true
        default: false
        }
    }

    private func line(_ text: String) -> HTML {
        let isHead = text.hasPrefix("+++") || text.hasPrefix("---") || text.hasPrefix("@@")
        let kind = isHead ? "at" : text.hasPrefix("+") ? "add" : text.hasPrefix("-") ? "del" : ""
        return kind.isEmpty ? "\(text)\n" : "<span class=\"\(kind)\">\(text)</span>\n"
    }
}
