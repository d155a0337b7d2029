import Glibc
import Testing
import Timekeeping

@testable import Guard
@testable import Kernel

/// The guard with a real PostgreSQL and a client at work.
@Suite(.timeLimit(.minutes(2)), .serialized) struct GuardPostgresTests {
    @Test(arguments: [false, true])
    func anAgentThatStopsExtendingLosesItsPostgresByTheDeadline(isPostmasterStopped: Bool) async throws {
        let postgres = try await GuardedPostgres.start()
        do {
            try await withGuard { guardian in
                let until = guardian.clock.now + .milliseconds(300)
                try await guardian.client.arm(postgres.handle.identity, until: until, by: guardian.soon)
                if isPostmasterStopped { try postgres.handle.send(signal: SIGSTOP) }
                // From here on nobody extends: the agent is as good as stopped.
                try await postgres.handle.exited()
                try await eventually { postgres.left.isEmpty }
                let taken = guardian.clock.now - until
                print("guard: everything gone \(taken) after the deadline, postmaster stopped: \(isPostmasterStopped)")
                #expect(taken > .zero)
                // The kernel's time to end processes is not the guard's; the 50 ms below are.
                #expect(taken < .seconds(10))
                let fence = try await guardian.statusAfterFence()
                #expect(fence.began - until < .milliseconds(50))
            }
        } catch {
            await postgres.clean()
            throw error
        }
        await postgres.clean()
    }

    @Test func whatAKilledPostmasterLeavesBehindIsKilled() async throws {
        let postgres = try await GuardedPostgres.start()
        try await withGuard { guardian in
            let until = guardian.clock.now + .seconds(60)
            try await guardian.client.arm(postgres.handle.identity, until: until, by: guardian.soon)
            // A backend in the middle of work does not notice the postmaster's death by itself.
            let busy = try #require(postgres.left.first { $0 != postgres.handle.identity })
            kill(busy.pid, SIGSTOP)
            try postgres.handle.send(signal: SIGKILL)
            try await eventually { postgres.left.isEmpty }
            #expect(try await guardian.client.status(by: guardian.soon).state == .disarmed)
        }
        await postgres.clean()
    }
}

struct GuardedPostgres {
    let root: String
    let handle: ProcessHandle
    private static let bin = "/usr/lib/postgresql/15/bin"

    /// The server's processes that live, the postmaster's included.
    var left: [ProcessIdentity] { ProcessTable.now().working(in: "\(root)/data").map(\.identity) }

    static func start() async throws -> GuardedPostgres {
        let user = geteuid() == 0 ? OSUser(named: "postgres") : nil
        let root = "/tmp/pgadopt-guarded-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try #require(mkdir(root, 0o700) == 0)
        if let user { try #require(chown(root, user.uid, user.gid) == 0) }
        func run(_ program: String, _ arguments: [String]) throws -> ProcessIdentity {
            try DetachedProcess(
                path: "\(bin)/\(program)", arguments: arguments,
                environment: ["LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"], workingDirectory: root,
                logFile: "\(root)/log", user: user
            ).start()
        }
        let initialize = try run("initdb", ["-D", "\(root)/data", "-U", "postgres", "-A", "trust", "--no-sync"])
        try await ProcessHandle(initialize).exited()
        let postmaster = try run(
            "postgres", ["-D", "\(root)/data", "-k", root, "-c", "listen_addresses=", "-c", "fsync=off"])
        let handle = try ProcessHandle(postmaster)
        try await eventually {
            ((try? readSmallText("\(root)/data/postmaster.pid")) ?? "").contains("ready")
        }
        _ = try run(
            "psql",
            [
                "-h", root, "-U", "postgres", "-c",
                "do $$ begin loop perform sum(i) from generate_series(1, 10000) i; end loop; end $$",
            ]
        )
        try await eventually {
            ProcessTable.now().children(of: postmaster.pid).contains { child in
                ((try? readSmallText("/proc/\(child.pid)/cmdline")) ?? "").contains("[local] DO")
            }
        }
        return GuardedPostgres(root: root, handle: handle)
    }

    func clean() async {
        for process in left { kill(process.pid, SIGKILL) }
        let removal = try? DetachedProcess(
            path: "/bin/rm", arguments: ["-rf", root], environment: [:], logFile: "/dev/null"
        ).start()
        if let removal { _ = try? await ProcessHandle(removal).exited() }
    }
}
