import AdoptFixtures
import Execution
import Facts
import Foundation
import Inventory
import Planning
import PostgresModel
import Shell

/// A standby of a ``RealServer`` that streams already, made as an administrator would: pg_basebackup -R, with a slot and
/// its own port. It is h2, with a root of its own.
final class RealStandby: Sendable {
    let primary: RealServer
    let root: String
    let data: String
    let port: Int
    let shell: RootedShell

    /// A server with a standby of its own, both gone afterwards.
    static func with(_ body: (RealServer, RealStandby) async throws -> Void) async throws {
        let server = try await RealServer()
        let standby: RealStandby
        do { standby = try await RealStandby(of: server) } catch {
            await server.stop()
            throw error
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body(server, standby)) } catch { result = .failure(error) }
        await standby.stop()
        await server.stop()
        try result.get()
    }

    init(of primary: RealServer) async throws {
        self.primary = primary
        root = primary.world.root + "/h2"
        data = primary.world.root + "/copy"
        port = primary.port + 20_000
        shell = RootedShell("h2", root: root)
        _ = try await primary.sh("mkdir -p \(root); chmod 755 \(root); install -d -o postgres -m 700 \(root)/sock \(data)", .root)
        let bin = RealServer.bin
        _ = try await primary.sh(
            """
            set -e
            \(bin)/pg_basebackup -h \(primary.world.root)/sock -p \(primary.port) -D \(data) -R -X stream -C -S h2_old \\
                --checkpoint=fast
            cat >> \(data)/postgresql.conf <<END
            port = \(port)
            unix_socket_directories = '\(root)/sock'
            max_connections = 44
            END
            \(bin)/postgres -D \(data) >>\(root)/sock/log 2>&1 </dev/null &
            i=0
            until \(bin)/pg_isready -q -h \(root)/sock -p \(port); do
                i=$((i + 1)); [ $i -lt 300 ] || exit 1; sleep 0.1
            done
            """)
        try await awaitStream(by: "h2_old")
    }

    func stop() async {
        _ = try? await primary.sh("\(RealServer.bin)/pg_ctl -m immediate -D \(data) stop >/dev/null")
    }

    func sql(_ text: String) async throws -> String {
        let output = try await primary.sh(
            "\(RealServer.bin)/psql -XAtqh \(root)/sock -p \(port) -d postgres -c \(quoted(text))")
        return String(output.dropLast())
    }

    func awaitStream(by slot: String) async throws {
        for _ in 0..<300 {
            if try await sql("SELECT status, slot_name FROM pg_stat_wal_receiver") == "streaming|\(slot)" { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw RealServer.Failure(text: "no stream by \(slot): " + (primary.world.file(root + "/sock/log") ?? ""))
    }

    func process() async throws -> PostmasterProcess {
        let pid = Int(try await primary.sh("head -n 1 \(data)/postmaster.pid").dropLast()) ?? 0
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let ticks = stat.split(separator: ")").last?.split(separator: " ")[19]
        return PostmasterProcess(pid: pid, ticks: ticks.flatMap { UInt64($0) } ?? 0)
    }

    struct PostmasterProcess: Equatable {
        var pid: Int
        var ticks: UInt64
    }

    /// Both servers, as a survey would find them.
    func facts() async throws -> ClusterFacts {
        var facts = try await primary.facts()
        var server = facts.hosts[0].servers[0]
        let process = try await process()
        server.postmasterPID = process.pid
        server.postmasterStartTicks = process.ticks
        server.dataDirectory = data
        server.port = port
        server.socketDirectories = [root + "/sock"]
        server.configFile = data + "/postgresql.conf"
        server.hbaFile = data + "/pg_hba.conf"
        server.identFile = data + "/pg_ident.conf"
        server.hbaText = primary.world.file(data + "/pg_hba.conf")
        server.configText = primary.world.file(data + "/postgresql.conf")
        server.configFiles = [
            FileFacts(
                path: data + "/pg_hba.conf", digest: sha256(server.hbaText ?? ""), owner: "postgres", mode: "600",
                size: ByteCount(0))
        ]
        for index in server.sql?.settings.indices ?? 0..<0 where server.sql?.settings[index].name == "max_connections" {
            server.sql?.settings[index].value = "44"
        }
        server.sql?.isInRecovery = true
        server.sql?.walReceiver = WALReceiverFacts(status: "streaming", senderHost: "127.0.0.1", slot: "h2_old")
        for name in ["primary_conninfo", "primary_slot_name"] {
            server.sql?.settings.append(SettingFacts(
                name: name, value: "***", context: "sighup", source: "configuration file",
                sourceFile: data + "/postgresql.auto.conf"))
        }
        facts.hosts[1].servers = [server]
        return facts
    }

    func plan() async throws -> Plan {
        var spec = primary.spec
        spec.hosts[1].postgres = PostgresSpec()
        var plan = try LegacyCluster.planner.plan(spec, try await facts(), [])
        let names: Set<StepName> = [
            .lock, .backup, .secrets, .roles, .hba, .settings, .slot, .upstream, .streaming, .unlock,
        ]
        plan.steps = plan.steps.filter { names.contains($0.kind.name) }
        return plan
    }

    func environment(processID: Int32 = 100, cutAt: @escaping @Sendable (String) -> Bool = { _ in false })
        -> ExecutionEnvironment
    {
        var environment = primary.world.environment(processID: processID, isRunning: false, cutAt: cutAt)
        environment.shells["h2"] = RootedShell("h2", root: root, cutAt: cutAt)
        return environment
    }

    /// Every file of its configuration, and the files of ours that are left.
    func configuration() throws -> [String: String] {
        var files: [String: String] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: data)
        where name.hasSuffix(".conf") || name.contains("pgadopt") {
            files[name] = primary.world.file(data + "/" + name)
        }
        return files
    }
}
