import AdoptFixtures
import Facts
import Planning
import Testing

/// New agents for an adopted cluster, and members that come later.
@Suite struct UpgradePlanTests {
    private func plan(_ installed: [String: InstalledAgent]) throws -> Plan {
        try LegacyCluster.planner.upgrade(LegacyCluster.spec, LegacyCluster.adopted, installed: installed)
    }

    private let old = InstalledAgent(digest: "of before", isStale: false)
    private let new = InstalledAgent(digest: LegacyCluster.bundle.digest, isStale: false)

    @Test func `Replicas come first, one after the other, the leader last`() throws {
        let plan = try plan(["h1": old, "h2": old, "h3": old])
        #expect(plan.steps.map(\.id) == [
            "h1/lock", "h2/bundle", "h2/upgrade", "h3/bundle", "h3/upgrade", "h1/bundle", "h1/upgrade", "h1/verify",
            "h1/unlock",
        ])
        for (step, needed) in zip(plan.steps.dropFirst(), plan.steps).dropLast(1) {
            #expect(step.prerequisites == [needed.id])
        }
        guard case .verify(let check)? = plan.step("h1/verify")?.kind else { return }
        #expect(check.standbys?.keys.sorted() == ["h2", "h3"])
        #expect(try Plan(decoding: plan.encoded(), file: "plan.json") == plan)
    }

    @Test func `Members that have the programs are left out, one whose process is older is restarted`() throws {
        #expect(try plan(["h1": new, "h2": new, "h3": new]).steps.isEmpty)
        let stale = InstalledAgent(digest: LegacyCluster.bundle.digest, isStale: true)
        #expect(try plan(["h1": new, "h2": stale, "h3": new]).steps.map(\.id) == [
            "h1/lock", "h2/upgrade", "h1/verify", "h1/unlock",
        ])
    }

    @Test func `A cluster that is not whole is not upgraded`() throws {
        var facts = LegacyCluster.adopted
        facts.hosts[2].servers = []
        let error = #expect(throws: PlanningError.self) {
            try LegacyCluster.planner.upgrade(LegacyCluster.spec, facts, installed: [:])
        }
        #expect(error?.host == "h3")
    }

    @Test func `What agents report every few seconds is no drift, a new leader is`() throws {
        var facts = LegacyCluster.adopted
        let before = Fingerprints(spec: LegacyCluster.spec, facts: facts)
        facts.store.keys?["members/h2"] = #"{"state":"running","xlog_location":17}"#
        facts.store.keys?["status"] = #"{"optime":18}"#
        #expect(before.drift(to: Fingerprints(spec: LegacyCluster.spec, facts: facts)) == [])
        facts.store.keys?["leader"] = "h2"
        #expect(before.drift(to: Fingerprints(spec: LegacyCluster.spec, facts: facts)) != [])
    }

    @Test func `A member that comes later is let in by the adopted replicas too`() throws {
        var facts = LegacyCluster.adopted
        facts.hosts[1].servers[0].hbaText = facts.hosts[0].servers[0].hbaText
        facts.hosts[2] = LegacyCluster.facts.hosts[2]
        facts.store.keys?["members/h3"] = nil
        for index in 0...1 {
            // Of an adoption without h3.
            facts.hosts[index].servers[0].hbaText = LegacyCluster.hba
        }
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, facts, [])
        #expect(plan.steps.filter { $0.kind.name == .hba }.map(\.id) == ["h1/hba", "h2/hba"])
        #expect(plan.steps.contains { $0.id == "h3/base-backup" } && !plan.steps.contains { $0.id == "h2/agent" })
        #expect(!plan.adoptsPrimary, "released by itself, it would take the adoption's own rules away")
        #expect(try LegacyCluster.plan.adoptsPrimary)
    }
}
