import AdoptFixtures
import Execution
import Facts
import Foundation
import Planning
import Testing

/// Plans that were made under different leaders are taken back together.
@Suite struct ReleaseOrderTests {
    private let world: World
    /// Each host has files of its own.
    private let environment: ExecutionEnvironment

    init() throws {
        world = try World()
        var environment = world.environment()
        for host in ["h1", "h2", "h3"] {
            let root = world.root + "/" + host
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            environment.shells[host] = RootedShell(host, root: root)
        }
        self.environment = environment
    }

    /// The adoption under h1, as far as it needs no server.
    private func adoption() throws -> Plan {
        var plan = try LegacyCluster.plan.only([.lock, .backup, .store, .unlock, .agent])
        plan.createdAt = "2026-11-20T10:00:00Z"
        return plan
    }

    /// Later, under h2: h3 came.
    private func joining() throws -> Plan {
        var facts = LegacyCluster.adopted
        facts.hosts[2] = LegacyCluster.facts.hosts[2]
        facts.store.keys?["members/h3"] = nil
        facts.store.keys?["leader"] = "h2"
        facts.hosts[0].servers[0].sql?.isInRecovery = true
        facts.hosts[1].servers[0].sql?.isInRecovery = false
        var planner = LegacyCluster.planner
        planner.createdAt = "2026-11-21T10:00:00Z"
        return try planner.plan(LegacyCluster.spec, facts, [])
    }

    /// As if these steps had been carried out: the journal and the plan lie on the primary.
    private func keep(_ plan: Plan, _ names: Set<StepName>) async throws {
        let digest = try JournalEntry.planName(plan)
        let lines = plan.steps.filter { names.contains($0.kind.name) }.map {
            #"{"at":"\#(plan.createdAt)","event":"done","plan":"\#(digest)","step":"\#($0.id)"}"# + "\n"
        }
        let state = world.root + "/" + plan.primary.host + "/var/lib/pgadopt/shop"
        try FileManager.default.createDirectory(atPath: state + "/plans", withIntermediateDirectories: true)
        let handle = (try? String(contentsOfFile: state + "/journal.jsonl", encoding: .utf8)) ?? ""
        try (handle + lines.joined()).write(toFile: state + "/journal.jsonl", atomically: true, encoding: .utf8)
        try Data(plan.encoded()).write(to: URL(fileURLWithPath: "\(state)/plans/\(digest).json"))
    }

    private func exists(_ host: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(world.root)/\(host)/var/lib/pgadopt/shop")
    }

