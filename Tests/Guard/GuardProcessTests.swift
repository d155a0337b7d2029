import Glibc
import TestHost
import Testing
import Timekeeping

@testable import Guard
@testable import Kernel

/// The real guard program, with a shell and its children in the place of a postmaster.
@Suite(.timeLimit(.minutes(2))) struct GuardProcessTests {
    @Test func aDeadlineThatIsNotExtendedEndsTheWholeTree() async throws {
        try await withGuard { guardian in
            let fake = try await FakePostmaster.start()
            let until = guardian.clock.now + .milliseconds(300)
            try await guardian.client.arm(fake.handle.identity, until: until, by: guardian.soon)
            try await fake.handle.exited()
            let gone = guardian.clock.now
            #expect(gone >= until)
            #expect(gone - until < .milliseconds(200 + 800))
            try await eventually { fake.children.allSatisfy { !$0.isRunning } }
            let fence = try await guardian.statusAfterFence()
            #expect(fence.process == fake.handle.identity)
            #expect(fence.began - until < .milliseconds(50))
        }
    }

    @Test func aStoppedPostmasterIsKilledAfterTheGrace() async throws {
        try await withGuard { guardian in
            let fake = try await FakePostmaster.start()
            try fake.handle.send(signal: SIGSTOP)
            let until = guardian.clock.now + .milliseconds(100)
            try await guardian.client.arm(fake.handle.identity, until: until, by: guardian.soon)
            try await fake.handle.exited()
            #expect(guardian.clock.now - until < .seconds(1))
            try await eventually { fake.children.allSatisfy { !$0.isRunning } }
        }
    }

    @Test func extensionsKeepThePostmasterAliveAndASecondAgentTakesOver() async throws {
        try await withGuard { guardian in
            let fake = try await FakePostmaster.start()
            let first = guardian.clock.now + .seconds(3)
            try await guardian.client.arm(fake.handle.identity, until: first, by: guardian.soon)
            await guardian.client.disconnect()
            // The new agent finds the same guard, still armed, and moves its deadline.
            let heir = GuardClient(socket: guardian.socket)
            let found = try await heir.ensureRunning(guardian.program, by: guardian.soon)
            #expect(found.state == .armed(fake.handle.identity, deadline: first))
            try await heir.extend(until: first + .seconds(60), by: guardian.soon)
            try await guardian.clock.sleep(until: first + .milliseconds(100), tolerance: nil)
            #expect(fake.handle.identity.isRunning)
            #expect(try await heir.disarm(by: guardian.soon).state == .disarmed)
            fake.end()
        }
    }

    @Test func aGuardThatWasFrozenActsAtOnceWhenItWakes() async throws {
        try await withGuard { guardian in
            let fake = try await FakePostmaster.start()
            let status = try await guardian.client.status(by: guardian.soon)
            let until = guardian.clock.now + .milliseconds(200)
            try await guardian.client.arm(fake.handle.identity, until: until, by: guardian.soon)
            kill(status.guardPID, SIGSTOP)
            try await guardian.clock.sleep(until: until + .milliseconds(300), tolerance: nil)
            #expect(fake.handle.identity.isRunning)
            let woken = guardian.clock.now
            kill(status.guardPID, SIGCONT)
            let fence = try await guardian.statusAfterFence()
            #expect(fence.began - woken < .milliseconds(50))
        }
    }

    @Test func thereIsOneGuardForOneSocketAndItsDeathIsNoticed() async throws {
        try await withGuard { guardian in
            let status = try await guardian.client.status(by: guardian.soon)
            let second = try DetachedProcess(
                path: guardian.program.path, arguments: GuardOptions(socket: guardian.socket).arguments,
                environment: [:], logFile: guardian.program.logFile
            ).start()
            try await eventually { !second.isRunning }
            #expect(try await guardian.client.status(by: guardian.soon).guardPID == status.guardPID)
            kill(status.guardPID, SIGKILL)
            for await _ in guardian.client.losses { break }
            let again = try await guardian.client.ensureRunning(guardian.program, by: guardian.soon)
            #expect(again.guardPID != status.guardPID)
            #expect(again.state == .disarmed)
        }
    }

    @Test func thePostmastersOwnEndDisarmsAndTheGuardStays() async throws {
        try await withGuard { guardian in
            let fake = try await FakePostmaster.start()
            let until = guardian.clock.now + .seconds(60)
            try await guardian.client.arm(fake.handle.identity, until: until, by: guardian.soon)
            fake.end()
            try await fake.handle.exited()
            let status = try await guardian.client.status(by: guardian.soon)
            #expect(status.state == .disarmed)
            #expect(status.lastFence == nil)
        }
    }

    @Test func theGuardIsSmall() async throws {
        try await withGuard { guardian in
            let status = try await guardian.client.status(by: guardian.soon)
            let text = try readSmallText("/proc/\(status.guardPID)/status")
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
            let kilobytes = try #require(Int(line.split(separator: " ")[1]))
            print("guard: VmRSS \(kilobytes) kB")
            #expect(kilobytes < 36_000)
        }
    }
}

