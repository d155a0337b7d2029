import FoundationEssentials
import Planning
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

    /// How journals and locks name a plan.
    public static func planName(_ plan: Plan) throws -> String { plan.digest }

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
        return try lines.enumerated().filter { !$0.element.isEmpty }.compactMap { index, line in
            do {
                return try JSONDecoder().decode(JournalEntry.self, from: Data(line.utf8))
            } catch {
                // Cut off by a crash; the run after it has begun a new line.
                if !line.hasSuffix("}") { return nil }
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

    /// Steps that have or may have an effect which was not taken back.
    func begun() -> Set<String> {
        Set(entries.filter { $0.event != .made }.map(\.step)).filter { state(of: $0) != .undone }
    }

    /// Steps that were ever begun.
    var touched: Set<String> { Set(entries.map(\.step)) }

    /// Things that the step has made since it was last taken back.
    func made(_ step: String, _ what: String) -> [String] {
        let own = entries.filter { $0.step == step }
        let fresh = own.lastIndex { $0.event == .undone }.map { own[($0 + 1)...] } ?? own[...]
        return fresh.filter { $0.event == .made && $0.what == what }.compactMap(\.value)
    }

    /// Writes to the control host's file alone: a release has removed the primary's copy.
    func writeHereOnly(_ event: JournalEntry.Event, _ step: String) async throws {
        let entry = JournalEntry(at: now(), plan: plan, step: step, event: event)
        try await file.append(try entry.line)
        entries.append(entry)
    }
}

extension Journal {
    /// The journal of a plan: on the control host, with a copy on the primary, where it can be reached.
    static func open(plan: Plan, environment: ExecutionEnvironment) async throws -> Journal {
        let path = Layout(scope: plan.cluster).journal
        let shell = environment.shells[plan.primary.host]
        return try await Journal(file: environment.journal, plan: plan.digest, now: environment.timestamp) { line in
            guard let shell else { return }
            let result = try await shell.run(
                """
                umask 022; j=\(quoted(path)); mkdir -p \(quoted(directory(path)))
                # A line that a crash of the host has cut off must not swallow this one.
                if [ -s "$j" ] && [ -n "$(tail -c 1 "$j")" ]; then echo >> "$j"; fi
                cat >> "$j" && sync "$j"
                """,
                as: .root, standardInput: Array(line.utf8))
            guard result.succeeded else {
                throw ExecutionError(
                    .commandFailed, host: shell.hostName, "the journal \(path) cannot be written\(result.words)",
                    remedy: "Nothing is done without a journal: make room on that file system.")
            }
        }
    }
}
