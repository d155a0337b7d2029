import Foundation
import Shell

/// A host that is this machine: runs commands under /bin/sh here.
struct LocalShell: RemoteShell {
    var hostName = "local"
    /// Runs `/bin/sh` under another program, such as `["busybox"]`.
    var prefix: [String] = []

    struct Failed: Error { var message: String }

    func run(
        _ command: String, as account: Account, standardInput: [UInt8], deadline: Duration,
        onOutput: (@Sendable ([UInt8]) -> Void)?
    ) async throws -> CommandResult {
        let words = prefix + ["/bin/sh", "-c", command]
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try Self.launch(words, input: standardInput) })
            }
        }
    }

    /// Runs a program to its end. Foundation's Process would wait for a server that the program leaves behind,
    /// because children inherit a descriptor of its own; this closes all but three.
    static func launch(_ words: [String], input: [UInt8] = []) throws -> CommandResult {
        let (stdin, stdout, stderr) = (try Ends(), try Ends(), try Ends())
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, stdin.read, 0)
        posix_spawn_file_actions_adddup2(&actions, stdout.write, 1)
        posix_spawn_file_actions_adddup2(&actions, stderr.write, 2)
        for descriptor in Int32(3)..<256 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, words[0], &actions, nil, &arguments, environ())
        for end in [stdin.read, stdout.write, stderr.write] { close(end) }
        guard code == 0 else { throw Failed(message: "\(words[0]): \(String(cString: strerror(code)))") }
        // Plain threads, no tasks: callers may sit on the few threads that tasks have.
        let errors = Collected()
        let group = DispatchGroup()
        group.enter()
        Thread.detachNewThread {
            errors.bytes = readAll(stderr.read)
            group.leave()
        }
        Thread.detachNewThread {
            writeAll(stdin.write, input)
            close(stdin.write)
        }
        let output = readAll(stdout.read)
        group.wait()
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1, errno == EINTR {}
        let signal = status & 0x7F
        return CommandResult(
            status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, standardOutput: output,
            standardError: errors.bytes)
    }

    private final class Collected: @unchecked Sendable { var bytes: [UInt8] = [] }

    private struct Ends {
        var read: Int32, write: Int32
        init() throws {
            var ends: [Int32] = [0, 0]
            // Close-on-exec: a child that inherited the other end of its own input would never see its end.
            guard pipe(&ends) == 0 else { throw Failed(message: "pipe: \(errno)") }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            (read, write) = (ends[0], ends[1])
        }
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 { all += buffer[..<count] } else if count == 0 || errno != EINTR { break }
        }
        close(descriptor)
        return all
    }

    private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) {
        signal(SIGPIPE, SIG_IGN)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { break }
        }
    }
}

private func environ() -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
    // The environment of now, in a copy that is never freed: tests are short.
    let words = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
    let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: words.count + 1)
    for (index, word) in words.enumerated() { list[index] = strdup(word) }
    list[words.count] = nil
    return list
}
