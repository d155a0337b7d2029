import Glibc
import Kernel
import Logging
import PostgresModel
import Testing
import Timekeeping

@testable import Server

/// The probe against real servers that really cannot write.
@Suite(.timeLimit(.minutes(5)), .serialized) struct ProbeTests {
    @Test func theProbeTellsAWorkingAFrozenAndAStoppedPrimary() async throws {
        try await withBench { bench in
            try await bench.startLegacyPrimary()
            try await bench.sql("a", "alter system set synchronous_standby_names = 'nobody'")
            try await bench.sql("a", "alter system set default_transaction_read_only = on")
            try await bench.sql("a", "select pg_reload_conf()")
            let a = bench.server("a")
            #expect(await a.probe.report.outcome == .unknown)
            let first = await a.probe.probe(by: Bench.soon)
            #expect(first.outcome == .writes)
            #expect(first.failsSince == nil)
            try await anIdlePrimaryWritesRarely(a, bench)
            try await aFrozenPostmasterIsSeen(a, bench)
            try await a.stop(.immediate, by: Bench.soon)
            guard case .absent = await a.probe.probe(by: Bench.soon).outcome else {
                Issue.record("nobody listens, and the probe says \(await a.probe.report)")
                return
            }
        }
    }

    private func anIdlePrimaryWritesRarely(_ a: LocalServer, _ bench: Bench) async throws {
        // Checkpoints and the background writer would move the position as well.
        let before = try await bench.sql("a", "select pg_current_wal_flush_lsn()")
        for _ in 0..<5 { #expect(await a.probe.probe(by: Bench.soon).outcome == .writes) }
        let after = try await bench.sql("a", "select pg_current_wal_flush_lsn()")
        #expect(before == after)
    }

    /// A kept connection goes on working behind a frozen postmaster; a new one does not come up.
    private func aFrozenPostmasterIsSeen(_ a: LocalServer, _ bench: Bench) async throws {
        let postmaster = try #require(await a.adopt())
        _ = await a.observe()
        kill(postmaster.pid, SIGSTOP)
        let began = Bench.clock.now
        let frozen = await a.probe.probe(by: began + .milliseconds(300))
        #expect(frozen.outcome == .hangs(.connecting))
        #expect(Bench.clock.now - began < .seconds(2))
        #expect(frozen.failsSince.map { $0 >= began } == true)
        let again = await a.probe.probe(by: Bench.clock.now + .milliseconds(100))
        #expect(again.failsSince == frozen.failsSince)
        guard case .running = await a.observe().process else {
            Issue.record("the kept connection should still answer")
            return
        }
        kill(postmaster.pid, SIGCONT)
        #expect(await a.probe.probe(by: Bench.soon).outcome == .writes)
    }

    @Test func aHungFileSystemIsSeenAndHoldsNobodyUp() async throws {
        guard geteuid() == 0 else { return }
        try await withBench { bench in
            let disk = try await LoopDisk(at: "\(bench.root)/a", megabytes: 160, bench)
            do {
                try await bench.startLegacyPrimary(inside: true)
                let a = bench.server("a")
                #expect(await a.probe.probe(by: Bench.soon).outcome == .writes)
                _ = await a.observe()
                try await disk.freeze()
                // A client that commits: from here on something waits for the disk.
                let client = Task { try? await bench.sql("a", "insert into t values (1)") }
                try await eventually("the hang is seen") {
                    await a.probe.probe(by: Bench.clock.now + .milliseconds(300)).outcome == .hangs(.writing)
                }
                let began = Bench.clock.now
                _ = await a.observe(limit: .milliseconds(500))
                #expect(Bench.clock.now - began < .seconds(3))
                try await disk.thaw()
                try await eventually("it writes again") {
                    await a.probe.probe(by: Bench.soon).outcome == .writes
                }
                _ = await client.value
                try await a.stop(.immediate, by: Bench.soon)
            } catch {
                try? await disk.thaw()
                await disk.remove()
                throw error
            }
            await disk.remove()
        }
    }

    @Test func aFullDiskIsSeenThoughTheLogStillHasRoom() async throws {
        guard geteuid() == 0 else { return }
        try await withBench { bench in
            let disk = try await LoopDisk(at: "\(bench.root)/a", megabytes: 160, bench)
            do {
                try await bench.startLegacyPrimary(inside: true)
                let a = bench.server("a")
                #expect(await a.probe.probe(by: Bench.soon).outcome == .writes)
                // Ends when nothing fits any more.
                _ = try await bench.runner.run(
                    "/bin/dd", ["if=/dev/zero", "of=\(bench.root)/a/filler", "bs=64k"], by: Bench.soon)
                _ = try await bench.runner.run("/bin/sync", ["-f", "\(bench.root)/a/filler"], by: Bench.soon)
                let full = await a.probe.probe(by: Bench.soon)
                guard case .refused(let reason) = full.outcome else {
                    Issue.record("a full disk looks like \(full)")
                    return
                }
                #expect(reason.contains("no space"), "\(reason)")
                unlink("\(bench.root)/a/filler")
                #expect(await a.probe.probe(by: Bench.soon).outcome == .writes)
                try await a.stop(.immediate, by: Bench.soon)
            } catch {
                await disk.remove()
                throw error
            }
            await disk.remove()
        }
    }
}

/// A small file system of its own in an image file; needs root and loop devices.
struct LoopDisk {
    let mountPoint: String
    private let image: String
    private let runner = ProgramRunner(user: nil, clock: Bench.clock)

    init(at path: String, megabytes: Int, _ bench: Bench) async throws {
        mountPoint = path
        image = "\(bench.root)/disk.img"
        try await run("/bin/dd", "if=/dev/zero", "of=\(image)", "bs=1M", "count=0", "seek=\(megabytes)")
        try await run("/usr/sbin/mkfs.ext4", "-q", "-F", image)
        try await run("/bin/mkdir", path)
        try await run("/bin/mount", "-o", "loop", image, path)
        try await run("/bin/rmdir", "\(path)/lost+found")
        if let user = bench.user { try await run("/bin/chown", "\(user.uid):\(user.gid)", path) }
        try await run("/bin/chmod", "700", path)
    }

    func freeze() async throws { try await run("/usr/sbin/fsfreeze", "-f", mountPoint) }
    func thaw() async throws { try await run("/usr/sbin/fsfreeze", "-u", mountPoint) }

    func remove() async {
        for process in ProcessTable.now().working(in: mountPoint) { kill(process.identity.pid, SIGKILL) }
        try? await eventually("nobody works on the disk") { ProcessTable.now().working(in: mountPoint).isEmpty }
        try? await run("/bin/umount", mountPoint)
    }

    private func run(_ program: String, _ arguments: String...) async throws {
        let output = try await runner.run(program, arguments, by: Bench.soon)
        try #require(output.isSuccess, "\(program): \(output.text)")
    }
}

/// Runs a test with a bench and removes it whatever happens.
func withBench(_ body: (Bench) async throws -> Void) async throws {
    let bench = try Bench()
    do {
        try await body(bench)
    } catch {
        await bench.clean()
        throw error
    }
    await bench.clean()
}
