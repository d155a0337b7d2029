import Glibc
import Testing
import Timekeeping

@testable import Kernel

@Suite struct BootClockTests {
    @Test func aSleepEndsAtItsInstantAndNotBefore() async throws {
        let clock = BootClock()
        let until = clock.now + .milliseconds(30)
        try await clock.sleep(until: until, tolerance: nil)
        #expect(clock.now >= until)
        #expect(clock.now - until < .seconds(5))
    }

    @Test func aCancelledSleepEndsAtOnce() async throws {
        let clock = BootClock()
        let began = clock.now
        let task = Task { try await clock.sleep(until: began + .seconds(60), tolerance: nil) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(clock.now - began < .seconds(5))
    }

    @Test func aWaitThatIsTooLongIsCancelledAtItsDeadline() async throws {
        let clock = BootClock()
        await #expect(throws: DeadlineExceeded.self) {
            try await withDeadline(clock.now + .milliseconds(20), on: clock, waitingFor: "nothing") {
                try await clock.sleep(until: clock.now + .seconds(60), tolerance: nil)
            }
        }
    }
}

@Suite struct ProcessTests {
    @Test func theLastParenthesisEndsAProcessName() throws {
        let fields = "S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 10 20"
        let stat = try #require(ProcessStat(parsing: "42 (a) b (c)) \(fields)\n"))
        #expect(stat.identity == ProcessIdentity(pid: 42, startTicks: 4711))
        #expect(stat.name == "a) b (c)")
        #expect(stat.parent == 7)
    }

    @Test func aProcessWithAnotherStartTimeIsAnotherProcess() throws {
        let me = try #require(ProcessIdentity(running: getpid()))
        #expect(me.isRunning)
        #expect(!ProcessIdentity(pid: me.pid, startTicks: me.startTicks + 1).isRunning)
        let error = #expect(throws: KernelError.self) {
            try ProcessHandle(ProcessIdentity(pid: me.pid, startTicks: me.startTicks + 1))
        }
        #expect(error?.code == .notFound)
    }

    @Test func aDetachedProcessIsNotOurChildAndItsEndIsSeen() async throws {
        let log = "/tmp/pgadopt-kernel-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).log"
        defer { unlink(log) }
        let program = DetachedProcess(
            path: "/bin/sh", arguments: ["-c", "echo $FLAVOUR; cat /proc/self/oom_score_adj; exec sleep 60"],
            environment: ["FLAVOUR": "mint", "PATH": "/usr/bin:/bin"], logFile: log)
        let identity = try program.start()
        let handle = try ProcessHandle(identity)
        let stat = try #require(ProcessStat(pid: identity.pid))
        #expect(stat.parent != getpid())
        #expect(getsid(identity.pid) == identity.pid)
        try await eventually { (try? readSmallText(log)) == "mint\n0\n" }
        #expect(!handle.hasExited)
        try handle.send(signal: SIGKILL)
        try await handle.exited()
        #expect(handle.hasExited)
        #expect(!identity.isRunning)
    }

    @Test func aProgramThatIsNotThereIsAnError() throws {
        let program = DetachedProcess(path: "/no/such/program", arguments: [], environment: [:], logFile: "/dev/null")
        let error = #expect(throws: KernelError.self) { try program.start() }
        #expect(error?.code == .notFound)
    }

    @Test func childrenAndGrandchildrenAreFound() async throws {
        let program = DetachedProcess(
            path: "/bin/sh", arguments: ["-c", "sh -c 'sleep 60; true' & sleep 60 & wait"],
            environment: ["PATH": "/usr/bin:/bin"], logFile: "/dev/null")
        let identity = try program.start()
        try await eventually { ProcessTable.now().descendants(of: identity.pid).count == 3 }
        let table = ProcessTable.now()
        #expect(table.children(of: identity.pid).count == 2)
        for process in [identity] + table.descendants(of: identity.pid) { kill(process.pid, SIGKILL) }
    }
}

/// Waits for a condition that has no event, at most ten seconds.
func eventually(_ condition: () -> Bool) async throws {
    let clock = BootClock()
    let end = clock.now + .seconds(10)
    while !condition() {
        try #require(clock.now < end, "the condition never held")
        try await clock.sleep(until: clock.now + .milliseconds(2), tolerance: nil)
    }
}
