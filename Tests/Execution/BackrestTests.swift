import AdoptFixtures
import Execution
import Facts
import Foundation
import Inventory
import PostgresModel
import Shell
import Survey
import Testing

@testable import Planning

/// A replica is restored by pgBackRest from a repository in a directory, and streams from the real primary.
@Suite(.enabled(if: RealServer.isPossible && Backups.isPossible), .serialized) struct BackrestTests {
    private func withBackups(
        walElsewhere: Bool = false, _ body: (Backups) async throws -> Void
    ) async throws {
        let backups = try await Backups(walElsewhere: walElsewhere)
        let result: Result<Void, any Error>
        do { result = .success(try await body(backups)) } catch { result = .failure(error) }
        await backups.stop()
        try result.get()
    }

    private func run(_ plan: Plan, _ backups: Backups, _ environment: ExecutionEnvironment? = nil) async throws {
        let facts = try await backups.facts()
        try await Executor(plan: plan, environment: environment ?? backups.server.world.environment())
            .run(survey: { facts }, report: backups.server.world.report)
    }

    @Test func `A restored replica replays the archive, streams, and goes without a trace`() async throws {
        try await withBackups { backups in
            let server = backups.server
            let plan = try await backups.plan()
            try await run(plan, backups)
            #expect(try await server.sql("SELECT slot_name FROM pg_replication_slots") == "h2")
            let settings = server.world.file(backups.replica + "/pgadopt.conf") ?? ""
            #expect(settings.contains("archive-get"), "\(settings)")
            #expect(server.world.file(backups.replica + "/postgresql.auto.conf")?.contains("\nrestore_command") == false)
            #expect(!FileManager.default.fileExists(atPath: backups.replica + "/recovery.signal"))
            // The backup is older than our rules.
            #expect(server.world.file(backups.replica + "/pg_hba.conf") == server.world.file(server.data + "/pg_hba.conf"))
            #expect(server.world.file(backups.replica + "/pg_hba.conf")?.contains("pgadopt_replication") == true)
            // WAL that was written after the backup is in the archive only.
            let files = try await server.sql("SELECT string_agg(name, ' ') FROM pg_ls_waldir()")
            #expect(!files.split(separator: " ").contains(Substring(backups.walOfBackup)), "\(files)")
            try await backups.startReplica()
            try await backups.awaitStream()
            #expect(try await backups.replicaSQL("SELECT count(*) FROM rows") == "3000")
            #expect(backups.replicaLog.contains("restored log file"), "\(backups.replicaLog)")
            await backups.stopReplica()

            try await release(plan, server.world)
            #expect(!FileManager.default.fileExists(atPath: backups.replica))
            #expect(try await server.sql("SELECT count(*) FROM pg_replication_slots") == "0")
            #expect(try await server.sh("\(Backups.program) --config=\(backups.config) info").contains("status: ok"))
        }
    }

    @Test func `The survey of the host finds stanza and backup, and what it finds is planned`() async throws {
        try await withBackups { backups in
            var request = SurveyRequest()
            request.stanza = "shop"
            request.stanzaConfig = backups.config
            let found = try #require(try await HostSurvey.run(shell: backups.server.shell, request: request).pgBackRest)
            let facts = try await backups.facts()
            let identifier = try #require(facts.hosts[0].servers[0].control?.systemIdentifier)
            #expect(found.problem == nil && found.status == 0, "\(found)")
            let backup = try #require(found.newestBackup(of: identifier, repository: nil))
            #expect(backup.isSound == true && backup.walStart == backups.walOfBackup)
            #expect((backup.age ?? -1) >= 0 && (backup.age ?? 0) < 600, "\(backup)")
            var surveyed = facts
            surveyed.hosts[0].pgBackRest = found
            let plan = try LegacyCluster.planner.plan(backups.spec, surveyed, [])
            #expect(plan.step("h2/base-backup")?.summary.hasPrefix("restore \(backup.label) (\(backup.size))") == true)
        }
    }

    @Test func `A restore that failed goes on with what is right already`() async throws {
        try await withBackups { backups in
            let world = backups.server.world
            // Calls are written down; the first one loses a file and fails.
            let wrapper = world.root + "/sock/backrest"
            let version = backups.replica + "/global/pg_filenode.map"
            try """
                #!/bin/sh
                echo "$@" >> \(world.root)/sock/calls
                \(Backups.program) "$@" || exit $?
                if ! [ -e \(world.root)/sock/failed ]; then touch \(world.root)/sock/failed; rm \(version); exit 99; fi

                """.write(toFile: wrapper, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: wrapper)
            let plan = try await backups.plan(program: wrapper)
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, backups) }
            #expect(error?.message.contains("pgbackrest ended with code 99") == true, "\(String(describing: error))")
            #expect(FileManager.default.fileExists(atPath: backups.replica + "/PG_VERSION"))
            try await run(plan, backups, world.environment(processID: 8, isRunning: false))
            #expect(FileManager.default.fileExists(atPath: version))
            let calls = (world.file(world.root + "/sock/calls") ?? "").split(separator: "\n").filter { $0.hasSuffix(" restore") }
            #expect(calls.map { $0.contains(" --delta ") } == [false, true], "\(calls)")
        }
    }

    @Test func `Data of somebody else is neither restored into nor compared`() async throws {
        try await withBackups { backups in
            let plan = try await backups.plan()
            _ = try await backups.server.sh(
                "install -d -o postgres \(backups.replica); echo 15 > \(backups.replica)/PG_VERSION", .root)
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, backups) }
            #expect(error?.message.contains("is not empty; nothing was changed in it") == true, "\(String(describing: error))")
            let again = await #expect(throws: ExecutionError.self) {
                try await run(plan, backups, backups.server.world.environment(processID: 8, isRunning: false))
            }
            #expect(again?.message.contains("is not empty") == true, "\(String(describing: again))")
            #expect(try FileManager.default.contentsOfDirectory(atPath: backups.replica) == ["PG_VERSION"])
        }
    }

    @Test func `pg_wal goes to its place after a restore, and comes away again`() async throws {
        try await withBackups(walElsewhere: true) { backups in
            let wal = backups.server.world.root + "/replica-wal/15"
            let plan = try await backups.plan()
            try await run(plan, backups)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: backups.replica + "/pg_wal") == wal)
            try await backups.startReplica()
            try await backups.awaitStream()
            await backups.stopReplica()
            try await release(plan, backups.server.world)
            #expect(!FileManager.default.fileExists(atPath: backups.server.world.root + "/replica-wal"))
        }
    }

    @Test func `The agent's own method makes the same copy where nothing is`() async throws {
        try await withBackups(walElsewhere: true) { backups in
            let plan = try await backups.plan()
            let step = try #require(plan.steps.first { $0.kind.name == .baseBackup })
            guard case .baseBackup(let change) = step.kind, let restore = change.restore else { return }
            let method = restore.replicaMethod(walDirectory: change.walDirectory)
            let words = try #require(method.script?.command.words)
            let parents = "install -d -o postgres \(backups.server.world.root)/replica \(backups.server.world.root)/replica-wal"
            _ = try await backups.server.sh(parents, .root)
            _ = try await backups.server.sh(commandLine(words))
            #expect(backups.server.world.file(backups.replica + "/PG_VERSION") == "15\n")
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: backups.replica + "/pg_wal")
                == change.walDirectory)
        }
    }
}

