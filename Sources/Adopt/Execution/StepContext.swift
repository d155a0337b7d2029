import Planning
import PostgresModel
import Shell

/// What a step may use.
struct StepContext: Sendable {
    var step: PlannedStep
    var plan: Plan
    var environment: ExecutionEnvironment
    var journal: Journal
    var report: @Sendable (ApplyEvent) -> Void

    var host: String { step.host }
    var layout: Layout { Layout(scope: plan.cluster) }

    func note(_ text: String) { report(.note(stepID: step.id, text)) }

    func progress(_ progress: StepProgress) { report(.progress(stepID: step.id, progress)) }

    /// Writes down, before it exists, that a thing is ours.
    func willMake(_ what: String, _ value: String) async throws {
        if await journal.made(step.id, what).contains(value) { return }
        try await journal.write(.made, step.id, what: what, value: value)
    }

    func made(_ what: String) async -> [String] { await journal.made(step.id, what) }

    /// Runs a script under /bin/sh and returns its standard output.
    /// - Throws: ``ExecutionError`` when it ends with another code than 0; its message is the script's last words.
    @discardableResult
    func run(
        on host: String? = nil, _ purpose: String, _ script: String, as account: Account = .root,
        standardInput: [UInt8] = [], deadline: Duration = .seconds(30)
    ) async throws -> String {
        let result = try await tryRun(on: host, script, as: account, standardInput: standardInput, deadline: deadline)
        guard result.succeeded else {
            throw ExecutionError(
                .commandFailed, host: host ?? self.host, "\(purpose) failed (exit code \(result.status))\(result.words)"
            )
        }
        return result.output
    }

    func tryRun(
        on host: String? = nil, _ script: String, as account: Account = .root, standardInput: [UInt8] = [],
        deadline: Duration = .seconds(30)
    ) async throws -> CommandResult {
        try Task.checkCancellation()
        return try await shell(host ?? self.host).run(
            script, as: account, standardInput: standardInput, deadline: deadline)
    }

    func shell(_ host: String) throws -> any RemoteShell {
        guard let shell = environment.shells[host] else {
            throw ExecutionError(
                .conflict, host: host, "the plan names a host that cannot be reached with this inventory")
        }
        return shell
    }

    /// Asks `body` again and again until it gives an answer.
    /// - Throws: ``ExecutionError`` timeout with what was waited for.
    func poll<Value: Sendable>(
        _ waitingFor: String, within limit: Duration, every interval: Duration = .milliseconds(200),
        _ body: () async throws -> Value?
    ) async throws -> Value {
        let deadline = environment.now() + limit
        while true {
            if let value = try await body() { return value }
            guard environment.now() < deadline else {
                throw ExecutionError(.timeout, host: host, "\(waitingFor) did not come within \(limit)")
            }
            try await environment.sleep(interval)
        }
    }
}

/// What the engine needs of the world.
public struct ExecutionEnvironment: Sendable {
    /// By the hosts' names in the inventory.
    public var shells: [String: any RemoteShell]
    public var store: any AdoptionStore
    public var journal: any JournalFile
    /// Who applies, for the lock: `user@host`.
    public var operatorName: String
    /// The process id of this program, and whether one of this host still runs.
    public var processID: Int32
    public var isRunning: @Sendable (Int32) -> Bool
    /// Time since any moment; never goes back.
    public var now: @Sendable () -> Duration
    /// RFC 3339, UTC.
    public var timestamp: @Sendable () -> String
    public var sleep: @Sendable (Duration) async throws -> Void
    public var randomBytes: @Sendable (Int) -> [UInt8]
    /// A file of the control host: the bundle, certificates.
    public var readFile: @Sendable (String) throws -> [UInt8]
    /// Files of the control host that are made: those of a managed store's authority.
    public var localFiles = LocalFiles.none
    public var readEnvironment: @Sendable (String) -> String?
    /// Asks a person at a pause of the playbook; false: nobody answered, or not yet.
    public var confirmPause: @Sendable (PauseChange) async -> Bool = { _ in false }
    /// True: the pause at which the last run stopped is over.
    public var continuesAfterPause = false
    /// Called at each moment of each step and of each act of a release; tests end the program there.
    public var passing: @Sendable (StepMoment) -> Void = { _ in }

    public init(
        shells: [String: any RemoteShell], store: any AdoptionStore, journal: any JournalFile, operatorName: String,
        processID: Int32, isRunning: @escaping @Sendable (Int32) -> Bool, now: @escaping @Sendable () -> Duration,
        timestamp: @escaping @Sendable () -> String, sleep: @escaping @Sendable (Duration) async throws -> Void,
        randomBytes: @escaping @Sendable (Int) -> [UInt8], readFile: @escaping @Sendable (String) throws -> [UInt8],
        readEnvironment: @escaping @Sendable (String) -> String?
    ) {
        self.shells = shells
        self.store = store
        self.journal = journal
        self.operatorName = operatorName
        self.processID = processID
        self.isRunning = isRunning
        self.now = now
        self.timestamp = timestamp
        self.sleep = sleep
        self.randomBytes = randomBytes
        self.readFile = readFile
        self.readEnvironment = readEnvironment
    }
}

extension CommandResult {
    /// The last lines of standard error, for messages.
    var words: String {
        let lines = errorOutput.split(separator: "\n").suffix(6)
        return lines.isEmpty ? "" : ": " + lines.joined(separator: "\n")
    }
}
