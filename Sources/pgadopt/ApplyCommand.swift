import ArgumentParser
import Dispatch
import Etcd
import Execution
import Glibc
import Kernel
import Planning
import Report
import SSH
import Survey
import Synchronization

/// `pgadopt apply`
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Carry out a saved plan; run again, it continues where it stopped.",
        discussion: """
            Refuses when the world is not that of the plan any more. The journal lies beside the plan file.
            Example: pgadopt apply plan.json
            """)

    @Argument(help: "The plan that pgadopt plan --out saved.")
    var plan: String
    @Flag(help: "Do not ask.")
    var yes = false
    @Flag(name: .customLong("continue"), help: "Go on after the pause of the playbook at which the last run stopped.")
    var goesOn = false

    func run() async throws {
        let saved = try Plan(decoding: try Files.read(plan), file: plan)
        guard !saved.steps.isEmpty else { return print("Nothing to do: \(saved.cluster) is as the plan wants it.") }
        guard yes || Terminal.confirm("""
            \(saved.steps.count) steps for the cluster \(saved.cluster); restarts of the primary: \
            \(saved.isRestart ? "one, in the approved window" : "none"). Go on?
            """)
        else { throw ValidationError("not confirmed; nothing was done (use --yes where nobody can answer)") }

        let control = ControlHost(spec: saved.spec, leaving: saved.leaving ?? [])
        let client = try control.storeClient()
        let shells = try await control.shells()
        let console = ApplyConsole()
        var environment = ExecutionEnvironment.control(shells: shells, client: client, planFile: plan)
        environment.continuesAfterPause = goesOn
        environment.confirmPause = { pause in Terminal.confirm("\(pause.message) Go on?") }
        let executor = Executor(plan: saved, environment: environment)
        let work = Task {
            try await executor.run(
                survey: { await control.survey(shells, client) }, report: { console.show($0) })
        }
        let interrupt = Interrupt { work.cancel() }
        defer { interrupt.stop() }
        let result = await work.result
        await client.close()
        for shell in shells.values { await shell.disconnect() }
        switch result {
        case .success:
            print("Look at it: pgadopt status INVENTORY")
        case .failure(is CancellationError) where interrupt.happened:
            throw ValidationError("""
                interrupted; what was begun is in the journal beside \(plan). \
                Run the same command again to continue: pgadopt apply \(plan)
                """)
        case .failure(let error as ExecutionError) where error.code == .paused:
            print("\(error.message)\nGo on with: pgadopt apply \(plan) --continue")
            throw ExitCode(2)
        case .failure(let error):
            throw interrupt.happened ? ValidationError("interrupted: \(error)") : error
        }
    }
}

/// Prints what the executor reports; steps on different hosts report at the same time.
private final class ApplyConsole: Sendable {
    private let text = Mutex(ApplyText(style: Terminal.style, isTerminal: Terminal.isInteractive))

    func show(_ event: ApplyEvent) {
        text.withLock { Terminal.put($0.text(event)) }
    }
}

/// Ctrl-C and SIGTERM as one event; a second one ends the program at once.
private final class Interrupt: @unchecked Sendable {
    private final class Mark: Sendable {
        private let isSet = Mutex(false)
        var value: Bool { isSet.withLock { $0 } }
        /// Sets it; true when it was set already.
        func set() -> Bool {
            isSet.withLock { value in
                defer { value = true }
                return value
            }
        }
    }

    private let mark = Mark()
    private let sources: [any DispatchSourceSignal]

    init(_ action: @escaping @Sendable () -> Void) {
        sources = [SIGINT, SIGTERM].map { [mark] number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if mark.set() { endProcess(130) }
                action()
            }
            source.resume()
            return source
        }
    }

    var happened: Bool { mark.value }
    func stop() { for source in sources { source.cancel() } }
}
