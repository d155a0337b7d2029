import Glibc
import HACore
import Kernel
import Logging
import PostgresClient
import PostgresModel
import TestHost
import Testing
import Timekeeping

@testable import Server

/// Servers a and b in a directory of their own, laid out as on Debian: configuration outside the data directory.
/// They run as the OS user postgres when the tests run as root.
struct Bench: Sendable {
    let root: String
    let user: OSUser?
    let ports: [String: Int]
    static let bin = "/usr/lib/postgresql/15/bin"
    static let clock = BootClock()
    static var soon: BootInstant { clock.now + .seconds(60) }

    let runner: ProgramRunner

    init() throws {
        user = geteuid() == 0 ? OSUser(named: "postgres") : nil
        root = "/tmp/pgadopt-server-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        let free = freePorts(2)
        ports = ["a": free[0], "b": free[1]]
        runner = ProgramRunner(user: user, clock: Self.clock)
        try Files(user: user).makeDirectory(root)
        for name in ports.keys { try writeConfiguration(name) }
    }

    func upstream(_ name: String, host: String = "127.0.0.1") -> Upstream {
        Upstream(name: name, host: host, port: ports[name]!)
    }

    func server(_ name: String) -> LocalServer { LocalServer(settings(name), log: quiet) }

    var quiet: Logger {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return log
    }

    func settings(_ name: String) -> ServerSettings {
        ServerSettings(
            name: name, dataDirectory: "\(root)/\(name)", binDirectory: Self.bin, configFile: "\(root)/\(name).conf",
            includeFile: "\(root)/\(name).include", host: root, port: ports[name]!,
            superuser: .init(user: "postgres"), replication: .init(user: "replicator", password: "r:e\\p"),
            rewind: .init(user: "rewinder", password: "rew"), passFile: "\(root)/\(name).pass",
            stateDirectory: "\(root)/\(name).state", logFile: "\(root)/\(name).log", user: user
        ) { recovery in
            func line(_ name: String, _ value: String?) -> String {
                let escaped = (value ?? "").reduce(into: "") { $0 += $1 == "'" ? "''" : String($1) }
                return "\(name) = '\(escaped)'\n"
            }
            return line("primary_conninfo", recovery.primaryConnInfo)
                + line("primary_slot_name", recovery.primarySlotName)
        }
    }

    /// A server as its owner would have it: initdb, roles, started without us and with an option of its own.
    /// - Parameter inside: a small one, for a disk of its own.
    func startLegacyPrimary(inside isSmall: Bool = false) async throws {
        if isSmall { try await run("initdb", "-D", "\(root)/a", "-U", "postgres", "--wal-segsize=1", "-A", "trust") }
        if !isSmall { try await run("initdb", "-D", "\(root)/a", "-U", "postgres", "-k", "--no-sync", "-A", "trust") }
        _ = try DetachedProcess(
            path: "\(Self.bin)/postgres",
            arguments: ["-D", "\(root)/a", "-c", "config_file=\(root)/a.conf", "-c", "work_mem=7MB"]
                + (isSmall ? ["-c", "min_wal_size=4MB", "-c", "max_wal_size=16MB", "-c", "fsync=on"] : []),
            environment: runner.environment, workingDirectory: root, logFile: "\(root)/a.log", user: user
        ).start()
        try await eventually("a accepts connections") { (try? await sql("a", "select 1")) == "1" }
        try await sql("a", "create role replicator login replication password 'r:e\\p'")
        try await sql("a", "create role rewinder login superuser password 'rew'")
        try await sql("a", "create table t (n int)")
    }

    @discardableResult
    func sql(_ name: String, _ text: String) async throws -> String? {
        let connection = try await PostgresConnection.connect(
            ["host": root, "port": "\(ports[name]!)", "user": "postgres", "dbname": "postgres"], by: Self.soon)
        return try await connection.query(text, by: Self.soon).scalar
    }

    func run(_ program: String, _ arguments: String...) async throws {
        let output = try await runner.run("\(Self.bin)/\(program)", arguments, by: Self.soon)
        try #require(output.isSuccess, "\(output.text)")
    }

    /// Ends what runs in the directory and removes it.
    func clean() async {
        let table = ProcessTable.now()
        for name in ports.keys {
            for process in table.working(in: "\(root)/\(name)") { kill(process.identity.pid, SIGKILL) }
        }
        _ = try? await ProgramRunner(user: nil, clock: Self.clock).run("/bin/rm", ["-rf", root], by: Self.soon)
    }

    private func writeConfiguration(_ name: String) throws {
        let files = Files(user: user)
        try files.write(
            """
            data_directory = '\(root)/\(name)'
            hba_file = '\(root)/hba'
            ident_file = '\(root)/ident'
            listen_addresses = 'localhost'
            port = \(ports[name]!)
            unix_socket_directories = '\(root)'
            shared_buffers = 16MB
            fsync = off
            wal_keep_size = 128MB
            include = '\(name).include'

            """, to: "\(root)/\(name).conf")
        try files.write("", to: "\(root)/\(name).include")
        try files.write("", to: "\(root)/ident")
        try files.write(
            "local all,replication all trust\nhost all all localhost scram-sha-256\n"
                + "host replication all localhost scram-sha-256\n",
            to: "\(root)/hba")
    }
}

/// Waits for a condition that has no event, at most thirty seconds.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let end = Bench.clock.now + .seconds(30)
    while try await !condition() {
        try #require(Bench.clock.now < end, "never: \(what)")
        try await Bench.clock.sleep(until: Bench.clock.now + .milliseconds(10), tolerance: nil)
    }
}
