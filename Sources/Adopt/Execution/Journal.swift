import FoundationEssentials
import Shell

/// One line of the journal.
public struct JournalEntry: Codable, Equatable, Sendable {
    public enum Event: String, Codable, Sendable {
        /// Written before the first effect of a step.
        case begun
        /// Written before one effect that `release` must know of, such as a role that did not exist.
        case made
        case done
        case failed
        case undone
    }

    /// RFC 3339, UTC.
    public var at: String
    /// Which plan: the first digits of the SHA-256 of its file's content.
    public var plan: String
    public var step: String
    public var event: Event
    /// For `made`: what kind of thing, and which. For `failed`: `error` and the message.
    public var what: String?
    public var value: String?

    public init(at: String, plan: String, step: String, event: Event, what: String? = nil, value: String? = nil) {
        self.at = at
        self.plan = plan
        self.step = step
        self.event = event
        self.what = what
        self.value = value
    }

    var line: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        }
    }

    /// Entries of a journal's text. A last line that was cut off by a crash is left out; anything else that
    /// cannot be read is an error.
    static func entries(_ text: String, name: String) throws -> [JournalEntry] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // A line is whole only with its newline.
        lines.removeLast()
        return try lines.enumerated().filter { !$0.element.isEmpty }.map { index, line in
            do {
                return try JSONDecoder().decode(JournalEntry.self, from: Data(line.utf8))
            } catch {
                throw ExecutionError(
                    .localFile, "\(name):\(index + 1): this line of the journal cannot be read",
                    remedy:
                        "Move the file away if it is not a journal of pgadopt; "
                            + "its steps then look for themselves what is done."
                )
            }
        }
    }
}

/// Where journal lines go on the control host. Every line is on disk when `append` returns.
public protocol JournalFile: Sendable {
    var path: String { get }
    func read() async throws -> String
    func append(_ line: String) async throws
}

/// The journal of one run: the control host's file and a copy on the primary.
public actor Journal {
    private let file: any JournalFile
    private let plan: String
    private let now: @Sendable () -> String
    private let copyTo: @Sendable (String) async throws -> Void
    public private(set) var entries: [JournalEntry]

    /// - Parameter copyTo: appends a line to the copy on the primary.
    init(
        file: any JournalFile, plan: String, now: @escaping @Sendable () -> String,
        copyTo: @escaping @Sendable (String) async throws -> Void
    ) async throws {
        self.file = file
        self.plan = plan
        self.now = now
        self.copyTo = copyTo
        let text = try await file.read()
        entries = try JournalEntry.entries(text, name: file.path).filter { $0.plan == plan }
        // A line that was cut off must not swallow the next one.
        if !text.isEmpty, !text.hasSuffix("\n") { try await file.append("\n") }
    }

    func write(_ event: JournalEntry.Event, _ step: String, what: String? = nil, value: String? = nil) async throws {
        let entry = JournalEntry(at: now(), plan: plan, step: step, event: event, what: what, value: value)
        let line = try entry.line
        try await file.append(line)
        entries.append(entry)
        try await copyTo(line)
    }

    /// The last of `begun`, `done`, `failed`, `undone` for a step.
    func state(of step: String) -> JournalEntry.Event? {
        entries.last { $0.step == step && $0.event != .made }?.event
    }

    /// Steps that had or may have had an effect.
    func begun() -> Set<String> { Set(entries.filter { $0.event == .begun || $0.event == .done }.map(\.step)) }

    func made(_ step: String, _ what: String) -> [String] {
        entries.filter { $0.step == step && $0.event == .made && $0.what == what }.compactMap(\.value)
    }
}
