import AdoptFixtures
import Foundation
import PostgresModel
import Shell
import Testing

@testable import Execution
@testable import Planning

/// What a copy makes and takes away on its host, without a server.
@Suite(.enabled(if: geteuid() == 0)) struct CopyScriptTests {
    private let world: World
    private let shell: RootedShell
    private let script: BaseBackupScript

    /// A place right below the root, as disks are mounted.
    private let mount = "/pgadopt-test-\(UUID().uuidString)"

    init() throws {
        world = try World()
        shell = RootedShell("h2", root: world.root)
        guard case .baseBackup(var change)? = try LegacyCluster.plan.step("h2/base-backup")?.kind else {
            throw RealServer.Failure(text: "no copy in the plan")
        }
        change.osUser = "nobody"
        change.dataDirectory = world.root + "/new/parents/main"
        change.tablespaces = [mount, world.root + "/space two"]
        change.walDirectory = world.root + "/wal"
        script = BaseBackupScript(change: change)
    }

    private func run(_ text: String) async throws {
        let result = try await shell.run(text, as: .root)
        guard result.succeeded else { throw RealServer.Failure(text: result.errorOutput) }
    }

    private func stat(_ path: String) async throws -> String {
        String(try await shell.run("stat -c '%a %U' -- \(quoted(path))", as: .root).output.dropLast())
    }

    @Test func `What an unfinished copy left in tablespaces and pg_wal goes too, and what was there before stays as it was`()
        async throws
    {
        defer { try? FileManager.default.removeItem(atPath: mount) }
        try await run("mkdir -m 755 \(mount); mkdir -m 750 '\(world.root)/space two'; chown daemon '\(world.root)/space two'")
        for _ in 0..<2 {
            try await run(script.prepare)
            // Cut off in the middle, it is prepared again.
            try await run(script.prepare)
            #expect(try await stat(mount) == "700 nobody")
            for path in script.change.directories {
                try await run("mkdir -p \(quoted(path))/PG_15_202209061/5; touch \(quoted(path))/.hidden")
            }
            try await run(script.discard)
            #expect(try FileManager.default.contentsOfDirectory(atPath: mount) == [])
            #expect(try await stat(mount) == "755 root")
            #expect(try FileManager.default.contentsOfDirectory(atPath: world.root + "/space two") == [])
            #expect(try await stat(world.root + "/space two") == "750 daemon")
            for path in ["/new", "/wal"] { #expect(!FileManager.default.fileExists(atPath: world.root + path)) }
        }
    }

    @Test func `Files of somebody else stop the preparation before anything is made`() async throws {
        defer { try? FileManager.default.removeItem(atPath: mount) }
        try await run("mkdir \(mount); touch \(mount)/mine")
        let error = await #expect(throws: RealServer.Failure.self) { try await run(script.prepare) }
        #expect(error?.text.contains("\(mount) is not empty; nothing was changed in it") == true)
        #expect(!FileManager.default.fileExists(atPath: world.root + "/new"))
        try await run(script.discard)
        #expect(try FileManager.default.contentsOfDirectory(atPath: mount) == ["mine"])
    }
}