/// A ``RealServer`` with a repository of pgBackRest, one full backup, and WAL since then that is in the archive alone.
final class Backups: Sendable {
    static let program = "/usr/bin/pgbackrest"
    static var isPossible: Bool { FileManager.default.isExecutableFile(atPath: program) }

    let server: RealServer
    let config: String
    let replica: String
    /// The first WAL file of the backup.
    let walOfBackup: String
    private let walElsewhere: Bool

    init(walElsewhere: Bool) async throws {
        self.walElsewhere = walElsewhere
        server = try await RealServer(settings: """
            archive_mode = on
            archive_command = 'false'
            wal_keep_size = 0
            min_wal_size = 32MB
            max_wal_size = 64MB
            """)
        let root = server.world.root
        config = root + "/sock/pgbackrest.conf"
        replica = root + "/replica/main"
        try """
            [global]
            repo1-path=\(root)/sock/repo
            log-path=\(root)/sock
            lock-path=\(root)/sock/lock
            spool-path=\(root)/sock/spool
            start-fast=y
            compress-type=none
            [shop]
            pg1-path=\(server.data)
            pg1-port=\(server.port)
            pg1-socket-path=\(root)/sock
            """.appending("\n").write(toFile: config, atomically: true, encoding: .utf8)
        let call = "\(Self.program) --config=\(config) --stanza=shop"
        do {
            _ = try await server.sh("\(call) stanza-create")
            _ = try await server.sql("ALTER SYSTEM SET archive_command = '\(call) archive-push %p'")
            // A word of an earlier recovery, which must not come back.
            _ = try await server.sql("ALTER SYSTEM SET restore_command = 'false'")
            _ = try await server.sql("SELECT pg_reload_conf()")
            _ = try await server.sql("CREATE TABLE rows AS SELECT generate_series(1, 1000)")
            _ = try await server.sh("\(call) --type=full backup")
            walOfBackup = try await server.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
            for _ in 0..<8 {
                _ = try await server.sql("INSERT INTO rows SELECT generate_series(1, 250)")
                _ = try await server.sql("SELECT pg_switch_wal()")
            }
            _ = try await server.sql("CHECKPOINT")
            _ = try await server.sql("CHECKPOINT")
        } catch {
            await server.stop()
            throw error
        }
    }

