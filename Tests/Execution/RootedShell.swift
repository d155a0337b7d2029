import Foundation
import Shell

/// A host made of a directory: our absolute places lie below it, everything else is this machine.
final class RootedShell: RemoteShell {
    let hostName: String
    let root: String
    /// Commands that contain this text fail as if the connection had been cut.
    let cutAt: @Sendable (String) -> Bool

    init(_ hostName: String, root: String, cutAt: @escaping @Sendable (String) -> Bool = { _ in false }) {
        self.hostName = hostName
        self.root = root
        self.cutAt = cutAt
    }

    struct Cut: Error {}

    func run(
        _ command: String, as account: Account, standardInput: [UInt8], deadline: Duration,
        onOutput: (@Sendable ([UInt8]) -> Void)?
    ) async throws -> CommandResult {
        if cutAt(command) { throw Cut() }
        var text = command
        for place in ["/var/lib/pgadopt", "/etc/pgadopt", "/usr/lib/pgadopt"] {
            text = text.replacingOccurrences(of: place, with: root + place)
        }
        var input = String(decoding: standardInput, as: UTF8.self)
        var bytes = standardInput
        if input.contains("/etc/pgadopt") || input.contains("/var/lib/pgadopt") {
            for place in ["/var/lib/pgadopt", "/etc/pgadopt"] {
                input = input.replacingOccurrences(of: place, with: root + place)
            }
            bytes = Array(input.utf8)
        }
        return try await spawn(text, account, bytes)
    }

    private func spawn(_ text: String, _ account: Account, _ input: [UInt8]) async throws -> CommandResult {
        var words = ["/bin/sh", "-c", text]
        if case .user(let name) = account, name != "root", geteuid() == 0 {
            words = ["/usr/sbin/runuser", "-u", name, "--"] + words
        }
        let directory = FileManager.default.temporaryDirectory
        let (stdin, stdout, stderr) = (UUID().uuidString, UUID().uuidString, UUID().uuidString)
        func file(_ name: String) -> URL { directory.appendingPathComponent("pgadopt-test-\(name)") }
        defer { for name in [stdin, stdout, stderr] { try? FileManager.default.removeItem(at: file(name)) } }
        try Data(input).write(to: file(stdin))
        for name in [stdout, stderr] { try Data().write(to: file(name)) }
        let pid = try start(words, stdin: file(stdin).path, stdout: file(stdout).path, stderr: file(stderr).path)
        let status: Int32 = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                continuation.resume(returning: status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F))
            }
        }
        return CommandResult(
            status: status, standardOutput: Array(try Data(contentsOf: file(stdout))),
            standardError: Array(try Data(contentsOf: file(stderr))))
    }

    /// Foundation's Process would wait for every descendant that inherits its pipes, and servers do.
    private func start(_ words: [String], stdin: String, stdout: String, stderr: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, stdin, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, stdout, O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, stderr, O_WRONLY, 0)
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, words[0], &actions, nil, &arguments, environ)
        guard code == 0 else { throw Cut() }
        return pid
    }
}
