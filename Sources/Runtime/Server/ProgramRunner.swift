import Kernel
import Subprocess
import Timekeeping

#if canImport(System)
import System
#else
import SystemPackage
#endif

/// Runs PostgreSQL's programs: as the right OS user, in a clean English environment, with a deadline.
struct ProgramRunner: Sendable {
    struct Output: Equatable, Sendable {
        /// stdout and stderr as they came, the last megabyte.
        var text: String
        var isSuccess: Bool
        /// `exit code 1`, `signal 9`.
        var ending: String

        /// The last lines, for error texts.
        var tail: String { text.split(whereSeparator: \.isNewline).suffix(3).joined(separator: "; ") }
    }

    var user: OSUser?
    var clock: any BootTimeClock

    /// Nothing is inherited: no NOTIFY_SOCKET, no PG* of the agent's own.
    var environment: [String: String] {
        ["LC_ALL": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": user?.home ?? "/"]
    }

    /// Becomes the user by setpriv (util-linux), which execs the program and keeps the environment. Not by the
    /// spawning library's user option: it calls glibc's setgroups after a raw clone3, and that waits for ever for
    /// threads the child does not have.
    private var prefix: [String] {
        guard let user else { return [] }
        let groups = user.groups.map(String.init).joined(separator: ",")
        return [
            "/usr/bin/setpriv", "--reuid=\(user.uid)", "--regid=\(user.gid)", "--groups=\(groups)", "--",
        ]
    }

    /// - Parameters:
    ///   - environment: added to the clean one; may hold secrets.
    ///   - progress: sees each piece of output as it comes.
    ///   - started: told the pid once the program runs.
    /// - Throws: `ServerError` when it cannot be started, or does not end in time (then SIGTERM and SIGKILL end it).
    func run(
        _ path: String, _ arguments: [String], environment extra: [String: String] = [:], by deadline: BootInstant,
        progress: (@Sendable (String) -> Void)? = nil, started: (@Sendable (Int32) -> Void)? = nil
    ) async throws -> Output {
        do {
            return try await withDeadline(deadline, on: clock, waitingFor: path) {
                try await execute(path, arguments, environment.merging(extra) { $1 }, progress, started)
            }
        } catch is DeadlineExceeded {
            throw ServerError(.deadline, "\(path) did not end in time and was stopped")
        } catch let error as SubprocessError {
            throw ServerError(.programFailed, "\(path) cannot be run: \(error)")
        }
    }

    private func execute(
        _ path: String, _ arguments: [String], _ environment: [String: String],
        _ progress: (@Sendable (String) -> Void)?, _ started: (@Sendable (Int32) -> Void)?
    ) async throws -> Output {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
        let command = prefix + [path] + arguments
        let variables = Dictionary(
            uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
        let result = try await Subprocess.run(
            .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())),
            environment: .custom(variables), workingDirectory: "/", platformOptions: options, input: .none,
            output: .sequence, error: .combinedWithOutput
        ) { execution in
            started?(Int32(execution.processIdentifier.value))
            var bytes: [UInt8] = []
            for try await piece in execution.standardOutput {
                let part = piece.withUnsafeBytes { Array($0) }
                progress?(String(decoding: part, as: UTF8.self))
                bytes += part
                if bytes.count > 2 << 20 { bytes.removeFirst(1 << 20) }
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        let ending =
            switch result.terminationStatus {
            case .exited(let code): "exit code \(code)"
            case .signaled(let signal): "signal \(signal)"
            }
        return Output(text: result.closureResult, isSuccess: result.terminationStatus.isSuccess, ending: ending)
    }
}
