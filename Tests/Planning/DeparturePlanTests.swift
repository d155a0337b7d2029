import AdoptFixtures
import Facts
import Inventory
import Planning
import Testing

/// A member that the inventory does not name any more.
@Suite struct DeparturePlanTests {
    private func departure(_ unreachable: String? = nil, isGone: Bool = false) throws -> Departure {
        var departure = try #require(try Departure(of: "h3", adoptedBy: LegacyCluster.plan))
        departure.unreachable = unreachable
        departure.isGone = isGone
        return departure
    }

    private func plan(_ departure: Departure, _ facts: ClusterFacts = LegacyCluster.withoutThird.facts) throws -> Plan {
        var planner = LegacyCluster.planner
        planner.departures = [departure]
        return try planner.plan(LegacyCluster.withoutThird.spec, facts, [])
    }

    @Test func `It stops first, then the others shut it out`() throws {
        let plan = try plan(try departure())
        #expect(plan.steps.map(\.id) == [
            "h1/lock", "h3/leave", "h1/backup", "h1/hba", "h2/hba", "h1/verify", "h1/unlock",
        ])
        #expect(plan.step("h3/leave")?.prerequisites == ["h1/lock"])
        for id in ["h1/hba", "h2/hba", "h1/verify"] {
            #expect(plan.step(id)?.prerequisites.contains("h3/leave") == true, "\(id)")
        }
        guard case .hba(let change)? = plan.step("h2/hba")?.kind, case .leave(let leave)? = plan.step("h3/leave")?.kind
        else {
            Issue.record("steps are missing")
            return
        }
        #expect(change.edit.diff.contains("-host replication pgadopt_replication 10.77.0.3/32 scram-sha-256"))
        #expect(leave.dataDirectory == "/var/lib/postgresql/15/main" && leave.slot == "h3" && !leave.isGone)
        #expect(plan.leaving?.map(\.address) == ["10.77.0.3"] && plan.hosts.map(\.name) == ["h1", "h2", "h3"])
        #expect(try Plan(decoding: plan.encoded(), file: "plan.json") == plan)
    }

    @Test func `The leader does not leave`() throws {
        var facts = LegacyCluster.withoutThird.facts
        facts.store.keys?["leader"] = "h3"
        facts.hosts[0].servers[0].sql?.isInRecovery = true
        let error = #expect(throws: PlanningError.self) { try plan(try departure(), facts) }
        #expect(error?.host == "h3" && error?.message.contains("Switch over first") == true)
    }

    @Test func `One that cannot be reached leaves only by the operator's word that it is gone`() throws {
        let error = #expect(throws: PlanningError.self) { try plan(try departure("no route to host")) }
        #expect(error?.message.contains("no route to host. If it will not come back, --gone h3") == true)
        guard case .leave(let change)? = try plan(try departure("no route", isGone: true)).step("h3/leave")?.kind else {
            Issue.record("no leave step")
            return
        }
        #expect(change.isGone)
        // One that answers is stopped, whatever the operator believes.
        guard case .leave(let live)? = try plan(try departure(isGone: true)).step("h3/leave")?.kind else { return }
        #expect(!live.isGone)
    }

    @Test func `Who has left already, or was never ours, does not leave`() throws {
        let adoption = try LegacyCluster.plan
        let names = { (plans: [Plan], members: Set<String>) in
            Departure.all(from: plans, inventory: LegacyCluster.withoutThird.spec, members: members).map(\.host.name)
        }
        #expect(names([adoption], ["h1", "h2", "h3", "patroni9"]) == ["h3"])
        // Down for long: its key has gone with its lease.
        #expect(names([adoption], ["h1", "h2"]) == ["h3"])
        let left = try plan(try departure())
        #expect(names([adoption, left], ["h1", "h2"]) == [])
        // It came back to life.
        #expect(names([adoption, left], ["h1", "h2", "h3"]) == ["h3"])
    }
}
