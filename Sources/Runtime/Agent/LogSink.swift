import Configuration
import Glibc
import Synchronization

/// Where log lines go: standard output, or a file that is set aside when it has its size (`log.dir`).
///
/// A line is one write: nothing is kept in memory, and a full disk loses lines and nothing else.
public final class LogSink: Sendable {
    private struct State {
        var descriptor: Int32 = STDOUT_FILENO
        var size = 0
    }

    private let file: AgentConfiguration.Log.File?
    private let path: String
    private let state = Mutex(State())

    /// - Parameter file: nil: standard output. A file that cannot be opened is standard output, too.
    public init(_ file: AgentConfiguration.Log.File?) {
        self.file = file
        path = (file?.directory ?? "") + "/patroni.log"
        if file != nil { state.withLock { open(&$0) } }
    }

    func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        state.withLock { state in
            if let file, file.size > 0, state.size > 0, state.size + bytes.count > file.size { rotate(&state, file) }
            _ = bytes.withUnsafeBytes { Glibc.write(state.descriptor, $0.baseAddress, $0.count) }
            state.size += bytes.count
        }
    }

    private func open(_ state: inout State) {
        let mode = mode_t(file?.mode ?? 0o644)
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode)
        guard descriptor >= 0 else { return }
        state.descriptor = descriptor
        var info = stat()
        state.size = fstat(descriptor, &info) == 0 ? Int(info.st_size) : 0
    }

    /// `patroni.log` becomes `.1`, `.1` becomes `.2`, and so on; the last one goes.
    private func rotate(_ state: inout State, _ file: AgentConfiguration.Log.File) {
        if file.count > 0 {
            for number in stride(from: file.count - 1, to: 0, by: -1) {
                rename("\(path).\(number)", "\(path).\(number + 1)")
            }
            rename(path, "\(path).1")
        } else {
            unlink(path)
        }
        if state.descriptor != STDOUT_FILENO { close(state.descriptor) }
        state = State()
        open(&state)
    }
}
