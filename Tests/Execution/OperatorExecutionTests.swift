import AdoptFixtures
import Execution
import Foundation
import Planning
import Testing

/// The operator's own commands and pauses, carried out.
@Suite struct OperatorExecutionTests {
    /// A plan of the steps that need no server, with these items between them.
    private func plan(_ world: World, _ items: String, replica: String = "") throws -> Plan {
        let text = """
            cluster:
              - lock
            \(items.replacing("ROOT", with: world.root))
              - backup
              - bundle
              - secrets
              - roles
              - hba
              - settings
              - store
              - pause: {name: board, message: Has the board said yes?}
              - legacy-unit
              - agent
            replica:
              - slot
              - base-backup
              - config-files
            \(replica.replacing("ROOT", with: world.root))
              - legacy-unit
              - agent
              - streaming
            finish: [verify, unlock]
            """
        var planner = LegacyCluster.planner
        planner.playbook = try Playbook.parse(text, file: "my.yaml")
        var plan = try planner.plan(LegacyCluster.spec, LegacyCluster.facts, [])
        let kept: Set<StepName> = [.lock, .run, .backup, .store, .pause, .unlock]
        plan.steps = plan.steps.filter { kept.contains($0.kind.name) }
        return plan
    }

    private func run(_ plan: Plan, _ world: World, _ environment: ExecutionEnvironment? = nil) async throws {
        try await Executor(plan: plan, environment: environment ?? world.environment())
            .run(survey: { LegacyCluster.facts }, report: world.report)
    }

    /// Goes on after the pause at which the last run stopped.
    private func going(_ world: World) -> ExecutionEnvironment {
        var environment = world.environment()
        environment.continuesAfterPause = true
        return environment
    }

    private func log(_ world: World) -> [Substring] {
        world.file(world.root + "/log")?.split(separator: "\n") ?? []
    }

    private static let mute = """
          - run:
              name: mute
              command: |
                echo "muted $(id -un)" >> ROOT/log; cat > ROOT/input
                echo "for 2 h"; echo 'a warning' >&2
                tr '\\0' ' ' < /proc/$$/cmdline > ROOT/words # the word elephant is on no process list
              on: members
              effect: none
              undo: echo unmuted >> ROOT/log
        """

    @Test func `A command runs once on each of its hosts, says its words, and what stands behind it waits`()
        async throws
    {
        let world = try World()
        let plan = try plan(world, Self.mute)
        await #expect(throws: ExecutionError.self) { try await run(plan, world) }
        let events = world.take()
        #expect(log(world) == ["muted root", "muted root", "muted root"])
        #expect(events.filter { $0.hasPrefix("note") } == Array(repeating: "note mute: for 2 h\na warning", count: 3))
        let backup = try #require(events.firstIndex(of: "start h1/backup"))
        for host in ["h1", "h2", "h3"] {
            #expect(try #require(events.firstIndex(of: "done \(host)/run-mute")) < backup)
        }
        #expect(world.file(world.root + "/words")?.contains("elephant") == false)
        #expect(world.file(world.root + "/input") == "")

        try await run(plan, world, going(world))
        #expect(log(world).count == 3)
        #expect(world.take().contains("skip h3/run-mute"))
    }

    @Test func `A pause stops what stands behind it until a person says go on`() async throws {
        let world = try World()
        let plan = try plan(
            world,
            """
              - pause: {name: first, message: First?}
              - run: {name: between, command: echo between >> ROOT/log, effect: none}
            """)
        for _ in 0..<2 {
            let error = await #expect(throws: ExecutionError.self) { try await run(plan, world) }
            #expect(error?.code == .paused && error?.message == "paused: First?")
        }
        // What comes after it has not begun, and the second pause has not been seen: going on does not jump it.
        #expect(log(world) == [])
        let error = await #expect(throws: ExecutionError.self) { try await run(plan, world, going(world)) }
        #expect(error?.code == .paused && error?.message == "paused: Has the board said yes?")
        #expect(log(world) == ["between"])
        try await run(plan, world, going(world))
        #expect(log(world) == ["between"])
        #expect(world.take().last == "done h1/unlock")
    }

    @Test func `On a terminal a pause is a question`() async throws {
        let world = try World()
        let plan = try plan(world, "")
        var environment = world.environment()
        environment.confirmPause = { pause in pause.message == "Has the board said yes?" }
        try await run(plan, world, environment)
        #expect(world.take().last == "done h1/unlock")
    }

