import Cluster
import PostgresModel

/// The state of a cluster as the store shows it.
public struct StatusText: Sendable {
    public var style: TextStyle

    public init(style: TextStyle = .plain) { self.style = style }

    /// - Parameter deferred: lines about what waits for a restart, from the plan or the members' keys.
    public func text(cluster: String, _ view: ClusterView) -> String {
        var lines = [style.bold("Cluster \(cluster)") + "  system identifier \(view.initialize ?? "not set")"]
        if let leader = view.leader {
            lines.append("leader: \(leader.name.printable)")
        } else {
            lines.append(style.red("leader: none holds the lease"))
        }
        lines.append("")
        let rows = [["member", "role", "state", "timeline", "lag", "address"]] + view.members.map { row($0, view) }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for (index, row) in rows.enumerated() {
            let text = zip(row, widths).map { $0.padded($1) }.joined(separator: "  ").trimmedEnd
            lines.append(index == 0 ? style.dim(text) : text)
        }
        if view.members.isEmpty { lines.append("no member has reported") }
        let pending = view.members.filter(\.pendingRestart)
        if !pending.isEmpty {
            lines += ["", style.yellow("waiting for a planned restart:")]
            for member in pending {
                let names = member.pendingRestartReason.map(\.key).joined(separator: ", ")
                lines.append("  \(member.name.printable): \(names.isEmpty ? "settings have changed" : names.printable)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func row(_ member: Member, _ view: ClusterView) -> [String] {
        let isLeader = member.name == view.leader?.name
        return [
            member.name.printable, isLeader ? "leader" : member.role?.rawValue ?? "unknown",
            member.replicationState?.printable ?? member.state?.rawValue ?? "unknown",
            member.timeline?.description ?? "-", isLeader ? "-" : lag(member, view), member.connURL?.printable ?? "-",
        ]
    }

    private func lag(_ member: Member, _ view: ClusterView) -> String {
        guard let leader = view.status.optime,
            let position = member.replayLSN ?? member.receiveLSN ?? member.xlogLocation
        else { return "unknown" }
        return leader.bytes(ahead: position).description
    }
}

extension String {
    var trimmedEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
