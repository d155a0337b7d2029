@testable import Execution
import Foundation
import Planning
import PostgresModel
import Shell
import Synchronization
import Testing

/// The part of a copy that runs on the target: with a writer that is only limited by it.
@Suite(.serialized) struct CopyPacerTests {
    private func run(_ text: String, in world: World) async throws -> [Double] {
        let script = """
            w=\(quoted(world.root))
            order() { echo "$1" > "$w/rate.new"; mv "$w/rate.new" "$w/rate"; }
            written() { while read -r k v; do [ "$k" != wchar: ] || echo "$v"; done < "/proc/$c/io"; }
            seconds() { read -r s rest < /proc/uptime; echo "$s"; }
            state() { read -r s < "/proc/$c/stat"; s=${s##*) }; echo "${s%% *}"; }
            dd if=/dev/zero of=/dev/null bs=8k 2>/dev/null &
            c=$!
            order 209715200
            ( \(CopyPacer.loop) ) &
            p=$!
            sleep 1
            \(text)
            kill -9 $c; wait $c 2>/dev/null || exit 0
            """
        let result = try await RootedShell("h2", root: world.root).run(script, as: .root)
        #expect(result.succeeded, "\(result.errorOutput)")
        return result.output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
    }

    @Test func `A rate is kept, within the size of one slice`() async throws {
        let numbers = try await run(
            "written; seconds; sleep 3; written; seconds; kill $p; wait $p", in: World())
        try #require(numbers.count == 4)
        let rate = (numbers[2] - numbers[0]) / (numbers[3] - numbers[1]) / 1_048_576
        #expect((160...240).contains(rate), "MiB/s: \(rate)")
    }

    @Test func `Held, nothing is written; free again, it goes on at once`() async throws {
        let numbers = try await run(
            """
            order hold; sleep 1; written; sleep 1; written
            order free; sleep 1; written; kill $p; wait $p
            """, in: World())
        try #require(numbers.count == 3)
        #expect(numbers[0] == numbers[1])
        #expect(numbers[2] > numbers[1] + 209_715_200)
    }

    @Test func `When the loop is ended, the receiver is left running`() async throws {
        let numbers = try await run(
            """
            order hold; sleep 1; [ "$(state)" = T ] && echo 1 || echo 0
            kill $p; wait $p; sleep 0.2; [ "$(state)" = T ] && echo 1 || echo 0
            """, in: World())
        #expect(numbers == [1, 0])
    }

    @Test func `Nobody forgets it: a hold that is not taken back ends after twenty seconds, at the rate of before`()
        async throws
    {
        let numbers = try await run(
            "order hold; sleep 1; written; sleep 21; written; kill $p; wait $p", in: World())
        try #require(numbers.count == 2)
        let copied = (numbers[1] - numbers[0]) / 1_048_576
        #expect((100...1000).contains(copied), "MiB: \(copied)")
    }
}

