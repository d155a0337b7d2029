import Glibc
import Kernel
import Testing
import Timekeeping

/// A PostgreSQL in a directory of its own, run as the OS user postgres when the tests run as root.
struct TemporaryServer: Sendable {
    let directory: String
    let process: ProcessHandle
    static let clock = BootClock()
    static let bin = "/usr/lib/postgresql/15/bin"

    var settings: [String: String] {
        ["host": directory, "port": "5432", "user": "postgres", "dbname": "postgres"]
    }

    static var soon: BootInstant { clock.now + .seconds(20) }

    static func start() async throws -> TemporaryServer {
        let user = geteuid() == 0 ? OSUser(named: "postgres") : nil
        let directory = "/tmp/pgadopt-client-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try #require(mkdir(directory, 0o700) == 0)
        if let user { try #require(chown(directory, user.uid, user.gid) == 0) }
        let environment = ["LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"]
        let initialize = try DetachedProcess(
            path: "\(bin)/initdb",
            arguments: ["-D", "\(directory)/data", "-U", "postgres", "-A", "trust", "--no-sync"],
            environment: environment, workingDirectory: directory, logFile: "\(directory)/log", user: user
        ).start()
        try await ProcessHandle(initialize).exited()
        let postmaster = try DetachedProcess(
            path: "\(bin)/postgres",
            arguments: ["-D", "\(directory)/data", "-k", directory, "-c", "listen_addresses=", "-c", "fsync=off"],
            environment: environment, workingDirectory: directory, logFile: "\(directory)/log", user: user
        ).start()
        return TemporaryServer(directory: directory, process: try ProcessHandle(postmaster))
    }

    func stop() async throws {
        try process.send(signal: SIGQUIT)
        try await process.exited()
        let removal = try DetachedProcess(
            path: "/bin/rm", arguments: ["-rf", directory], environment: [:], logFile: "/dev/null"
        ).start()
        _ = try? await ProcessHandle(removal).exited()
    }
}
