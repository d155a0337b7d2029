import Glibc
import Testing
import Timekeeping

@testable import Kernel

/// The program as the first process of a pid namespace of its own, as in a container.
@Suite(.timeLimit(.minutes(1)), .serialized) struct GuardInitTests {
    @Test func theFirstProcessReapsOrphansPassesSignalsOnAndTellsTheStatus() async throws {
        guard geteuid() == 0 else { return }
        let log = "/tmp/pgadopt-init-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).log"
        defer { unlink(log) }
        // The program leaves an orphan behind, tells what became of it, and ends by the signal it was sent.
        let script = """
            (sh -c 'sleep 0.2' &)
            trap 'echo stopped; exit 5' TERM
            sleep 1
            echo zombies $(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l)
            echo ready
            while :; do sleep 0.1; done
            """
        let process = try DetachedProcess(
            path: "/bin/sh",
            arguments: [
                "-c", "unshare --pid --fork --mount-proc \"$@\"; echo status $?", "-", builtGuard(), "--init", "/bin/sh",
                "-c", script,
            ],
            environment: ["PATH": "/usr/bin:/bin"], logFile: log
        ).start()
        let handle = try ProcessHandle(process)
        try await eventually { ((try? readSmallText(log)) ?? "").contains("ready") }
        let programs = ProcessTable.now().descendants(of: process.pid)
        let guardian = try #require(programs.first { pid in
            ((try? readSmallText("/proc/\(pid.pid)/cmdline")) ?? "").contains("--init\0")
                && ((try? readSmallText("/proc/\(pid.pid)/cmdline")) ?? "").hasPrefix(builtGuard())
        })
        kill(guardian.pid, SIGTERM)
        try await handle.exited()
        let text = try readSmallText(log)
        #expect(text.contains("zombies 0"), "\(text)")
        #expect(text.contains("stopped"), "\(text)")
        #expect(text.contains("status 5"), "\(text)")
    }
}