/// Copies of a real server, watched.
@Suite(.enabled(if: RealServer.isPossible), .serialized) struct CopyTests {
    private func withServer(_ settings: String = "", _ body: (RealServer) async throws -> Void) async throws {
        let server = try await RealServer(settings: settings)
        do { try await body(server) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func plan(_ server: RealServer, _ edit: (inout BaseBackupChange) -> Void) async throws -> Plan {
        var plan = try await server.plan([.lock, .secrets, .roles, .hba, .slot, .baseBackup, .unlock])
        for index in plan.steps.indices {
            guard case .baseBackup(var change) = plan.steps[index].kind else { continue }
            edit(&change)
            plan.steps[index].kind = .baseBackup(change)
        }
        return plan
    }

    private func order(_ word: String, _ server: RealServer) async throws {
        let path = "/var/lib/pgadopt/shop/build"
        try await server.sh("echo \(word) > \(path)/rate.new; mv \(path)/rate.new \(path)/rate", .root)
    }

    /// The receiver's state in /proc, and what it has written; empty: there is none.
    private func receiver(_ server: RealServer) async throws -> [String] {
        let path = "/var/lib/pgadopt/shop/build/copy"
        let output = try await server.sh(
            """
            [ -e \(path) ] || exit 0
            read -r c rest < \(path); read -r s < /proc/$c/stat || exit 0
            s=${s##*) }; echo "${s%% *}"; grep wchar: /proc/$c/io
            """, .root)
        return output.split(separator: "\n").map(String.init)
    }

    @Test func `A receiver that stands still for longer than wal_sender_timeout loses nothing`() async throws {
        try await withServer("wal_sender_timeout = 2s") { server in
            _ = try await server.sql("CREATE TABLE t AS SELECT repeat('x', 500) FROM generate_series(1, 100000)")
            let plan = try await plan(server) {
                $0.maxRate = 10 << 20
                $0.size = ByteCount(1 << 30)
            }
            let facts = try await server.facts()
            async let applied: Void = Executor(plan: plan, environment: server.world.environment())
                .run(survey: { facts }, report: server.world.report)
            for _ in 0..<300 where try await receiver(server).first != "S" { try await Task.sleep(for: .milliseconds(50)) }
            try await order("hold", server)
            try await Task.sleep(for: .seconds(1))
            let before = try await receiver(server)
            #expect(before.first == "T")
            // Both of its senders, of the files and of the WAL, let the clients' backends go first.
            let senders = "SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE application_name LIKE 'pgadopt build %'"
            let priorities = try await server.sh("ps -o ni= -p \(try await server.sql(senders))", .root)
            #expect(priorities.split(whereSeparator: \.isWhitespace) == ["10", "10"])
            // The WAL goes on beside it.
            _ = try await server.sql("CREATE TABLE u AS SELECT repeat('x', 500) FROM generate_series(1, 1000)")
            try await Task.sleep(for: .seconds(6))
            #expect(try await receiver(server) == before)
            try await order("free", server)
            try await applied
            #expect(server.world.file(server.world.root + "/replica/main/PG_VERSION") == "15\n")
            #expect(server.world.take().contains {
                $0 == "note h1 has hardly any clients just now: the copy goes as fast as it can until it has"
            })
        }
    }

    @Test func `With clients there, the copy is told a rate, and the progress says what limits it`() async throws {
        try await withServer { server in
            _ = try await server.sql("CREATE TABLE t AS SELECT repeat('x', 500) FROM generate_series(1, 300000)")
            _ = try await server.sql("CREATE TABLE clients AS SELECT generate_series(1, 1000) AS n")
            let plan = try await plan(server) { $0.size = ByteCount(1 << 30) }
            // Clients whose statements take some milliseconds each, and much more while the copy runs: the model of a
            // primary that feels it.
            let clients = try await server.sh(
                """
                cat > \(server.world.root)/sock/client.sql <<'END'
                SELECT pg_sleep(0.005 + 0.02 * (SELECT count(*) FROM pg_stat_progress_basebackup
                    WHERE phase LIKE 'streaming database%'));
                END
                \(RealServer.bin)/pgbench -n -h \(server.world.root)/sock -p \(server.port) -c 6 -j 2 -T 60 \\
                    -f \(server.world.root)/sock/client.sql postgres >/dev/null 2>&1 </dev/null &
                echo $!
                """)
            let phases = Mutex<[String]>([])
            let facts = try await server.facts()
            let report: @Sendable (ApplyEvent) -> Void = { event in
                if case .progress(_, let progress) = event { phases.withLock { $0.append(progress.phase ?? "") } }
                server.world.report(event)
            }
            try await Executor(plan: plan, environment: server.world.environment())
                .run(survey: { facts }, report: report)
            _ = try? await server.sh("kill \(clients)")
            let events = server.world.take()
            #expect(events.contains { $0.hasPrefix("note statements on h1 take ") }, "\(events)")
            let seen = phases.withLock { $0 }
            #expect(seen.contains { $0.contains("limited by the primary's latency") }, "\(seen)")
            // And so was the process that streams its WAL, which has been seen at work.
            let work = server.world.root + "/var/lib/pgadopt/shop/build/wal"
            #expect(server.world.file(work + "/rate").flatMap { Int($0.dropLast()) } ?? 0 >= 32 << 20)
            #expect(server.world.file(work + "/seen") != nil)
            #expect(server.world.file(server.world.root + "/replica/main/PG_VERSION") == "15\n")
        }
    }

    @Test func `A copy whose keeper was killed while it stood still is ended before the next one begins`() async throws {
        try await withServer { server in
            _ = try await server.sql("CREATE TABLE t AS SELECT repeat('x', 500) FROM generate_series(1, 100000)")
            let plan = try await plan(server) { $0.maxRate = 16 << 20 }
            let facts = try await server.facts()
            let environment = server.world.environment()
            let first = Task {
                try await Executor(plan: plan, environment: environment)
                    .run(survey: { facts }, report: server.world.report)
            }
            for _ in 0..<300 where try await receiver(server).first != "S" { try await Task.sleep(for: .milliseconds(50)) }
            try await order("hold", server)
            for _ in 0..<100 where try await receiver(server).first != "T" { try await Task.sleep(for: .milliseconds(50)) }
            let path = "/var/lib/pgadopt/shop/build"
            let receiver = try await server.sh("cut -d' ' -f1 \(path)/copy", .root)
            try await server.sh("kill -9 $(cut -d' ' -f1 \(path)/pid)", .root)
            _ = await first.result
            #expect(try await self.receiver(server).first == "T")
            try await Executor(plan: plan, environment: server.world.environment(processID: 8, isRunning: false))
                .run(survey: { facts }, report: server.world.report)
            #expect(!FileManager.default.fileExists(atPath: "/proc/\(receiver.dropLast())"))
            #expect(server.world.file(server.world.root + "/replica/main/PG_VERSION") == "15\n")
        }
    }

    @Test func `When nobody watches, the target itself ends a copy whose slot keeps more than its budget`() async throws {
        try await withServer { server in
            _ = try await server.sql("CREATE TABLE t AS SELECT repeat('x', 500) FROM generate_series(1, 100000)")
            let plan = try await plan(server) { $0.maxRate = 1 << 20 }
            let facts = try await server.facts()
            let environment = server.world.environment()
            let watcher = Task {
                try await Executor(plan: plan, environment: environment)
                    .run(survey: { facts }, report: server.world.report)
            }
            for _ in 0..<300 where try await receiver(server).first != "S" { try await Task.sleep(for: .milliseconds(50)) }
            watcher.cancel()
            _ = await watcher.result
            let path = server.world.root + "/var/lib/pgadopt/shop/build"
            let budget = server.world.file(path + "/budget").flatMap { Int($0.dropLast()) } ?? 0
            #expect(budget > 64 << 20)
            try await server.sh("echo 1000000 > /var/lib/pgadopt/shop/build/budget", .root)
            _ = try await server.sql("CREATE TABLE u AS SELECT repeat('x', 500) FROM generate_series(1, 20000)")
            for _ in 0..<400 where server.world.file(path + "/exit") == nil {
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(server.world.file(path + "/exit") != nil)
            let log = server.world.file(path + "/log") ?? ""
            #expect(log.contains("of WAL on h1, its budget is 1000000\nits slot was dropped, so that the WAL can go"), "\(log)")
            #expect(try await server.sql("SELECT count(*) FROM pg_replication_slots") == "0")
            // The senders notice at their next write that nobody listens any more.
            let senders = "SELECT count(*) FROM pg_stat_replication"
            for _ in 0..<100 where try await server.sql(senders) != "0" { try await Task.sleep(for: .milliseconds(100)) }
            #expect(try await server.sql(senders) == "0")
        }
    }
}
