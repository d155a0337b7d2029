import Glibc
import Kernel
import Logging
import Synchronization
import Timekeeping

/// The operator's programs that PostgreSQL's life calls (compatibility sheet f.1, f.2), each as its words.
public struct HookCommands: Equatable, Sendable {
    public enum Event: String, CaseIterable, Hashable, Sendable {
        case start = "on_start"
        case stop = "on_stop"
        case restart = "on_restart"
        case reload = "on_reload"
        case roleChange = "on_role_change"
    }

    /// Third argument of every callback.
    public var scope: String
    public var callbacks: [Event: [String]]
    /// A failure keeps the server from being promoted.
    public var prePromote: [String]?
    /// Its exit code is only logged.
    public var beforeStop: [String]?

    public init(
        scope: String, callbacks: [Event: [String]] = [:], prePromote: [String]? = nil, beforeStop: [String]? = nil
    ) {
        self.scope = scope
        self.callbacks = callbacks
        self.prePromote = prePromote
        self.beforeStop = beforeStop
    }
}

/// Runs the operator's programs. They run as the OS user of the server, in a clean environment and a session of their
/// own, with no signal blocked; what they print goes to a log file, so that a grandchild that keeps it open holds
/// nobody up.
public actor Hooks {
    /// A callback without an end is killed after this time.
    public static let callbackLimit = Duration.seconds(3600)

    private var commands: HookCommands
    private let runner: ProgramRunner
    private let clock: any BootTimeClock
    private let log: Logger
    private let files: Files
    private let directory: String
    private let output: String
    /// The callbacks under way: one for `on_reload`, one for all others (as Patroni has it).
    private var running: [Lane: Running] = [:]
    private var calls = 0

    private enum Lane { case reload, others }

    private struct Running {
        var number: Int
        var event: HookCommands.Event
        var task: Task<Void, Never>
        var process: Process
    }

    /// The process of a call, once it is there.
    private final class Process: Sendable {
        private let identity = Mutex<ProcessIdentity?>(nil)

        func set(_ pid: Int32) { identity.withLock { $0 = ProcessIdentity(running: pid) } }

        /// SIGKILL to it and all its descendants.
        func killTree() {
            guard let process = identity.withLock({ $0 }) else { return }
            for one in ProcessTable.now().descendants(of: process.pid) + [process] {
                try? ProcessHandle(one).send(signal: SIGKILL)
            }
        }
    }

    init(_ settings: ServerSettings, clock: any BootTimeClock, log: Logger) {
        commands = HookCommands(scope: "")
        runner = ProgramRunner(user: settings.user, clock: clock)
        self.clock = clock
        self.log = log
        files = Files(user: settings.user)
        directory = settings.stateDirectory
        output = "\(settings.stateDirectory)/hooks.log"
    }

    /// The programs from now on; what runs goes on.
    public func configure(_ commands: HookCommands) { self.commands = commands }

    /// Starts the callback of an event and goes on at once. A former one that still runs is killed with everything it
    /// started; `on_reload` and the others do not disturb each other.
    /// - Parameter role: primary, replica, standby_leader or demoted.
    public func call(_ event: HookCommands.Event, role: String) {
        guard let words = commands.callbacks[event], !words.isEmpty else { return }
        let lane: Lane = event == .reload ? .reload : .others
        if let former = running.removeValue(forKey: lane) {
            log.warning("the callback \(former.event.rawValue) still runs: killed for \(event.rawValue)")
            former.process.killTree()
            former.task.cancel()
        }
        calls += 1
        let number = calls
        let process = Process()
        let arguments = words + [event.rawValue, role, commands.scope]
        let deadline = clock.now + Self.callbackLimit
        let task = Task {
            let result = await self.execute(arguments, by: deadline) { process.set($0) }
            self.ended(number, lane, event, result)
        }
        running[lane] = Running(number: number, event: event, task: task, process: process)
    }

    /// Runs `pre_promote`, when there is one.
    /// - Throws: `ServerError` with `refused` when it fails or does not end in time: the server must not be promoted.
    public func prePromote(by deadline: BootInstant) async throws {
        guard let words = commands.prePromote, !words.isEmpty else { return }
        if let complaint = await execute(words, by: deadline, started: { _ in }) {
            throw ServerError(.refused, "pre_promote keeps this server from being promoted: \(complaint)")
        }
    }

    /// Runs `before_stop`, when there is one. Whatever becomes of it, the server is stopped.
    public func beforeStop(by deadline: BootInstant) async {
        guard let words = commands.beforeStop, !words.isEmpty else { return }
        if let complaint = await execute(words, by: deadline, started: { _ in }) {
            log.warning("before_stop failed; the server is stopped all the same: \(complaint)")
        }
    }

    private func ended(_ number: Int, _ lane: Lane, _ event: HookCommands.Event, _ complaint: String?) {
        guard running[lane]?.number == number else { return }
        running[lane] = nil
        if let complaint { log.warning("the callback \(event.rawValue) failed: \(complaint)") }
    }

    /// The shell only moves the output away from our pipe, and becomes the program.
    private static let becomeProgram = """
        if true 2>/dev/null >>"$0"; then exec >>"$0" 2>&1 </dev/null; else exec >/dev/null 2>&1 </dev/null; fi
        exec "$@"
        """

    /// Nil: it ended well. Its words are told, they are the operator's and hold no secret of ours.
    private func execute(
        _ words: [String], by deadline: BootInstant, started: @escaping @Sendable (Int32) -> Void
    ) async -> String? {
        do {
            try? files.makeDirectory(directory)
            let result = try await runner.run(
                "/bin/sh", ["-c", Self.becomeProgram, output] + words, by: deadline, started: started)
            return result.isSuccess ? nil : "\(words[0]) ended with \(result.ending); its output is in \(output)"
        } catch {
            return "\(error)"
        }
    }
}
