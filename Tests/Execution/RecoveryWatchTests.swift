import AdoptFixtures
import Foundation
import Planning
import Shell
import Synchronization
import Testing

@testable import Execution

@Suite struct RecoveryWatchTests {
    @Test func `A startup process that goes on to the next WAL file is seen, one that stands still is not`() async throws {
        let world = try World()
        let clock = Mutex(Duration.zero)
        var environment = world.environment()
        environment.now = { clock.withLock { $0 } }
        let plan = try LegacyCluster.plan
        let step = try #require(plan.step("h2/streaming"))
        let context = StepContext(
            step: step, plan: plan, environment: environment,
            journal: try await Journal.open(plan: plan, environment: environment), report: { _ in })
        let data = world.root + "/main"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        /// A process with such a title, and a parent that postmaster.pid names, until the closure has ended.
        func replaying(_ file: String, _ body: () async throws -> Void) async throws {
            let server = Process()
            server.executableURL = URL(fileURLWithPath: "/bin/bash")
            server.arguments = ["-c", """
                echo $$ > \(data)/postmaster.pid
                (exec -a 'postgres: shop: startup recovering \(file)' sleep 60) &
                echo $! > \(data)/child
                wait
                """]
            try server.run()
            // Until the title is there.
            var looks = 0
            while looks < 100 {
                let title = try await context.run("", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\000' ' '")
                if title.contains("startup recovering \(file)") { break }
                looks += 1
                try await Task.sleep(for: .milliseconds(50))
            }
            let result: Result<Void, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            try await context.run("", "kill -KILL $(cat \(data)/child)")
            server.waitUntilExit()
            try result.get()
        }
        func later() { clock.withLock { $0 += .seconds(6) } }

        var watch = RecoveryWatch(dataDirectory: data)
        #expect(await !watch.hasMoved(context), "no server")
        later()
        try await replaying("000000010000000000000003") {
            #expect(await watch.hasMoved(context))
            later()
            #expect(await !watch.hasMoved(context))
            later()
        }
        try await replaying("000000010000000000000004") { #expect(await watch.hasMoved(context)) }
        var none = RecoveryWatch(dataDirectory: nil)
        #expect(await !none.hasMoved(context))
    }
}