    func stop() async {
        await stopReplica()
        await server.stop()
    }

    func facts(program: String = Backups.program) async throws -> ClusterFacts {
        var facts = try await server.facts()
        for index in facts.hosts.indices {
            facts.hosts[index].pgBackRest = BackrestFacts(program: program, version: "2.44")
        }
        let text = server.world.file(server.data + "/postgresql.conf") ?? ""
        facts.hosts[0].servers[0].configFiles.append(
            FileFacts(
                path: server.data + "/postgresql.conf", digest: sha256(text), owner: "postgres", mode: "600",
                size: ByteCount(0)))
        return facts
    }

    var spec: ClusterSpec {
        var spec = server.spec
        spec.replicas.pgBackRest = BackrestSpec(stanza: "shop", configFile: config)
        if walElsewhere { spec.hosts[1].postgres.walDirectory = server.world.root + "/replica-wal/15" }
        return spec
    }

    func plan(program: String = Backups.program) async throws -> Plan {
        var plan = try LegacyCluster.planner.plan(spec, try await facts(program: program), [])
        let names: Set<StepName> = [
            .lock, .backup, .secrets, .roles, .hba, .settings, .slot, .baseBackup, .configFiles, .unlock,
        ]
        plan.steps = plan.steps.filter { names.contains($0.kind.name) }
        return plan
    }

    private var replicaPort: Int { server.port + 20_000 }
    var replicaLog: String { server.world.file(server.world.root + "/sock/replica.log") ?? "" }

    func startReplica() async throws {
        // The secrets lie below the root of this test, which the server does not know.
        let root = server.world.root
        _ = try await server.sh(
            """
            sed -i 's#passfile=/etc#passfile=\(root)/etc#' \(replica)/pgadopt.conf
            \(RealServer.bin)/postgres -D \(replica) -c port=\(replicaPort) -c archive_mode=off >>\(root)/sock/replica.log 2>&1 </dev/null &
            i=0
            until \(RealServer.bin)/pg_isready -q -h \(root)/sock -p \(replicaPort); do
                i=$((i + 1)); [ $i -lt 300 ] || exit 1; sleep 0.1
            done
            """)
    }

    func stopReplica() async {
        _ = try? await server.sh("\(RealServer.bin)/pg_ctl -w -m fast -D \(replica) stop >/dev/null 2>&1")
    }

    func replicaSQL(_ text: String) async throws -> String {
        let output = try await server.sh(
            "\(RealServer.bin)/psql -XAtqh \(server.world.root)/sock -p \(replicaPort) -d postgres -c \(quoted(text))")
        return String(output.dropLast())
    }

    func awaitStream() async throws {
        for _ in 0..<300 {
            if try await replicaSQL("SELECT status, slot_name FROM pg_stat_wal_receiver") == "streaming|h2" { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw RealServer.Failure(text: "no stream: " + replicaLog)
    }
}
