import Glibc
import Kernel
import Logging
import PostgresModel
import Testing
import Timekeeping

@testable import Server

/// The operator's programs, really run.
@Suite(.timeLimit(.minutes(2)), .serialized) struct HooksTests {
    @Test func callbacksGetActionRoleAndScopeAndAFormerOneIsKilledWithItsChildren() async throws {
        try await withBench { bench in
            let hooks = bench.hooks()
            let script = try bench.script(
                "callback",
                """
                echo "$@" >> \(bench.root)/calls
                [ "$1" = on_start ] && { sleep 300 & echo $! > \(bench.root)/child; wait; }
                exit 0
                """)
            await hooks.configure(
                .init(
                    scope: "demo",
                    callbacks: [.start: [script], .roleChange: [script], .reload: [script]]))
            await hooks.call(.start, role: "replica")
            try await eventually("the first one waits for its child") {
                ((try? readSmallText("\(bench.root)/child")) ?? "").hasSuffix("\n")
            }
            let child = try #require(Int32(readSmallText("\(bench.root)/child").dropLast()))
            // A reload disturbs no other callback; a change of role does.
            await hooks.call(.reload, role: "replica")
            try await eventually("the reload's is there") { bench.calls.contains("on_reload replica demo") }
            #expect(ProcessIdentity(running: child) != nil)
            await hooks.call(.roleChange, role: "primary")
            try await eventually("the change's is there") { bench.calls.contains("on_role_change primary demo") }
            try await eventually("the former one's child is gone") { ProcessIdentity(running: child) == nil }
            #expect(bench.calls.first == "on_start replica demo")
        }
    }

    @Test func whatAHookStartsHasNoSignalBlockedAndMayKeepRunning() async throws {
        try await withBench { bench in
            let hooks = bench.hooks()
            let script = try bench.script(
                "stop", "grep SigBlk /proc/self/status > \(bench.root)/blocked; id -un >> \(bench.root)/blocked; sleep 60 & echo $! > \(bench.root)/left")
            await hooks.configure(.init(scope: "demo", beforeStop: [script]))
            let began = Bench.clock.now
            await hooks.beforeStop(by: Bench.soon)
            #expect(Bench.clock.now - began < .seconds(10))
            let text = try readSmallText("\(bench.root)/blocked")
            #expect(text == "SigBlk:\t0000000000000000\n\(bench.user?.name ?? "")\n", "\(text)")
            let left = try #require(Int32(readSmallText("\(bench.root)/left").dropLast()))
            kill(left, SIGKILL)
        }
    }

    @Test func aPrePromoteThatFailsOrHangsKeepsTheServerFromPromotion() async throws {
        try await withBench { bench in
            let hooks = bench.hooks()
            await hooks.configure(.init(scope: "demo", prePromote: ["/bin/sh", "-c", "exit 3"]))
            let error = await #expect(throws: ServerError.self) { try await hooks.prePromote(by: Bench.soon) }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("exit code 3") == true)
            await hooks.configure(.init(scope: "demo", prePromote: ["/bin/sleep", "60"]))
            let late = await #expect(throws: ServerError.self) {
                try await hooks.prePromote(by: Bench.clock.now + .milliseconds(200))
            }
            #expect(late?.code == .refused)
            await hooks.configure(.init(scope: "demo", prePromote: ["/bin/true"]))
            try await hooks.prePromote(by: Bench.soon)
        }
    }
}

extension Bench {
    func hooks() -> Hooks {
        var log = Logger(label: "test")
        log.logLevel = .critical
        try? Files(user: user).makeDirectory("\(root)/a.state")
        return Hooks(settings("a"), clock: Self.clock, log: log)
    }

    /// A shell script in the bench's directory; its path.
    func script(_ name: String, _ text: String) throws -> String {
        let path = "\(root)/\(name).sh"
        try Files(user: user).write("#!/bin/sh\n\(text)\n", to: path, mode: 0o755)
        return path
    }

    var calls: [String] {
        ((try? readSmallText("\(root)/calls")) ?? "").split(separator: "\n").map(String.init)
    }
}
