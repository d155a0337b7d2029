/// Verdicts for people and for programs.
public struct VerificationReport: Codable, Equatable, Sendable {
    public var cluster: String
    public var verdicts: [Verdict]
    /// Measured write gaps of switchovers in milliseconds, in their order; nil: none was asked for.
    public var switchovers: [Switchover]?

    public struct Switchover: Codable, Equatable, Sendable {
        public var from: String
        public var to: String
        /// Nil: not measured.
        public var gapMilliseconds: Int64?

        public init(from: String, to: String, gapMilliseconds: Int64?) {
            self.from = from
            self.to = to
            self.gapMilliseconds = gapMilliseconds
        }
    }

    public init(cluster: String, verdicts: [Verdict], switchovers: [Switchover]? = nil) {
        self.cluster = cluster
        self.verdicts = verdicts
        self.switchovers = switchovers
    }

    /// 0: proved; 2: with warnings; 1: something is not as it must be.
    public var exitCode: Int32 {
        if verdicts.contains(where: { $0.level == .fail }) { return 1 }
        return verdicts.contains { $0.level == .warn } ? 2 : 0
    }

    public func count(_ level: Verdict.Level) -> Int { verdicts.count { $0.level == level } }

    public var text: String {
        var lines = ["Verification of cluster \(cluster)", ""]
        let widths = (
            name: verdicts.map(\.name.count).max() ?? 0, host: verdicts.map { $0.host?.count ?? 0 }.max() ?? 0
        )
        for verdict in verdicts {
            let mark = switch verdict.level {
            case .ok: "ok  "
            case .warn: "WARN"
            case .fail: "FAIL"
            }
            let head = "  \(mark)  \(padded(verdict.name, widths.name))  \(padded(verdict.host ?? "", widths.host))  "
            lines.append(head + verdict.summary)
            if !verdict.remedy.isEmpty {
                lines.append(String(repeating: " ", count: head.count) + verdict.remedy)
            }
        }
        for switchover in switchovers ?? [] {
            let gap = switchover.gapMilliseconds.map { "no write was possible for \($0) ms" }
                ?? "the gap was not measured"
            lines.append("  switchover from \(switchover.from) to \(switchover.to): \(gap)")
        }
        lines.append("")
        lines.append("\(count(.fail)) failures, \(count(.warn)) warnings, \(count(.ok)) proved")
        return lines.joined(separator: "\n") + "\n"
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
