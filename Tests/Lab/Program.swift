import Foundation

/// A program run by the tests: the lab, the tool, the load. Its output goes to a file, so that no pipe can fill up.
actor Program {
    /// How a program ended and what it said, standard error included.
    struct Ended: Sendable {
        var status: Int32
        var output: String
    }

    struct Overdue: Error, CustomStringConvertible {
        var description: String
    }

    private let process = Process()
    private let name: String
    private let outputFile: URL

    init(_ arguments: [String], environment: [String: String] = [:], directory: URL = Program.repository) throws {
        name = arguments.map { $0.contains(" ") ? "'\($0)'" : $0 }.joined(separator: " ")
        outputFile = FileManager.default.temporaryDirectory.appendingPathComponent("lab-\(UUID().uuidString).out")
        _ = FileManager.default.createFile(atPath: outputFile.path, contents: nil)
        let handle = try FileHandle(forWritingTo: outputFile)
        // A Process keeps its handles open, and with a thousand of them the next one cannot start.
        defer { try? handle.close() }
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = Self.withOpenSignals(arguments)
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = directory
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
    }

    /// A child inherits the signal mask of the thread that starts it, and the threads of Swift's pool block most
    /// signals: without this a program could not be ended by SIGTERM.
    private static func withOpenSignals(_ arguments: [String]) -> [String] {
        let code = "import os,signal,sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); os.execvp(sys.argv[1], sys.argv[1:])"
        return ["python3", "-c", code] + arguments
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: outputFile)
    }

    /// The root of the repository.
    static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Runs a program to its end. Throws when it takes longer than `deadline`, after killing it.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], directory: URL = repository,
        deadline: Duration = .seconds(120)
    ) async throws -> Ended {
        try await Program(arguments, environment: environment, directory: directory).end(within: deadline)
    }

    var isRunning: Bool { process.isRunning }
    var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }

    /// Sends `signal`, if any, and waits for the end.
    func end(signal: Int32? = nil, within deadline: Duration = .seconds(30)) async throws -> Ended {
        if let signal, process.isRunning { kill(process.processIdentifier, signal) }
        let clock = ContinuousClock()
        let limit = clock.now + deadline
        while process.isRunning {
            guard clock.now < limit else {
                kill(process.processIdentifier, SIGKILL)
                throw Overdue(description: "'\(name)' did not end within \(deadline); it said:\n\(output)")
            }
            try await Task.sleep(for: .milliseconds(10), clock: clock)
        }
        return Ended(status: process.terminationStatus, output: output)
    }
}

/// Polls until `condition` holds and says how long that took; throws, with `what`, when it does not in time.
@discardableResult
func eventually(
    _ what: String, within deadline: Duration, _ condition: () async throws -> Bool
) async throws -> Duration {
    let clock = ContinuousClock()
    let began = clock.now
    while true {
        if try await condition() { return began.duration(to: clock.now) }
        guard began.duration(to: clock.now) < deadline else {
            throw Program.Overdue(description: "waited \(deadline) in vain: \(what)")
        }
        try await Task.sleep(for: .milliseconds(200), clock: clock)
    }
}