/// A guard in a directory of its own, ended after the test.
struct Guardian {
    let socket: String
    let client: GuardClient
    let program: GuardClient.Program
    let clock = BootClock()

    var soon: BootInstant { clock.now + .seconds(10) }

    func statusAfterFence() async throws -> GuardMachine.Fence {
        let end = soon
        while clock.now < end {
            let fence = try await client.status(by: soon).lastFence
            if let fence, fence.ended != nil { return fence }
            try await clock.sleep(until: clock.now + .milliseconds(5), tolerance: nil)
        }
        throw GuardError(.deadline, "no fence")
    }
}

func withGuard(_ body: (Guardian) async throws -> Void) async throws {
    var template = Array("/tmp/pgadopt-guard-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
    let directory = try #require(made)
    let socket = "\(directory)/guard.sock"
    let program = GuardClient.Program(path: builtGuard(), logFile: "\(directory)/guard.log")
    let guardian = Guardian(socket: socket, client: GuardClient(socket: socket), program: program)
    try await guardian.client.ensureRunning(program, by: guardian.soon)
    var failure: (any Error)?
    do { try await body(guardian) } catch { failure = error }
    if let pid = try? await GuardClient(socket: socket).status(by: guardian.soon).guardPID { kill(pid, SIGKILL) }
    for name in ["guard.sock", "guard.sock.pid", "guard.log"] { unlink("\(directory)/\(name)") }
    rmdir(directory)
    if let failure { throw failure }
}

/// The guard that was built with these tests: it lies in the directory of the test program.
func builtGuard() -> String { builtPrograms() + "/pgadopt-guard" }

/// A shell that ignores SIGQUIT's meaning for shells no more than PostgreSQL does: it ends; its children do not.
struct FakePostmaster {
    let handle: ProcessHandle
    let children: [ProcessIdentity]

    static func start() async throws -> FakePostmaster {
        let identity = try DetachedProcess(
            path: "/bin/sh",
            arguments: ["-c", "sh -c 'trap \"\" QUIT; setsid sleep 300; true' & setsid sleep 300 & wait; wait"],
            environment: ["PATH": "/usr/bin:/bin"], workingDirectory: "/tmp", logFile: "/dev/null"
        ).start()
        try await eventually { ProcessTable.now().descendants(of: identity.pid).count >= 3 }
        return FakePostmaster(
            handle: try ProcessHandle(identity), children: ProcessTable.now().descendants(of: identity.pid))
    }

    func end() { for process in children + [handle.identity] where process.isRunning { kill(process.pid, SIGKILL) } }
}

func eventually(_ condition: () -> Bool) async throws {
    let clock = BootClock()
    let end = clock.now + .seconds(10)
    while !condition() {
        try #require(clock.now < end, "the condition never held")
        try await clock.sleep(until: clock.now + .milliseconds(2), tolerance: nil)
    }
}
