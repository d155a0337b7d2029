import Inventory
import Planning
import PostgresModel

/// The cluster as a drawing, before or after the plan.
struct TopologySVG {
    var plan: Plan
    var isAfter: Bool

    private let width = 520.0, boxWidth = 204.0, boxHeight = 74.0, gap = 20.0, margin = 14.0
    private var others: [HostSpec] { plan.spec.hosts.filter { $0.name != plan.primary.host } }
    /// Members that the plan builds.
    private var built: Set<String> { Set(plan.steps.filter { $0.effect == .build }.map(\.host)) }
    private var right: Double { width - margin - boxWidth }
    private var rows: Double { Double(max(1, others.count)) }
    private var columnHeight: Double { rows * boxHeight + (rows - 1) * gap }
    private var primaryTop: Double { margin + (columnHeight - boxHeight) / 2 }
    private var storeTop: Double { margin + columnHeight + 54 }
    private var height: Double { storeTop + 44 + margin }

    var drawing: HTML {
        let words = isAfter ? "the cluster after the plan" : "the cluster before the plan"
        return """
            <svg viewBox="0 0 \(width) \(height)" role="img" aria-label="\(words)" class="topology">
            <defs><marker id="\(isAfter ? "a" : "b")" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"
            markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" class="tip"/></marker></defs>
            \(lines)\(primary)\(others.indices.map(other))\(store)
            </svg>
            """
    }

    // MARK: Boxes

    private var primary: HTML {
        let isLed = isAfter && !plan.isRestart
        let owner = isLed ? "agent, holds the lease" : shortened(plan.primary.unit ?? "no service unit", 28)
        return box(
            x: margin, y: primaryTop, kind: "primary", name: plan.primary.host, role: isLed ? "leader" : "primary",
            lines: ["PostgreSQL \(plan.primary.version) · \(plan.primary.size)", owner])
    }

    private func other(_ index: Int) -> HTML {
        let host = others[index]
        let y = top(index)
        if host.role == .witness {
            return box(x: right, y: y, kind: "idle", name: host.name, role: "witness", lines: ["no PostgreSQL", ""])
        }
        let isNew = built.contains(host.name)
        if !isAfter || plan.isRestart {
            return box(
                x: right, y: y, kind: isNew || plan.isRestart ? "idle" : "replica", name: host.name,
                role: isNew || plan.isRestart ? "not in the cluster" : "replica", lines: [host.address, ""])
        }
        return box(
            x: right, y: y, kind: "replica", name: host.name, role: "replica",
            lines: ["\(plan.primary.size) streamed copy", "agent, ready to take over"])
    }

    private func box(x: Double, y: Double, kind: String, name: String, role: String, lines: [String]) -> HTML {
        """
        <g class="box \(kind)"><rect x="\(x)" y="\(y)" width="\(boxWidth)" height="\(boxHeight)" rx="9"/>
        <text x="\(x + 13)" y="\(y + 24)" class="name">\(shortened(name, 14))</text>
        <text x="\(x + boxWidth - 13)" y="\(y + 24)" class="role" text-anchor="end">\(role)</text>
        \(lines.enumerated().map { line -> HTML in
            "<text x=\"\(x + 13)\" y=\"\(y + 44 + Double(line.offset) * 17)\">\(shortened(line.element, 28))</text>"
        })</g>
        """
    }

    private var store: HTML {
        let isUsed = isAfter || !plan.steps.contains { $0.effect == .build }
        let endpoints = plan.spec.store.endpoints.joined(separator: ", ")
        let keys = "/\(plan.spec.store.namespace)/\(plan.cluster)/"
        return """
            <g class="box \(isUsed ? "store" : "idle")">
            <rect x="\(margin)" y="\(storeTop)" width="\(width - 2 * margin)" height="44" rx="9"/>
            <text x="\(margin + 13)" y="\(storeTop + 27)" class="name">etcd</text>
            <text x="\(margin + 58)" y="\(storeTop + 27)">\(shortened(endpoints, 44))</text>
            <text x="\(width - margin - 13)" y="\(storeTop + 27)" class="role" text-anchor="end">\
            \(isUsed ? shortened(keys, 22) : "no keys yet")</text></g>
            """
    }

    // MARK: Lines

    private var lines: HTML {
        var parts: [HTML] = []
        for (index, host) in others.enumerated() where host.role != .witness {
            let isStreaming = isAfter ? !plan.isRestart : !built.contains(host.name) && !plan.isRestart
            if isStreaming { parts.append(stream(to: top(index) + boxHeight / 2)) }
        }
        if isAfter, !plan.isRestart {
            parts.append(lease)
            for (index, host) in others.enumerated() where host.role != .witness {
                // Only the lowest box has a free way to the store; the others' lines would cross it.
                if index == others.count - 1 { parts.append(watch(from: top(index) + boxHeight)) }
            }
        }
        return parts.reduce(.none, +)
    }

    private func stream(to y: Double) -> HTML {
        let from = primaryTop + boxHeight / 2
        let start = margin + boxWidth, end = right - 2, middle = (start + end) / 2
        let mark = isAfter ? "a" : "b"
        return """
            <path d="M\(start) \(from)C\(middle) \(from) \(middle) \(y) \(end) \(y)" class="stream"
            marker-end="url(#\(mark))"/>
            """
    }

    private var lease: HTML {
        let x = margin + boxWidth / 2
        return """
            <path d="M\(x) \(primaryTop + boxHeight)V\(storeTop)" class="lease"/>
            <text x="\(x + 8)" y="\(storeTop - 14)" class="caption">lease</text>
            """
    }

    private func watch(from y: Double) -> HTML {
        let x = right + boxWidth / 2
        return """
            <path d="M\(x) \(y)V\(storeTop)" class="lease"/>
            <text x="\(x + 8)" y="\(storeTop - 14)" class="caption">watch</text>
            """
    }

    private func top(_ index: Int) -> Double { margin + Double(index) * (boxHeight + gap) }
}
