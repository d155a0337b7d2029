import AdoptFixtures
import Execution
import Facts
import Foundation
import Planning
import Preflight
import Shell
import Synchronization
import Testing

@Suite struct ExecutorTests {
    private func plan() throws -> Plan { try LegacyCluster.plan.only([.lock, .backup, .store, .unlock]) }

    private func run(
        _ plan: Plan, _ world: World, _ environment: ExecutionEnvironment? = nil,
        facts: ClusterFacts = LegacyCluster.facts
    ) async throws {
        try await Executor(plan: plan, environment: environment ?? world.environment())
            .run(survey: { facts }, report: world.report)
    }

    @Test func `Steps run in order, each in the journal before and after its effect, here and on the primary`()
        async throws
    {
        let world = try World()
        try await run(plan(), world)
        #expect(
            world.take().filter { $0.hasPrefix("done") }
                == ["done h1/lock", "done h1/backup", "done h1/store", "done h1/unlock"])
        let text = await world.journal.text
        let order = text.split(separator: "\n").compactMap { line -> String? in
            guard let event = line.firstMatch(of: /"event":"(begun|done|made)"/),
                let step = line.firstMatch(of: /"step":"([^"]*)"/)
            else { return nil }
            return "\(event.1) \(step.1)"
        }
        #expect(
            order == [
                "begun h1/lock", "done h1/lock", "begun h1/backup", "done h1/backup", "begun h1/store", "made h1/store",
                "made h1/store", "done h1/store", "begun h1/unlock", "done h1/unlock",
            ])
        #expect(world.file(world.root + "/var/lib/pgadopt/shop/journal.jsonl") == text)
        #expect(await world.store.keys["/service/shop/initialize"] == "7301234567890123456")
        #expect(!FileManager.default.fileExists(atPath: world.root + "/var/lib/pgadopt/shop/lock"))
    }

    @Test func `Cut off at any command, a second run ends in the same state`() async throws {
        let whole = try World()
        let counter = Counter()
        try await run(plan(), whole, whole.environment(cutAt: { _ in counter.next() < 0 }))
        let commands = counter.value
        #expect(commands > 8)
        for cut in 0..<commands {
            let world = try World()
            let counter = Counter()
            await #expect(throws: (any Error).self, "cut at \(cut)") {
                try await run(plan(), world, world.environment(processID: 7, cutAt: { _ in counter.next() == cut }))
            }
            try await run(plan(), world, world.environment(processID: 8, isRunning: false))
            #expect(await world.store.keys == whole.store.keys, "cut at \(cut)")
            #expect(!FileManager.default.fileExists(atPath: world.root + "/var/lib/pgadopt/shop/lock"), "cut at \(cut)")
        }
    }

    @Test func `A second operator is told who holds the lock and since when`() async throws {
        let world = try World()
        try await run(plan().only([.lock]), world)
        var environment = world.environment()
        environment.operatorName = "bob@desk"
        environment.journal = MemoryJournal()
        let error = await #expect(throws: ExecutionError.self) { try await run(plan(), world, environment) }
        #expect(error?.code == .locked)
        #expect(
            error?.message == "ann@control is applying a plan to this cluster since 2026-11-22T16:00:00Z (process 100)")
    }

    @Test func `The lock is told before the drift that its holder makes`() async throws {
        let world = try World()
        try await run(plan().only([.lock]), world)
        var environment = world.environment()
        environment.operatorName = "bob@desk"
        environment.journal = MemoryJournal()
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].configFiles[0].digest = "changed meanwhile"
        let error = await #expect(throws: ExecutionError.self) {
            try await run(plan(), world, environment, facts: facts)
        }
        #expect(error?.code == .locked)
    }

    @Test func `The moments of a step are passed in order, and a skipped step has none`() async throws {
        let world = try World()
        let moments = Mutex<[String]>([])
        var environment = world.environment()
        environment.passing = { moment in moments.withLock { $0.append(moment.text) } }
        try await run(plan().only([.lock, .backup]), world, environment)
        #expect(
            moments.withLock { $0 } == [
                "before:h1/lock", "after:h1/lock", "before:h1/backup", "after:h1/backup",
            ])
        moments.withLock { $0 = [] }
        try await run(plan().only([.lock, .backup]), world, environment)
        #expect(!moments.withLock { $0 }.contains("before:h1/backup"))
    }

    @Test func `What was taken back does not count as made when the plan is carried out again`() async throws {
        let world = try World()
        try await run(plan(), world)
        try await release(plan(), world)
        let again = Releaser(plan: try plan(), environment: world.environment(), replicas: .remove)
        #expect(try await again.outline() == [], "a second release has nothing to do")
        await world.store.set("/service/shop/config", "{}")
        try await run(plan(), world)
        try await release(plan(), world)
        #expect(await world.store.keys == ["/service/shop/config": "{}"])
    }

    /// Steps of two hosts: h2's can do without h3's, which it awaits.
    private func pair() throws -> Plan {
        let whole = try plan()
        var plan = whole.only([.lock])
        for host in ["h3", "h2"] {
            guard case .backup(var change)? = whole.step("h1/backup")?.kind else { continue }
            change.directory = "/var/lib/pgadopt/\(host)"
            plan.steps.append(PlannedStep(
                host: host, kind: .backup(change), effect: .none, summary: "", estimate: StepEstimate(.zero), undo: "",
                prerequisites: ["h1/lock"]))
        }
        plan.steps[2].awaits = ["h3/backup"]
        return plan
    }

    @Test func `A step waits for what it awaits, until that has failed in a run before`() async throws {
        let plan = try pair()
        let world = try World()
        try await run(plan, world)
        #expect(world.take().filter { $0.hasPrefix("done") } == ["done h1/lock", "done h3/backup", "done h2/backup"])

        let other = try World()
        var environment = other.environment(processID: 7)
        environment.shells["h3"] = RootedShell("h3", root: other.root, cutAt: { _ in true })
        await #expect(throws: (any Error).self) { try await run(plan, other, environment) }
        #expect(!other.take().contains("start h2/backup"))
        // h3 now takes until h2 is done, or it would wait for ever.
        environment = other.environment(processID: 8, isRunning: false)
        environment.shells["h3"] = LateShell(RootedShell("h3", root: other.root)) {
            other.events.withLock { $0.contains("done h2/backup") }
        }
        try await run(plan, other, environment)
        #expect(other.take().filter { $0.hasPrefix("done h2") || $0.hasPrefix("done h3") }
            == ["done h2/backup", "done h3/backup"])
    }

    @Test func `A lock whose process still runs is not taken over`() async throws {
        let world = try World()
        try await run(plan().only([.lock]), world)
        let error = await #expect(throws: ExecutionError.self) {
            try await run(plan(), world, world.environment(processID: 101, isRunning: true))
        }
        #expect(error?.code == .locked)
    }

    @Test func `Drift stops it before the first effect and is named`() async throws {
        let world = try World()
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].postmasterPID = 1
        let error = await #expect(throws: ExecutionError.self) { try await run(plan(), world, facts: facts) }
        #expect(error?.code == .drift)
        #expect(error?.message.contains("h1: the server's process was 4711 and is 1") == true)
        #expect(await world.journal.text == "")
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.root) == [])
    }

    @Test func `A plan with an unwaived failure is refused`() async throws {
        let world = try World()
        var plan = try plan()
        plan.findings = [Finding(name: "wal.level", host: "h1", verdict: .fail, summary: "wal_level is minimal")]
        let error = await #expect(throws: ExecutionError.self) { try await run(plan, world) }
        #expect(error?.code == .blocked)
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.root) == [])
    }

    @Test func `A foreign cluster's initialize key stops it and is left alone`() async throws {
        let world = try World()
        await world.store.set("/service/shop/initialize", "1")
        let error = await #expect(throws: ExecutionError.self) { try await run(plan(), world) }
        #expect(error?.code == .conflict)
        #expect(await world.store.keys == ["/service/shop/initialize": "1"])
        #expect(world.take().last == "fail h1/store")
    }

    @Test func `A release of finished replicas asks what becomes of them`() async throws {
        let world = try World()
        let whole = try LegacyCluster.plan
        for step in whole.steps { try await world.begin(step, of: whole) }
        let error = await #expect(throws: ExecutionError.self) {
            _ = try await Releaser(plan: whole, environment: world.environment(), replicas: nil).outline()
        }
        #expect(error?.code == .blocked && error?.remedy.contains("--replicas keep") == true)
    }

    @Test(arguments: ReplicaFate.allCases)
    func `A release undoes the last step first and touches only what was begun`(_ fate: ReplicaFate) async throws {
        let world = try World()
        let whole = try LegacyCluster.plan
        for step in whole.steps { try await world.begin(step, of: whole) }
        let actions = try await Releaser(plan: whole, environment: world.environment(), replicas: fate).outline()
        #expect(actions.first == .pause)
        #expect(actions.last == .removeState(host: whole.primary.host))
        let undone = actions.compactMap { if case .undo(let step) = $0 { step } else { nil } }
        let order = undone.compactMap { step in whole.steps.firstIndex { $0.id == step.id } }
        #expect(order == order.sorted(by: >) && order.count == undone.count)
        let names = Set(undone.filter { $0.host != whole.primary.host }.map(\.kind.name))
        #expect(names.contains(.baseBackup) == (fate == .remove))
        #expect(names.contains(.slot) == (fate != .keep))
        let kept = Set(whole.steps.map(\.kind.name)).subtracting(undone.map(\.kind.name))
        #expect(kept.contains(.roles) == (fate == .keep), "streaming needs its role")
        let streaming = actions.filter { if case .keepStreaming = $0 { true } else { false } }
        #expect(streaming.count == (fate == .keep ? 2 : 0), "the agent's password file goes")
        #expect(whole.releaseActions(begun: [], replicas: fate) == [])
    }

    @Test func `Undo takes back what was made and nothing else`() async throws {
        let world = try World()
        await world.store.set("/service/shop/config", "{}")
        try await run(plan(), world)
        try await release(plan(), world)
        #expect(await world.store.keys == ["/service/shop/config": "{}"])
    }

    @Test func `The primary's own copies of plan and journal are enough for a release`() async throws {
        let world = try World()
        await #expect(throws: ExecutionError.self) {
            _ = try await KeptAdoption.find(LegacyCluster.spec, world.shells())
        }
        let plan = try plan()
        try await run(plan, world)
        let kept = try await KeptAdoption.find(LegacyCluster.spec, world.shells())
        // The world's shell puts its own root before the paths in the copy.
        // The three hosts of this world are one directory.
        #expect(kept.plans[0].plan.steps.map(\.id) == plan.steps.map(\.id) && kept.plans[0].host == "h1")
        var environment = world.environment()
        environment.journal = kept.plans[0].journal
        let releaser = Releaser(plan: plan, environment: environment, replicas: nil)
        #expect(try await releaser.outline().contains(.removeState(host: "h1")))
        try await releaser.run { _ in }
        #expect(await world.store.keys == [:])
        #expect(!FileManager.default.fileExists(atPath: world.root + "/var/lib/pgadopt/shop"))
    }

    @Test func `A line that was cut off in the middle of the journal is passed over, a foreign one is not`()
        async throws
    {
        let world = try World()
        try await run(plan(), world)
        let lines = await world.journal.text.split(separator: "\n", omittingEmptySubsequences: false)
        for (line, isRefused) in [(String(lines[0].dropLast(9)), false), (#"{"my":"file"}"#, true)] {
            let journal = MemoryJournal()
            await journal.append(([Substring(line)] + lines).joined(separator: "\n"))
            var environment = world.environment()
            environment.journal = journal
            let releaser = Releaser(plan: try plan(), environment: environment, replicas: nil)
            if isRefused {
                await #expect(throws: ExecutionError.self) { _ = try await releaser.outline() }
            } else {
                #expect(try await !releaser.outline().isEmpty)
            }
        }
    }

    @Test func `A journal whose last line was cut off is read up to there`() async throws {
        let world = try World()
        try await run(plan(), world)
        let whole = await world.journal.text
        let other = MemoryJournal()
        await other.append(String(whole.dropLast(30)))
        var environment = world.environment()
        environment.journal = other
        try await run(plan(), world, environment)
        #expect(world.take().contains("skip h1/store"))
    }
}

final class Counter: Sendable {
    private let count = Mutex(0)
    func next() -> Int {
        count.withLock { value in
            value += 1; return value - 1
        }
    }
    var value: Int { count.withLock { $0 } }
}

/// A host whose commands begin when something else has happened.
private struct LateShell: RemoteShell {
    let shell: RootedShell
    let isTime: @Sendable () -> Bool
    var hostName: String { shell.hostName }

    init(_ shell: RootedShell, isTime: @escaping @Sendable () -> Bool) {
        self.shell = shell
        self.isTime = isTime
    }

    func run(
        _ command: String, as account: Account, standardInput: [UInt8], deadline: Duration,
        onOutput: (@Sendable ([UInt8]) -> Void)?
    ) async throws -> CommandResult {
        for _ in 0..<1000 where !isTime() { try await Task.sleep(for: .milliseconds(10)) }
        return try await shell.run(
            command, as: account, standardInput: standardInput, deadline: deadline, onOutput: onOutput)
    }
}