    @Test func `All journals are read, and the newest plan comes first`() async throws {
        try await keep(adoption(), [.lock, .backup, .store])
        try await keep(joining(), [.lock, .backup, .slot])
        let kept = try await KeptAdoption.find(LegacyCluster.spec, environment.shells)
        try kept.refuseGaps(LegacyCluster.spec)
        #expect(kept.plans.map(\.host) == ["h1", "h2"])
        let releasers = kept.releasers(environment, replicas: .remove)
        #expect(releasers.map(\.plan.primary.host) == ["h2", "h1"])
        #expect(releasers.map(\.environment.journal.path) == [
            "h2:/var/lib/pgadopt/shop/journal.jsonl", "h1:/var/lib/pgadopt/shop/journal.jsonl",
        ])
        #expect(releasers[0].keepsState == ["h1"])
        #expect(releasers[1].laterMembers == ["h3"])
        #expect(releasers[0].plan.title == "2026-11-21T10:00:00Z, under h2: adds h3")
    }

    @Test func `Both are taken back, and their working files go only when no older plan needs them`() async throws {
        try await keep(adoption(), [.lock, .backup, .store])
        try await keep(joining(), [.lock, .backup])
        await world.store.set("/service/shop/initialize", "7301234567890123456")
        await world.store.set("/service/shop/leader", "h1")
        let releasers = try await KeptAdoption.find(LegacyCluster.spec, environment.shells)
            .releasers(environment, replicas: .remove)
        try await releasers[0].run { _ in }
        // What h1 remembers of the adoption is there; h2 had no part in it.
        #expect(exists("h1") && !exists("h2"))
        try await releasers[1].run { _ in }
        #expect(!exists("h1"))
        #expect(await world.store.keys == [:])
    }

    @Test func `With the adoption's own file, plans that came later are taken back before it`() async throws {
        let saved = try adoption()
        try await keep(saved, [.lock, .backup, .store])
        try await keep(joining(), [.lock, .backup])
        let kept = try await KeptAdoption.find(LegacyCluster.spec, environment.shells)
        let releasers = kept.releasers(environment, replicas: .remove, after: saved)
        #expect(releasers.map(\.plan.createdAt) == ["2026-11-21T10:00:00Z", "2026-11-20T10:00:00Z"])
        #expect(releasers[1].environment.journal.path == "plan.journal.jsonl")
        #expect(releasers[0].keepsState == ["h1"])
    }

    @Test func `The slots of members that came later go with the last agent`() async throws {
        let plan = try LegacyCluster.plan
        for step in plan.steps { try await world.begin(step, of: plan) }
        var releaser = Releaser(plan: plan, environment: world.environment(), replicas: .remove)
        releaser.laterMembers = ["h4"]
        let acts = try await releaser.outline()
        let drop = try #require(acts.firstIndex { if case .dropSlots("h1", _, ["h4"]) = $0 { true } else { false } })
        #expect(acts[..<drop].contains { $0.name == "h1/undo-agent" })
        releaser.replicas = .keep
        #expect(try await !releaser.outline().contains { if case .dropSlots = $0 { true } else { false } })
    }

    @Test func `A plan that adopted nothing needs no leader, and pauses nobody`() async throws {
        let plan = try joining()
        for step in plan.steps { try await world.begin(step, of: plan) }
        let releaser = Releaser(plan: plan, environment: world.environment(), replicas: .remove)
        #expect(try await releaser.neededLeader() == nil)
        #expect(try await !releaser.outline().contains(.pause))
        let whole = try LegacyCluster.plan
        for step in whole.steps { try await world.begin(step, of: whole) }
        let adoption = Releaser(plan: whole, environment: world.environment(), replicas: .remove)
        #expect(try await adoption.neededLeader() == "h1")
    }

    @Test func `A member that does not answer may keep plans too, so nothing is done`() async throws {
        try await keep(adoption(), [.lock, .backup, .store])
        var shells = environment.shells
        shells["h2"] = RootedShell("h2", root: world.root + "/h2") { _ in true }
        let kept = try await KeptAdoption.find(LegacyCluster.spec, shells)
        let error = #expect(throws: ExecutionError.self) { try kept.refuseGaps(LegacyCluster.spec) }
        #expect(error?.host == "h2" && error?.message.contains("may keep plans") == true)
        #expect(error?.remedy.contains("--gone h2") == true)
    }

    @Test func `Without the plan of the adoption it is said where that must be`() async throws {
        try await keep(joining(), [.lock, .backup])
        let kept = try await KeptAdoption.find(LegacyCluster.spec, environment.shells)
        let error = #expect(throws: ExecutionError.self) { try kept.refuseGaps(LegacyCluster.spec) }
        #expect(error?.message.contains("kept on h2 only changed shop") == true, "\(String(describing: error))")
    }

    @Test(arguments: [
        (["h1"], "h1", []), (["h1"], "h2", [LeadHandover(before: 0, from: "h2", to: "h1")]),
        // The lead goes before the later plan's rules are taken out, over which the next leader is reached.
        ([nil, "h1"], "h2", [LeadHandover(before: 0, from: "h2", to: "h1")]), ([nil, nil], "h2", []),
        (["h3", nil, "h1"], "h2", [
            LeadHandover(before: 0, from: "h2", to: "h3"), LeadHandover(before: 1, from: "h3", to: "h1"),
        ]),
    ] as [([String?], String, [LeadHandover])])
    func `The lead is handed over as seldom as can be`(_ needs: [String?], _ leader: String, _ wanted: [LeadHandover]) {
        #expect(LeadHandover.all(needs: needs, leader: leader) == wanted)
        #expect(LeadHandover.all(needs: needs, leader: nil) == [])
        let refusal = LeadHandover.refusal(wanted, "shop")
        #expect((refusal == nil) == wanted.isEmpty)
        #expect(refusal.map { $0.remedy.contains("--switch-back") } ?? true)
    }
}
