import Glibc
import Testing
import Timekeeping

@testable import Guard
@testable import Kernel

/// A host that was frozen whole: PostgreSQL, its client and the guard stand still past the deadline and wake together.
@Suite(.timeLimit(.minutes(2)), .serialized) struct GuardFreezerTests {
    @Test func aFrozenHostIsFencedWithinFiftyMillisecondsOfWaking() async throws {
        guard let freezer = Freezer() else {
            print("guard: no cgroup freezer here, or not root: not tried")
            return
        }
        defer { freezer.remove() }
        for round in 1...3 { try await oneRound(round, freezer) }
    }

    private func oneRound(_ round: Int, _ freezer: Freezer) async throws {
        let postgres = try await GuardedPostgres.start()
        do {
            try await withGuard { guardian in
                let guardPID = try await guardian.client.status(by: guardian.soon).guardPID
                let until = guardian.clock.now + .milliseconds(400)
                try await guardian.client.arm(postgres.handle.identity, until: until, by: guardian.soon)
                try freezer.take(postgres.left.map(\.pid) + [guardPID])
                try await freezer.set(frozen: true)
                try #require(guardian.clock.now < until, "it froze too late to tell anything")
                try await guardian.clock.sleep(until: until + .milliseconds(600), tolerance: nil)
                #expect(!postgres.left.isEmpty)
                let woken = guardian.clock.now
                try await freezer.set(frozen: false)
                try await postgres.handle.exited()
                let fence = try await guardian.statusAfterFence()
                let signalled = fence.began - woken
                print("guard: round \(round): fenced \(signalled) after waking, \(fence.began - until) after the deadline")
                #expect(fence.began > until)
                #expect(signalled < .milliseconds(50))
                try await eventually { postgres.left.isEmpty }
            }
        } catch {
            freezer.thawAll()
            await postgres.clean()
            throw error
        }
        await postgres.clean()
    }
}

/// A cgroup v2 of our own, with its freezer (kernel 5.2).
/// https://docs.kernel.org/admin-guide/cgroup-v2.html
private struct Freezer {
    private let path: String

    /// Nil where there is no such hierarchy, or it is not ours to change.
    init?() {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        guard let root = roots.first(where: { access("\($0)/cgroup.procs", W_OK) == 0 }) else { return nil }
        path = "\(root)/pgadopt-test-\(getpid())"
        guard mkdir(path, 0o755) == 0, access("\(path)/cgroup.freeze", W_OK) == 0 else {
            rmdir(path)
            return nil
        }
    }

    func take(_ pids: [Int32]) throws {
        for pid in pids { try put("\(pid)", "cgroup.procs") }
    }

    /// Returns when every process of the group stands still, or may run.
    func set(frozen: Bool) async throws {
        try put(frozen ? "1" : "0", "cgroup.freeze")
        guard frozen else { return }
        try await eventually { ((try? readSmallText("\(path)/cgroup.events")) ?? "").contains("frozen 1") }
    }

    func thawAll() { try? put("0", "cgroup.freeze") }

    func remove() {
        thawAll()
        let end = BootClock().now + .seconds(5)
        // The last process leaves the group when its parent has fetched it.
        while rmdir(path) != 0, errno == EBUSY, BootClock().now < end { usleep(10_000) }
    }

    private func put(_ text: String, _ name: String) throws {
        let fd = open("\(path)/\(name)", O_WRONLY | O_CLOEXEC)
        guard fd >= 0 else { throw KernelError("open \(path)/\(name)", errno: errno) }
        defer { close(fd) }
        let bytes = Array(text.utf8)
        guard write(fd, bytes, bytes.count) == bytes.count else {
            throw KernelError("write \(text) to \(path)/\(name)", errno: errno)
        }
    }
}
