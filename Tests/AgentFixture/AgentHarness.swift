import API
import Cluster
import Etcd
import EtcdFixture
import Glibc
import JSON
import Kernel
import NIOPosix
import PostgresClient
import PostgresModel
import Store
import Synchronization
import TestHost
import Timekeeping

/// A cluster on this host as its owner would have it: the real programs, one etcd, PostgreSQL servers in directories
/// of their own. They run as the OS user postgres when the tests run as root.
///
/// Everything ends with the test program: a shell that holds the other end of a pipe ends what carries the root
/// directory's name on its command line, and removes the directory.
package final class AgentHarness: Sendable {
    package static let bin = "/usr/lib/postgresql/15/bin"
    package static let clock = BootClock()
    package static var soon: BootInstant { clock.now + .seconds(30) }

    package let root: String
    package let etcd: EtcdCluster
    package let store: ClusterStore
    package let members: [String]
    package let user: OSUser?
    /// Of PostgreSQL and of the API, by member.
    package let sqlPorts: [String: Int]
    package let apiPorts: [String: Int]
    private let programs: String
    private let leash: Int32
    /// The agent, or Patroni, of each member.
    private let daemons = Mutex<[String: ProcessHandle]>([:])

    package init(_ members: [String]) async throws {
        self.members = members
        user = geteuid() == 0 ? OSUser(named: "postgres") : nil
        root = "/tmp/pgadopt-agents-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        let ports = freePorts(2 * members.count)
        sqlPorts = Dictionary(uniqueKeysWithValues: zip(members, ports))
        apiPorts = Dictionary(uniqueKeysWithValues: zip(members, ports.dropFirst(members.count)))
        programs = builtPrograms()
        mkdir(root, 0o755)
        if let user { chown(root, user.uid, user.gid) }
        let pipe = "\(root)/leash"
        guard mkfifo(pipe, 0o600) == 0 else { throw HarnessError("no fifo: \(errno)") }
        leash = open(pipe, O_RDWR | O_CLOEXEC)
        _ = try DetachedProcess(
            path: "/bin/sh", arguments: ["-c", Self.watchdogScript],
            environment: ["ROOT": root, "PATH": "/usr/bin:/bin"], logFile: "/dev/null"
        ).start()
        etcd = EtcdCluster()
        let client = try EtcdClient(
            EtcdConfiguration(endpoints: etcd.clientPorts.map { .init(host: "127.0.0.1", port: $0) }))
        _ = try await client.status(timeout: .seconds(10))
        store = ClusterStore(client: client, namespace: "service", scope: "demo", member: "test")
        for name in members { try writeFiles(name) }
    }

    /// Ends everything; returns when the directory is gone.
    package func clean() async {
        close(leash)
        etcd.stop()
        let end = Self.clock.now + .seconds(10)
        while access(root, F_OK) == 0, Self.clock.now < end {
            try? await Self.clock.sleep(until: Self.clock.now + .milliseconds(20), tolerance: nil)
        }
    }

    private static let watchdogScript = """
        read line < "$ROOT/leash"
        for turn in 1 2 3; do
          for dir in /proc/[0-9]*; do
            if grep -qa "$ROOT" "$dir/cmdline" 2>/dev/null; then kill -9 "${dir#/proc/}"; fi
          done
          sleep 0.1
        done
        rm -rf "$ROOT"
        """

    // MARK: Agents

    /// The dynamic configuration that these tests begin with: short times.
    package static let dynamic: JSON = [
        "ttl": 6, "loop_wait": 2, "retry_timeout": 2, "failsafe_mode": true,
        "postgresql": ["use_pg_rewind": true],
    ]

    /// The member's file, with further lines at its end and in the section postgresql.
    /// - Parameter isAdopted: the server has an owner's configuration, into which ours is included.
    package func configuration(
        _ name: String, postgresql: String = "", more: String = "", isAdopted: Bool = true
    ) -> String {
        let owners = "  config_file: \(root)/\(name).conf\n  include_file: \(root)/\(name).include"
        return """
        scope: demo
        name: \(name)
        restapi:
          listen: 127.0.0.1:\(apiPorts[name]!)
          connect_address: 127.0.0.1:\(apiPorts[name]!)
        etcd3:
          hosts: 127.0.0.1:\(etcd.clientPorts[0])
        postgresql:
          listen: 127.0.0.1:\(sqlPorts[name]!)
          connect_address: 127.0.0.1:\(sqlPorts[name]!)
          data_dir: \(root)/\(name)
          bin_dir: \(Self.bin)
          pgpass: \(root)/\(name).pass
          authentication:
            superuser: {username: postgres}
            replication: {username: postgres}
          parameters:
            unix_socket_directories: \(root)
        \(postgresql)
        pgadopt:
          runtime_dir: \(root)/\(name).run
          state_dir: \(root)/\(name).state
          guard: \(programs)/pgadopt-guard
        \(isAdopted ? owners : "")
        \(more)
        """
    }

    package func write(_ text: String, to file: String, mode: mode_t = 0o644) throws {
        let path = "\(root)/\(file)"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw HarnessError("\(path): \(errno)") }
        defer { close(descriptor) }
        if let user { fchown(descriptor, user.uid, user.gid) }
        fchmod(descriptor, mode)
        let bytes = Array(text.utf8)
        guard bytes.withUnsafeBytes({ Glibc.write(descriptor, $0.baseAddress, $0.count) }) == bytes.count else {
            throw HarnessError("\(path): \(errno)")
        }
    }

    private func writeFiles(_ name: String) throws {
        for suffix in ["run", "state"] {
            mkdir("\(root)/\(name).\(suffix)", 0o700)
            if let user { chown("\(root)/\(name).\(suffix)", user.uid, user.gid) }
        }
        try write(configuration(name), to: "\(name).yml")
        try write(
            """
            data_directory = '\(root)/\(name)'
            hba_file = '\(root)/hba'
            ident_file = '\(root)/ident'
            listen_addresses = '127.0.0.1'
            port = \(sqlPorts[name]!)
            unix_socket_directories = '\(root)'
            shared_buffers = 16MB
            fsync = off
            wal_keep_size = 128MB
            wal_log_hints = on
            include_if_exists = '\(name).include'

            """, to: "\(name).conf")
        try write("", to: "ident")
        let rules = ["local all all", "host all all 127.0.0.1/32", "host replication all 127.0.0.1/32"]
        try write(rules.map { "\($0) trust\n" }.joined(), to: "hba")
    }

    @discardableResult
    package func startAgent(_ name: String) throws -> ProcessHandle {
        try startDaemon(name, "\(programs)/pgadopt-agent", ["\(root)/\(name).yml"])
    }

    /// The agent of a member, or another program that takes its place.
    @discardableResult
    package func startDaemon(_ name: String, _ program: String, _ arguments: [String]) throws -> ProcessHandle {
        let handle = try start(program, arguments, log: "\(name).agent.log")
        daemons.withLock { $0[name] = handle }
        return handle
    }

    /// A program that ends with the cluster: the root directory's name is on its command line.
    /// - Parameter asRoot: not as the user of the servers.
    @discardableResult
    package func start(
        _ program: String, _ arguments: [String], log: String, asRoot: Bool = false
    ) throws -> ProcessHandle {
        try ProcessHandle(
            DetachedProcess(
                path: program, arguments: arguments,
                environment: ["PATH": "\(Self.bin):/usr/bin:/bin", "LC_ALL": "C.UTF-8"], workingDirectory: "/",
                logFile: "\(root)/\(log)", user: asRoot ? nil : user
            ).start())
    }

    /// The agent of a member as process 1 of a process namespace of its own, as in a container; needs root.
    /// - Returns: the process that waits for the namespace's end.
    package func startContained(_ name: String) throws -> ProcessHandle {
        let words = [
            "--pid", "--fork", "--mount-proc", "--kill-child", "setpriv", "--reuid=postgres", "--regid=postgres",
            "--clear-groups", "\(programs)/pgadopt-agent", "\(root)/\(name).yml",
        ]
        return try start("/usr/bin/unshare", words, log: "\(name).agent.log", asRoot: true)
    }

    /// Asks a member's daemon to end, and waits until it has.
    package func endDaemon(of name: String) async throws {
        guard let daemon = daemons.withLock({ $0.removeValue(forKey: name) }) else { return }
        kill(daemon.identity.pid, SIGTERM)
        try await daemon.exited()
    }

    /// A member is gone from one moment to the next: its daemon and its server.
    package func killMember(_ name: String) {
        if let daemon = daemons.withLock({ $0.removeValue(forKey: name) }) { kill(daemon.identity.pid, SIGKILL) }
        let postmaster = text("\(name)/postmaster.pid").split(separator: "\n").first.flatMap { pid_t($0) }
        if let postmaster { kill(postmaster, SIGKILL) }
    }

    /// A server that runs before any agent: initdb, started without us; its keys in the store as adoption writes them.
    package func startLegacyPrimary(_ name: String, dynamic: JSON = AgentHarness.dynamic) async throws {
        try await run("\(Self.bin)/initdb", "-D", "\(root)/\(name)", "-U", "postgres", "-k", "--no-sync", "-A", "trust")
        _ = try DetachedProcess(
            path: "\(Self.bin)/postgres",
            arguments: ["-D", "\(root)/\(name)", "-c", "config_file=\(root)/\(name).conf"],
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C"], workingDirectory: root,
            logFile: "\(root)/\(name).log", user: user
        ).start()
        try await eventually("\(name) accepts connections") { try await self.sql(name, "select 1") == "1" }
        let identifier = try await sql(name, "select system_identifier from pg_control_system()") ?? ""
        try await store.writeInitialize(identifier)
        try await store.writeConfig(dynamic, expecting: nil)
    }

    /// Changes the store behind everybody's back.
    package func etcdctl(_ words: [String]) async throws {
        try await run("/usr/bin/env", "ETCDCTL_API=3", "/usr/bin/etcdctl", "--endpoints",
            "127.0.0.1:\(etcd.clientPorts[0])", more: words)
    }

    private func run(_ words: String..., more: [String] = []) async throws {
        let handle = try ProcessHandle(
            DetachedProcess(
                path: words[0], arguments: Array(words.dropFirst()) + more,
                environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C"], workingDirectory: root,
                logFile: "\(root)/commands.log", user: user
            ).start())
        try await handle.exited()
    }

    // MARK: Looking

    @discardableResult
    package func sql(_ name: String, _ text: String) async throws -> String? {
        try await sql(host: root, port: sqlPorts[name]!, text)
    }

    package func sql(host: String, port: Int, _ text: String) async throws -> String? {
        let connection = try await PostgresConnection.connect(
            ["host": host, "port": "\(port)", "user": "postgres", "dbname": "postgres"], by: Self.soon)
        return try await connection.query(text, by: Self.soon).scalar
    }

    private static let client = APIClient(group: MultiThreadedEventLoopGroup.singleton)

    /// A request to a member's API: status and body.
    package func ask(_ name: String, _ method: String, _ path: String, _ body: JSON? = nil) async throws -> (Int, String) {
        let url = "http://127.0.0.1:\(apiPorts[name]!)\(path)"
        let answer = try await Self.client.request(method, url, body: body?.text, deadline: .seconds(60))
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    package func isUp(_ name: String, _ path: String) async -> Bool { (try? await ask(name, "GET", path).0) == 200 }

    package func streams(_ name: String) async -> Bool { await isUp(name, "/replica?replication_state=streaming") }

    package func view() async throws -> ClusterView { try await cluster().0 }

    package func cluster() async throws -> (ClusterView, [String: StoredValue]) {
        let client = try EtcdClient(
            EtcdConfiguration(endpoints: etcd.clientPorts.map { .init(host: "127.0.0.1", port: $0) }))
        do {
            let read = try await readCluster(client, namespace: "service", scope: "demo")
            await client.close()
            return read
        } catch {
            await client.close()
            throw error
        }
    }

    package func log(_ name: String) -> String { text("\(name).agent.log") }

    /// A file in the directory; empty when there is none.
    package func text(_ file: String) -> String { (try? readSmallText("\(root)/\(file)")) ?? "" }

    /// For a test that failed: the keys, and who streams from whom.
    private func tellState() async {
        let keys = (try? await cluster().1) ?? [:]
        for (key, value) in keys.sorted(by: { $0.key < $1.key }) {
            print("--- key \(key), lease \(String(value.lease, radix: 16)): \(String(decoding: value.value, as: UTF8.self))")
        }
        for name in members {
            let rows = try? await sql(name, "select string_agg(row_to_json(r)::text, ' ') from pg_stat_replication r")
            print("--- \(name) sends to: \(rows.flatMap { $0 } ?? "nobody, or it does not answer")")
        }
    }

    /// Waits for a condition that has no event; an error counts as "not yet". The limit is for machines that are slow
    /// and busy: nothing takes that long on another.
    package func eventually(
        _ what: String, within limit: Duration = .seconds(120), _ condition: @Sendable () async throws -> Bool
    ) async throws {
        let end = Self.clock.now + limit
        while true {
            if (try? await condition()) == true { return }
            guard Self.clock.now < end else {
                for name in members { print("--- \(name)\n\(log(name))") }
                await tellState()
                throw HarnessError("never: \(what)")
            }
            try await Self.clock.sleep(until: Self.clock.now + .milliseconds(20), tolerance: nil)
        }
    }
}

package struct HarnessError: Error, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}

/// Runs a test with a cluster and ends the cluster whatever happens.
package func withAgents(_ members: [String], _ body: (AgentHarness) async throws -> Void) async throws {
    let harness = try await AgentHarness(members)
    do {
        try await body(harness)
    } catch {
        for name in members {
            let lines = harness.log(name).split(separator: "\n").suffix(60).joined(separator: "\n")
            print("the last words of \(name)'s agents:\n\(lines)")
        }
        await harness.clean()
        throw error
    }
    await harness.clean()
}
