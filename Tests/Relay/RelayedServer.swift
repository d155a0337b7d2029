import Certificates
import FoundationEssentials
import Glibc
import Kernel
import Logging
import Relay
import Testing
import Timekeeping

/// A PostgreSQL that listens on its unix socket only, certificates of an authority, and what is needed to reach the
/// server through a relay in this process.
final class RelayedServer: Sendable {
    static let bin = "/usr/lib/postgresql/15/bin"
    static let clock = BootClock()
    let directory: String
    let authority: CertificateAuthority
    private let process: ProcessHandle

    /// The tests' own user, or postgres when that is root.
    static let user = geteuid() == 0 ? OSUser(named: "postgres") : nil

    init() async throws {
        directory = "/tmp/pgadopt-relay-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try #require(mkdir(directory, 0o700) == 0)
        if let user = Self.user { try #require(chown(directory, user.uid, user.gid) == 0) }
        authority = try CertificateAuthority.make(name: "relay", now: Self.now, days: 30)
        let environment = ["LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"]
        try await ProcessHandle(DetachedProcess(
            path: "\(Self.bin)/initdb",
            arguments: ["-D", "\(directory)/data", "-U", "postgres", "-A", "trust", "--no-sync"],
            environment: environment, workingDirectory: directory, logFile: "\(directory)/log", user: Self.user
        ).start()).exited()
        try Self.put(Self.hba("scram-sha-256"), "\(directory)/data/pg_hba.conf")
        process = try ProcessHandle(DetachedProcess(
            path: "\(Self.bin)/postgres",
            arguments: ["-D", "\(directory)/data", "-k", directory, "-c", "listen_addresses=", "-c", "fsync=off"],
            environment: environment, workingDirectory: directory, logFile: "\(directory)/log", user: Self.user
        ).start())
        try Self.put("*:*:*:repl:secret\n", "\(directory)/passfile")
        try writeCertificates(authority)
        try await until("the server answers") { self.shell("psql -h \(self.directory) -qAtc 'select 1'").status == 0 }
        _ = shell("psql -h \(directory) -qc \"create role repl login replication password 'secret'\"")
    }

    static var now: Int64 { Int64(Date().timeIntervalSince1970) }

    static func hba(_ method: String) -> String {
        "local replication repl \(method)\nlocal all all trust\n"
    }

    /// The files of the server (`relay`) and of a client (`client`), signed by this authority.
    func writeCertificates(_ authority: CertificateAuthority, client: CertificateAuthority? = nil) throws {
        let own = try authority.issue(name: "127.0.0.1", hosts: ["127.0.0.1"], .member, now: Self.now, days: 3)
        let other = try (client ?? authority).issue(name: "h2", hosts: [], .client, now: Self.now, days: 3)
        try Self.put(own.certificatePEM, "\(directory)/relay.pem")
        try Self.put(own.keyPEM, "\(directory)/relay.key")
        try Self.put(other.certificatePEM, "\(directory)/client.pem")
        try Self.put(other.keyPEM, "\(directory)/client.key")
        try Self.put(authority.pair.certificatePEM, "\(directory)/ca.pem")
    }

    var settings: RelaySettings {
        RelaySettings(
            host: "127.0.0.1", port: 0, socket: "\(directory)/.s.PGSQL.5432", role: "repl",
            certificateFile: "\(directory)/relay.pem", keyFile: "\(directory)/relay.key",
            authorityFile: "\(directory)/ca.pem")
    }

    /// A keeper with its relay, for the time of `body`.
    func relayed(
        _ limits: RelayLimits = .init(), _ body: (RelayKeeper, _ port: Int) async throws -> Void
    ) async throws {
        let keeper = RelayKeeper(limits: limits, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let status = await keeper.keep(settings, grace: .zero, now: Self.clock.now)
        guard case .serving(let port, _, _) = status else {
            Issue.record("no relay: \(status)")
            return
        }
        do {
            try await body(keeper, port)
        } catch {
            await keeper.stop()
            throw error
        }
        await keeper.stop()
    }

    /// How a replica reaches the relay.
    func connection(_ port: Int, _ more: String = "") -> String {
        "host=127.0.0.1 port=\(port) user=repl passfile=\(directory)/passfile sslmode=verify-full "
            + "sslcert=\(directory)/client.pem sslkey=\(directory)/client.key sslrootcert=\(directory)/ca.pem \(more)"
    }

    /// The shortest replication connection there is.
    func identify(_ port: Int) -> (status: Int32, output: String) {
        shell("psql -w -Atc IDENTIFY_SYSTEM \"\(connection(port, "replication=true"))\"")
    }

    /// One command of PostgreSQL's programs as the server's user.
    func shell(_ command: String) -> (status: Int32, output: String) {
        let file = "\(directory)/out-\(UInt32.random(in: 0...UInt32.max))"
        let script = "cd \(directory) && PATH=\(Self.bin):$PATH LC_ALL=C PGUSER=postgres PGDATABASE=postgres "
            + "PGCONNECT_TIMEOUT=20 timeout 60 \(command)"
        let user = Self.user == nil ? "sh -c" : "runuser -u postgres -- sh -c"
        let status = system("\(user) '\(script.replacing("'", with: "'\\''"))' > \(file) 2>&1")
        defer { unlink(file) }
        return (status >> 8, (try? readSmallText(file)) ?? "")
    }

    func sql(_ statement: String, on host: String? = nil) -> String {
        shell("psql -h \(host ?? directory) -qAtc \"\(statement)\"").output.trimmingSuffix("\n")
    }

    func until(_ what: String, _ condition: () -> Bool) async throws {
        let limit = Self.clock.now + .seconds(30)
        while !condition() {
            try #require(Self.clock.now < limit, "\(what): did not come in time")
            try await Self.clock.sleep(until: Self.clock.now + .milliseconds(50), tolerance: nil)
        }
    }

    func stop() async throws {
        try process.send(signal: SIGQUIT)
        try await process.exited()
        _ = system("rm -rf \(directory)")
    }

    /// Readable by the server's user only, as libpq wants its keys.
    static func put(_ text: String, _ path: String) throws {
        let new = path + ".new"
        let file = try #require(fopen(new, "w"))
        fputs(text, file)
        fclose(file)
        chmod(new, 0o600)
        if let user = user { try #require(chown(new, user.uid, user.gid) == 0) }
        try #require(rename(new, path) == 0)
    }
}

extension String {
    func trimmingSuffix(_ suffix: String) -> String { hasSuffix(suffix) ? String(dropLast(suffix.count)) : self }
}

/// Runs `body` with a server of its own.
func withServer(_ body: (RelayedServer) async throws -> Void) async throws {
    let server = try await RelayedServer()
    do {
        try await body(server)
    } catch {
        try? await server.stop()
        throw error
    }
    try await server.stop()
}
