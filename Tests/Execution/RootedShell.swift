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
        let process = Process()
        var words = ["/bin/sh", "-c", text]
        if case .user(let name) = account, name != "root", geteuid() == 0 { words = ["/usr/sbin/runuser", "-u", name, "--"] + words }
        process.executableURL = URL(fileURLWithPath: words[0])
        process.arguments = Array(words.dropFirst())
        let directory = FileManager.default.temporaryDirectory
        let (stdin, stdout, stderr) = (UUID().uuidString, UUID().uuidString, UUID().uuidString)
        func file(_ name: String) -> URL { directory.appendingPathComponent("pgadopt-test-\(name)") }
        defer { for name in [stdin, stdout, stderr] { try? FileManager.default.removeItem(at: file(name)) } }
        try Data(input).write(to: file(stdin))
        for name in [stdout, stderr] { try Data().write(to: file(name)) }
        process.standardInput = try FileHandle(forReadingFrom: file(stdin))
        process.standardOutput = try FileHandle(forWritingTo: file(stdout))
        process.standardError = try FileHandle(forWritingTo: file(stderr))
        let status: Int32 = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return CommandResult(
            status: status, standardOutput: Array(try Data(contentsOf: file(stdout))),
            standardError: Array(try Data(contentsOf: file(stderr))))
    }
}