    @Test func `A command that fails stops everything behind it, and runs again`() async throws {
        let world = try World()
        let plan = try plan(
            world,
            """
              - run:
                  name: ask
                  command: |
                    echo tried >> ROOT/log
                    echo 'the ticket is closed' >&2
                    test -e ROOT/open || exit 3
                  effect: none
            """)
        let error = await #expect(throws: ExecutionError.self) { try await run(plan, world) }
        #expect(
            error?.description.contains(
                "the playbook's command ask (my.yaml:3:5) ended with code 3: the ticket is closed") == true,
            "\(String(describing: error))")
        #expect(!world.take().contains("start h1/backup"))
        try Data().write(to: URL(fileURLWithPath: world.root + "/open"))
        await #expect(throws: ExecutionError.self) { try await run(plan, world) }
        #expect(log(world) == ["tried", "tried"])
        #expect(world.take().contains("done h1/backup"))
    }

    @Test func `A command that was killed in the middle runs again, and its undo runs whatever it got to`()
        async throws
    {
        let world = try World()
        let plan = try plan(
            world,
            """
              - run:
                  name: two-halves
                  command: |
                    echo first >> ROOT/log
                    test -e ROOT/again || { touch ROOT/again; kill -9 $$; }
                    echo second >> ROOT/log
                  effect: service
                  undo: echo undone >> ROOT/log
              - run: {name: bad, command: echo bad >> ROOT/log; exit 1, effect: none, undo: echo un-bad >> ROOT/log}
            """)
        let error = await #expect(throws: ExecutionError.self) { try await run(plan, world) }
        #expect(error?.message.contains("two-halves (my.yaml:3:5) ended with code 137") == true)
        #expect(log(world) == ["first"])
        await #expect(throws: ExecutionError.self) { try await run(plan, world) }
        #expect(log(world) == ["first", "first", "second", "bad"])

        try await release(plan, world)
        #expect(log(world).dropFirst(4) == ["un-bad", "undone"])
    }

    @Test func `Cut off at any command, the next run ends in the same state`() async throws {
        let items = Self.mute + "\n  - run: {name: late, command: echo late >> ROOT/log, effect: none}"
        let whole = try World()
        let counter = Counter()
        var environment = whole.environment(cutAt: { _ in counter.next() < 0 })
        environment.confirmPause = { _ in true }
        try await run(plan(whole, items), whole, environment)
        for cut in stride(from: 0, to: counter.value, by: 2) {
            let world = try World()
            let plan = try plan(world, items)
            let counter = Counter()
            var environment = world.environment(processID: 7, cutAt: { _ in counter.next() == cut })
            environment.confirmPause = { _ in true }
            await #expect(throws: (any Error).self, "cut at \(cut)") { try await run(plan, world, environment) }
            environment = world.environment(processID: 8, isRunning: false)
            environment.confirmPause = { _ in true }
            try await run(plan, world, environment)
            // A command may run twice, never not at all, and what stands behind it never before it.
            #expect(log(world).filter { $0 == "muted root" }.count >= 3, "cut at \(cut)")
            #expect(log(world).last == "late", "cut at \(cut): \(log(world))")
            #expect(await world.store.keys == whole.store.keys, "cut at \(cut)")
        }
    }

    @Test func `A release takes back what ran, the last first, and leaves what never ran`() async throws {
        let world = try World()
        let plan = try plan(
            world,
            Self.mute
                + "\n  - run: {name: open, command: echo opened >> ROOT/log, effect: none, undo: echo shut >> ROOT/log}",
            replica: "  - run: {name: watch, command: echo on >> ROOT/log, effect: none, undo: echo off >> ROOT/log}")
        await #expect(throws: ExecutionError.self) { try await run(plan, world) }
        #expect(log(world).last == "opened")
        try await release(plan, world)
        #expect(log(world).suffix(4) == ["shut", "unmuted", "unmuted", "unmuted"])
        #expect(!log(world).contains("off"))
    }

    @Test func `A command in a replica's section runs for each replica that is built`() async throws {
        let world = try World()
        let plan = try plan(
            world, "", replica: "  - run: {name: exporter, command: echo on >> ROOT/log, effect: service}")
        var environment = world.environment()
        environment.confirmPause = { _ in true }
        try await run(plan, world, environment)
        #expect(log(world) == ["on", "on"])
        #expect(Set(world.take().filter { $0.hasPrefix("done h") && $0.contains("exporter") })
            == ["done h2/run-exporter", "done h3/run-exporter"])
    }
}
