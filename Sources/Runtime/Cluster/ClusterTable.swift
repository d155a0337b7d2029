import JSON
import PostgresModel

extension ClusterView {
    /// The members as a table for people, as `pgadopt list` prints it:
    ///
    ///     Cluster demo (7710987030196724923), leader h1
    ///
    ///     Member  Host            Role     State      TL  Lag
    ///     h1      10.0.0.1:5432   Leader   running     3
    ///     h2      10.0.0.2:5432   Replica  streaming   3  0 B
    public func table(scope: String) -> String {
        var rows = [["Member", "Host", "Role", "State", "TL", "Lag"]]
        let anyPending = members.contains { $0.pendingRestart }
        if anyPending { rows[0].append("Pending restart") }
        for member in members.sorted(by: { $0.name < $1.name }) {
            var row = [
                member.name,
                member.address.map { $0.host.contains(":") ? "[\($0.host)]:\($0.port)" : "\($0.host):\($0.port)" } ?? "",
                title(displayRole(of: member)),
                displayState(of: member),
                member.timeline.map(\.description) ?? "",
                lagText(member),
            ]
            if anyPending { row.append(pendingText(member)) }
            rows.append(row)
        }
        var lines = ["Cluster \(scope) (\(identityText)), \(leaderText)", ""]
        lines += aligned(rows, rightAligned: [4])
        lines += notes
        return lines.joined(separator: "\n") + "\n"
    }

    private var identityText: String {
        switch initialize {
        case nil: "uninitialized"
        case "": "initializing"
        case .some(let identifier): identifier
        }
    }

    private var leaderText: String { leader.map { "leader \($0.name)" } ?? "no leader" }

    private var notes: [String] {
        var notes: [String] = []
        if isPaused { notes.append("Paused: nothing is promoted, demoted, started or stopped automatically.") }
        if let failover, let at = failover.scheduledAt {
            let from = failover.leader.map { " from \($0)" } ?? ""
            let to = failover.candidate.map { " to \($0)" } ?? ""
            notes.append("Switchover scheduled at \(at)\(from)\(to).")
        }
        return notes.isEmpty ? [] : [""] + notes
    }

    private func lagText(_ member: Member) -> String {
        if member.name == leader?.name { return "" }
        return member.xlogLocation.map { lag(of: $0).description } ?? "unknown"
    }

    private func pendingText(_ member: Member) -> String {
        guard member.pendingRestart else { return "" }
        let names = member.pendingRestartReason.keys
        return names.isEmpty ? "yes" : names.joined(separator: ", ")
    }

    private func title(_ role: String) -> String {
        role.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: " ")
    }
}

/// Columns two blanks apart, no blanks at the ends of lines.
private func aligned(_ rows: [[String]], rightAligned: Set<Int>) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
        let line = row.enumerated().map { column, cell in
            let padding = String(repeating: " ", count: widths[column] - cell.count)
            return rightAligned.contains(column) ? padding + cell : cell + padding
        }.joined(separator: "  ")
        return String(line.reversed().drop { $0 == " " }.reversed())
    }
}
