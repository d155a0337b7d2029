import AdoptFixtures
import Facts
import Planning
import PostgresModel
import Testing

/// Standbys that run already are taken over in place.
@Suite struct StandbyPlanTests {
    @Test func `A running standby is taken over in place, the other replica is built`() throws {
        let ids = try LegacyCluster.standbyPlan.steps.map(\.id).filter { !$0.hasPrefix("h1/") }
        #expect(ids == [
            "h2/bundle", "h3/bundle", "h2/secrets", "h3/secrets",
            "h2/slot", "h2/backup", "h2/hba", "h2/upstream", "h2/legacy-unit", "h2/agent", "h2/streaming",
            "h3/slot", "h3/base-backup", "h3/config-files", "h3/legacy-unit", "h3/agent", "h3/streaming",
        ])
    }

    @Test func `Each step waits for what it needs`() throws {
        let plan = try LegacyCluster.standbyPlan
        var done: Set<String> = []
        for step in plan.steps {
            #expect(done.isSuperset(of: step.prerequisites), "\(step.id) needs \(step.prerequisites)")
            done.insert(step.id)
        }
        #expect(plan.step("h2/slot")?.prerequisites == ["h1/agent"])
        #expect(plan.step("h2/upstream")?.prerequisites == ["h2/slot", "h2/backup", "h2/hba", "h2/secrets"])
    }

    @Test func `It keeps its directory, its port, its files and its unit`() throws {
        let plan = try LegacyCluster.standbyPlan
        guard case .upstream(let change)? = plan.step("h2/upstream")?.kind,
            case .legacyUnit(let unit)? = plan.step("h2/legacy-unit")?.kind,
            case .agent(let agent)? = plan.step("h2/agent")?.kind, case .hba(let hba)? = plan.step("h2/hba")?.kind
        else {
            Issue.record("steps are missing")
            return
        }
        #expect(change.server.port == 5433 && change.dataDirectory == "/srv/pg/shop")
        #expect(change.file.path == "/etc/postgresql/15/copy/conf.d/zz-pgadopt.conf")
        #expect(change.file.content.contains("primary_slot_name = 'h2'"))
        #expect(change.file.content.contains("host=10.77.0.1 port=5432"))
        // Limits that are higher than the primary's stay, and the WAL that it keeps does not fall.
        #expect(change.file.content.contains("max_connections = '300'"))
        #expect(change.file.content.contains("wal_keep_size = '4096MB'"))
        #expect(!change.file.content.contains("data_directory"))
        #expect(change.overridingFile == "/srv/pg/shop/postgresql.auto.conf")
        #expect(change.overridden == ["primary_conninfo", "primary_slot_name"])
        #expect(change.former?.host == "h1" && change.former?.slot == "h2_old")
        #expect(unit.unit == "postgresql@15-copy.service" && unit.scope == "pgadopt-server-shop.scope")
        #expect(unit.postmaster?.pid == 815 && unit.startConf == "/etc/postgresql/15/copy/start.conf")
        #expect(agent.postmaster?.pid == 815 && agent.role == .replica)
        #expect(agent.configuration.content.contains("data_dir: /srv/pg/shop"))
        #expect(agent.configuration.content.contains("10.77.0.2:5433"))
        #expect(hba.edit.path == "/etc/postgresql/15/copy/pg_hba.conf")
        #expect(hba.probes.map(\.host) == ["h1"] && hba.probes.map(\.port) == [5433])
    }

    @Test func `The end proves that its process is the same`() throws {
        guard case .verify(let check)? = try LegacyCluster.standbyPlan.step("h1/verify")?.kind else {
            Issue.record("no verify step")
            return
        }
        #expect(check.standbys?.mapValues(\.pid) == ["h2": 815])
    }

    @Test func `The plan survives its file`() throws {
        let plan = try LegacyCluster.standbyPlan
        #expect(try Plan(decoding: plan.encoded(), file: "plan.json") == plan)
    }

    @Test func `Its restart between plan and apply is drift, what our steps change is none`() throws {
        let plan = try LegacyCluster.standbyPlan
        var facts = LegacyCluster.withStandby
        facts.hosts[1].servers[0].configFiles[2].digest = "changed"
        let now = Fingerprints(spec: plan.spec, facts: facts)
        #expect(plan.fingerprints.drift(to: now).count == 1)
        let begun = plan.steps.filter { $0.id == "h2/upstream" }
        #expect(plan.fingerprints.drift(to: now, begun: begun) == [])
        facts.hosts[1].servers[0].postmasterPID = 999
        let later = Fingerprints(spec: plan.spec, facts: facts)
        #expect(plan.fingerprints.drift(to: later, begun: begun).contains { $0.contains("was restarted") })
    }

    @Test func `A server that the inventory does not mean is not taken over`() throws {
        var spec = LegacyCluster.spec
        spec.hosts[1].postgres.port = 6000
        let ids = try LegacyCluster.planner.plan(spec, LegacyCluster.withStandby, []).steps.map(\.id)
        #expect(ids.contains("h2/base-backup") && !ids.contains("h2/upstream"))
    }

    @Test func `A cascade is led back to the primary, and its slot is named where it is`() throws {
        var facts = LegacyCluster.withStandby
        var second = facts.hosts[1].servers[0]
        second.sql?.walReceiver?.senderHost = "10.77.0.2"
        second.sql?.walReceiver?.slot = "h3_at_h2"
        facts.hosts[2].servers = [second]
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, facts, [])
        guard case .upstream(let change)? = plan.step("h3/upstream")?.kind else {
            Issue.record("no upstream step")
            return
        }
        #expect(change.former?.host == "h2" && change.former?.server.port == 5433)
        #expect(change.primaryHost == "h1")
    }
}
