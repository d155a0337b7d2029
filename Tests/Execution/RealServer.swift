import AdoptFixtures
import Facts
import Foundation
import Inventory
import Planning
import PostgresModel
import Shell

/// A PostgreSQL server of this machine in a temporary directory, adopted as h1; h2 is a directory beside it.
/// Needs root and Debian's PostgreSQL 15; the suite is skipped elsewhere.
final class RealServer: Sendable {
    static let bin = "/usr/lib/postgresql/15/bin"
    static var isPossible: Bool { geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "\(bin)/postgres") }

    let world: World
    let port: Int
    let name: String
    let data: String
    let shell: RootedShell

    /// - Parameters:
    ///   - name: of the data directory, below the world's root; the replica's has the same name.
    ///   - settings: lines of its postgresql.conf.
    init(name: String = "main", settings: String = "") async throws {
        self.name = name
        world = try World()
        shell = RootedShell("h1", root: world.root)
        data = world.root + "/" + name
        port = 20_000 + Int.random(in: 0..<20_000)
        _ = try await sh("install -d -o postgres \(quoted(data)) \(world.root)/sock", .root)
        _ = try await sh("\(Self.bin)/initdb -D \(quoted(data)) -A peer --no-sync -E UTF8 --locale=C >/dev/null")
        _ = try await sh(
            """
            cat >> \(quoted(data))/postgresql.conf <<END
            port = \(port)
            unix_socket_directories = '\(world.root)/sock'
            listen_addresses = '127.0.0.1'
            max_connections = 33
            fsync = off
            \(settings)
            END
            """)
        // Not by pg_ctl, whose own shell would read the directory's name.
        _ = try await sh(
            """
            \(Self.bin)/postgres -D \(quoted(data)) >>\(world.root)/sock/log 2>&1 </dev/null &
            i=0
            until \(Self.bin)/pg_isready -q -h \(world.root)/sock -p \(port); do
                i=$((i + 1)); [ $i -lt 300 ] || exit 1; sleep 0.1
            done
            """)
    }

    /// pg_ctl, by hand.
    func control(_ words: String) async throws {
        try await sh("\(Self.bin)/pg_ctl -w -D \(quoted(data)) -l \(world.root)/sock/log \(words) >/dev/null 2>&1")
    }

    func stop() async { _ = try? await sh("\(Self.bin)/pg_ctl -m immediate -D \(quoted(data)) stop >/dev/null") }

    @discardableResult
    func sh(_ text: String, _ account: Account = .user("postgres")) async throws -> String {
        let result = try await shell.run("cd /; " + text, as: account)
        guard result.succeeded else { throw Failure(text: result.errorOutput) }
        return result.output
    }

    struct Failure: Error { var text: String }

    func sql(_ text: String) async throws -> String {
        let output = try await sh(
            "\(Self.bin)/psql -XAtqh \(world.root)/sock -p \(port) -d postgres -c \(quoted(text))")
        return String(output.dropLast())
    }

    /// The facts a survey would find.
    func facts() async throws -> ClusterFacts {
        var facts = LegacyCluster.facts
        var server = LegacyCluster.server
        let pid = Int(try await sh("head -n 1 \(quoted(data))/postmaster.pid").dropLast()) ?? 0
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let ticks = stat.split(separator: ")").last?.split(separator: " ")[19]
        server.postmasterPID = pid
        server.postmasterStartTicks = ticks.flatMap { UInt64($0) } ?? 0
        server.dataDirectory = data
        server.port = port
        server.socketDirectories = [world.root + "/sock"]
        server.debianCluster = nil
        server.unit = nil
        server.configFile = data + "/postgresql.conf"
        server.hbaFile = data + "/pg_hba.conf"
        server.identFile = data + "/pg_ident.conf"
        server.hbaText = world.file(data + "/pg_hba.conf")
        server.configText = world.file(data + "/postgresql.conf")
        server.configFiles = [
            FileFacts(
                path: data + "/pg_hba.conf", digest: sha256(server.hbaText ?? ""), owner: "postgres", mode: "600",
                size: ByteCount(0))
        ]
        server.control?.systemIdentifier =
            SystemIdentifier(
                try await sql("SELECT system_identifier FROM pg_control_system()")) ?? SystemIdentifier(rawValue: 0)
        server.sql?.settings = try await settings()
        server.sql?.totalSize = ByteCount(Int64(try await sql("SELECT sum(pg_database_size(oid)) FROM pg_database")) ?? 0)
        facts.hosts[0].servers = [server]
        facts.hosts.removeLast()
        return facts
    }

    private func settings() async throws -> [SettingFacts] {
        let rows = try await sql(
            "SELECT name, setting, context, source FROM pg_settings WHERE setting <> '' AND setting !~ '\\|'")
        return rows.split(separator: "\n").map { $0.split(separator: "|").map(String.init) }.filter { $0.count == 4 }
            .map { SettingFacts(name: $0[0], value: $0[1], context: $0[2], source: $0[3]) }
    }

    /// Both "hosts" are this machine: they reach each other at 127.0.0.1.
    var spec: ClusterSpec {
        var h1 = HostSpec(name: "h1", role: .primary, address: "127.0.0.1", ssh: SSHSpec(host: "h1"))
        h1.postgres.osUser = "postgres"
        let h2 = HostSpec(
            name: "h2", role: .replica, address: "127.0.0.1", ssh: SSHSpec(host: "h2"),
            postgres: PostgresSpec(dataDirectory: world.root + "/replica/" + name))
        return ClusterSpec(name: "shop", hosts: [h1, h2], store: StoreSpec(endpoints: ["127.0.0.1:2379"]))
    }

    func plan(_ names: Set<StepName>) async throws -> Plan {
        var plan = try LegacyCluster.planner.plan(spec, try await facts(), [])
        plan.steps = plan.steps.filter { names.contains($0.kind.name) }
        return plan
    }
}
