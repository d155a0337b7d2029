import Planning

/// Who works when: one lane a host, one bar a step.
struct TimelineSVG {
    var plan: Plan

    private let width = 1040.0, left = 110.0, lane = 30.0, top = 8.0

    var drawing: HTML {
        let schedule = PlanSchedule(plan.steps)
        let hosts = plan.hosts.map(\.name).filter { name in plan.steps.contains { $0.host == name } }
        let total = max(0.001, seconds(schedule.total))
        let scale = (width - left - 40) / total
        let bottom = top + Double(hosts.count) * lane
        return """
            <svg viewBox="0 0 \(width) \(bottom + 28)" role="img" aria-label="timeline of the steps" class="timeline">
            \(ticks(total).map { tick($0, at: left + $0 * scale, bottom) })
            \(hosts.enumerated().map { lane($0.offset, $0.element, schedule, scale) })
            </svg>
            """
    }

    private func lane(_ index: Int, _ host: String, _ schedule: PlanSchedule, _ scale: Double) -> HTML {
        let y = top + Double(index) * lane
        let entries = schedule.entries.filter { $0.step.host == host && $0.step.kind.name != .pause }
        return """
            <text x="\(left - 12)" y="\(y + 20)" text-anchor="end" class="host">\(shortened(host, 13))</text>\
            \(entries.map { bar($0, y, scale) })
            """
    }

    private func bar(_ entry: PlanSchedule.Entry, _ y: Double, _ scale: Double) -> HTML {
        let start = left + seconds(entry.start) * scale
        let length = max(2, seconds(entry.end - entry.start) * scale - 0.5)
        let time = durationText(entry.step.estimate.duration)
        let words = "\(entry.step.kind.label), \(time)"
        // A word that does not fit is in the tooltip only.
        let label: HTML = Double(words.count) * 7.2 + 16 < length
            ? "<text x=\"\(start + 8)\" y=\"\(y + 20)\">\(words)</text>" : .none
        return """
            <g class="bar \(entry.step.effect.rawValue)"><title>\(entry.step.id): \(time)</title>
            <rect x="\(start)" y="\(y + 5)" width="\(length)" height="\(lane - 10)" rx="2"/>\(label)</g>
            """
    }

    private func tick(_ second: Double, at x: Double, _ bottom: Double) -> HTML {
        """
        <path d="M\(x) \(top)V\(bottom + 4)" class="grid"/>\
        <text x="\(x)" y="\(bottom + 19)" text-anchor="middle" class="axis">\(label(second))</text>
        """
    }

    /// Four to eight round moments.
    private func ticks(_ total: Double) -> [Double] {
        let steps: [Double] = [
            0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400,
        ]
        let step = steps.first { total / $0 <= 8 } ?? total / 6
        return Array(stride(from: 0, through: total, by: step))
    }

    private func label(_ second: Double) -> String {
        if second == 0 { return "start" }
        if second < 1 { return "\(Int(second * 1000)) ms" }
        let whole = Int(second)
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return whole % 60 == 0 ? "\(whole / 60) min" : "\(whole / 60) min \(whole % 60) s" }
        return whole % 3600 == 0 ? "\(whole / 3600) h" : "\(whole / 3600) h \(whole / 60 % 60) min"
    }

    private func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }
}
