import PostgresModel
import Preflight

/// What became of one cluster in a run over many.
public struct FleetRow: Equatable, Sendable {
    public enum State: Equatable, Sendable {
        case ready
        /// Checks that fail forbid it.
        case blocked
        /// Nothing to do.
        case adopted
        /// It could not be looked at; the reason is one line.
        case failed(String)
    }

    public var cluster: String
    public var hosts: Int
    public var state: State
    public var failures: Int
    public var warnings: Int
    /// Names of checks, the worst first.
    public var worst: [String]
    /// All databases; nil: not known.
    public var size: ByteCount?
    /// Of the adoption; nil: not known.
    public var estimate: Duration?

    public init(
        cluster: String, hosts: Int, state: State, findings: [Finding] = [], size: ByteCount? = nil,
        estimate: Duration? = nil
    ) {
        self.cluster = cluster
        self.hosts = hosts
        self.state = state
        failures = findings.count { $0.verdict == .fail }
        warnings = findings.count { $0.verdict == .warn }
        worst = [Finding.Verdict.fail, .warn].flatMap { verdict in
            findings.filter { $0.verdict == verdict }.map(\.name)
        }.reduce(into: []) { unique, name in if !unique.contains(name) { unique.append(name) } }
        self.size = size
        self.estimate = estimate
    }
}

/// Many clusters in one table, those that need a person first.
public struct FleetText: Sendable {
    public var style: TextStyle

    public init(style: TextStyle = .plain) { self.style = style }

    public func text(_ rows: [FleetRow]) -> String {
        let sorted = rows.sorted { (rank($0), $0.cluster) < (rank($1), $1.cluster) }
        let head = ["cluster", "hosts", "ready", "fail", "warn", "size", "time", "worst findings"]
        let cells = sorted.map { row in
            [
                row.cluster.printable, String(row.hosts), word(row), String(row.failures), String(row.warnings),
                row.size?.description ?? "-", row.estimate.map(durationText) ?? "-",
            ]
        }
        let widths = head.dropLast().indices.map { column in ([head] + cells).map { $0[column].count }.max() ?? 0 }
        func line(_ columns: some Sequence<String>) -> String {
            zip(columns, widths).enumerated().map { index, cell in
                [1, 3, 4].contains(index) ? cell.0.leftPadded(cell.1) : cell.0.padded(cell.1)
            }.joined(separator: "  ") + "  "
        }
        var lines = [style.dim(line(head.dropLast()) + head[7])]
        for (row, columns) in zip(sorted, cells) {
            let text = style.wrapped(last(row), first: line(columns))
            lines += rank(row) < 2 ? text.map(style.red) : text
        }
        return lines.joined(separator: "\n").trimmedLines + "\n\n" + summary(rows) + "\n"
    }

    /// `200 hosts in 67 clusters: 60 ready, 5 not ready, 2 adopted, 0 not looked at`
    public func summary(_ rows: [FleetRow]) -> String {
        func count(_ matches: (FleetRow.State) -> Bool) -> Int { rows.count { matches($0.state) } }
        let failed = count { if case .failed = $0 { true } else { false } }
        return "\(counted(rows.reduce(0) { $0 + $1.hosts }, "host")) in \(counted(rows.count, "cluster")): "
            + "\(count { $0 == .ready }) ready, \(count { $0 == .blocked }) not ready, "
            + "\(count { $0 == .adopted }) adopted, \(failed) not looked at"
    }

    private func rank(_ row: FleetRow) -> Int {
        switch row.state {
        case .failed: 0
        case .blocked: 1
        case .ready: 2
        case .adopted: 3
        }
    }

    private func word(_ row: FleetRow) -> String {
        switch row.state {
        case .ready: "yes"
        case .blocked: "no"
        case .adopted: "adopted"
        case .failed: "unknown"
        }
    }

    private func last(_ row: FleetRow) -> String {
        if case .failed(let reason) = row.state { return reason.printable }
        let shown = row.worst.prefix(4).joined(separator: ", ")
        return row.worst.count > 4 ? "\(shown) and \(row.worst.count - 4) more" : shown.isEmpty ? "-" : shown
    }
}

/// How far a run over many hosts is: `37 of 200 hosts, 12 hosts/s, about 14 s left`.
public func fleetProgress(done: Int, of total: Int, after elapsed: Duration) -> String {
    let seconds = elapsed / .seconds(1)
    var text = "\(done) of \(counted(total, "host"))"
    guard done > 0, seconds > 0 else { return text }
    let rate = Double(done) / seconds
    let tenths = Int((rate * 10).rounded())
    text += rate < 10 ? ", \(tenths / 10).\(tenths % 10) hosts/s" : ", \(Int(rate.rounded())) hosts/s"
    if done < total { text += ", about \(durationText(.milliseconds(Int(Double(total - done) / rate * 1000)))) left" }
    return text
}

extension String {
    fileprivate var trimmedLines: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { String($0).trimmedEnd }.joined(separator: "\n")
    }
}
