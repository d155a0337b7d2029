import Planning
import PostgresModel

/// Turns the events of an apply into lines. On a terminal, progress overwrites its own line; in a log it is
/// said at every tenth part.
public struct ApplyText: Sendable {
    public var style: TextStyle
    public var isTerminal: Bool
    private var lastTenth: [String: Int] = [:]
    private var isLineOpen = false

    public init(style: TextStyle = .plain, isTerminal: Bool = false) {
        self.style = style
        self.isTerminal = isTerminal
    }

    /// The bytes to print for an event; may be empty, and ends without a newline while a line is overwritten.
    public mutating func text(_ event: ApplyEvent) -> String {
        switch event {
        case .started(let cluster, let steps, let resumed):
            return line(
                "\(resumed ? "Resuming" : "Applying") the plan for cluster \(cluster): \(counted(steps, "step"))")
        case .stepStarted(let step, let number, let of):
            let text = "\(position(number, of))  \(step.id.padded(20))  \(step.summary.printable)"
            return style.wrapped(text, first: "", hang: 31).map { line($0) }.joined()
        case .stepSkipped(let step, let number, let of):
            return line("\(position(number, of))  \(step.id.padded(20))  done before")
        case .progress(let id, let progress): return self.progress(id, progress)
        case .note(_, let text):
            return style.wrapped(text.printable, first: String(repeating: " ", count: 31)).map { line($0) }.joined()
        case .stepDone(let step, _, _, let took):
            if took < .seconds(1) { return "" }
            return line(
                style.dim(String(repeating: " ", count: 31) + "\(step.kind.name.rawValue) took \(durationText(took))"))
        case .stepFailed(let step, let message):
            return line(style.red("\(step.id) failed"))
                + message.split(separator: "\n").map { line(String($0)) }.joined()
        case .finished(let steps, let took):
            return line(style.green("Done: \(counted(steps, "step")) in \(durationText(took))."))
        }
    }

    private func position(_ number: Int, _ of: Int) -> String {
        let width = String(of).count
        return "[\(String(number).leftPadded(width))/\(of)]"
    }

    private mutating func progress(_ id: String, _ progress: StepProgress) -> String {
        let text = String(repeating: " ", count: 8) + "\(id.padded(20))  \(Self.progressText(progress))"
        if isTerminal {
            isLineOpen = true
            return "\r\u{1B}[K\(text)"
        }
        let tenth = progress.total.map { Int(progress.bytes.rawValue * 10 / max(1, $0.rawValue)) } ?? 0
        if lastTenth[id] == tenth { return "" }
        lastTenth[id] = tenth
        return text + "\n"
    }

    /// `12.0 GiB of 40.0 GiB, 30 %, 95.0 MiB/s, 5 min 3 s left (copying)`
    public static func progressText(_ progress: StepProgress) -> String {
        var parts = [progress.bytes.description]
        if let total = progress.total, total.rawValue > 0 {
            parts[0] += " of \(total)"
            parts.append("\(min(100, progress.bytes.rawValue * 100 / total.rawValue)) %")
        }
        if let rate = progress.rate { parts.append("\(rate)/s") }
        if let remaining = progress.remaining { parts.append("\(durationText(remaining)) left") }
        return parts.joined(separator: ", ") + (progress.phase.map { " (\($0))" } ?? "")
    }

    private mutating func line(_ text: String) -> String {
        defer { isLineOpen = false }
        return (isLineOpen ? "\n" : "") + text + "\n"
    }
}
