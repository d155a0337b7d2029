import AdoptFixtures
import Facts
import Inventory
import Planning
import Testing

@Suite struct ManagedStorePlanTests {
    private func ids(_ plan: Plan) -> [String] { plan.steps.map(\.id) }

    @Test func `The store comes first, on three hosts, and what needs it waits for it`() throws {
        let plan = try ManagedCluster.plan
        #expect(
            Array(ids(plan).prefix(9)) == [
                "h1/lock", "h1/backup", "h1/etcd-ca", "h1/etcd-member", "h3/etcd-member", "h2/etcd-member",
                "h1/etcd", "h1/bundle", "h2/bundle",
            ])
        #expect(
            plan.step("h1/etcd")?.prerequisites
                == ["h1/lock", "h1/etcd-member", "h3/etcd-member", "h2/etcd-member"])
        for id in ["h1/secrets", "h2/secrets", "h1/store", "h1/agent"] {
            #expect(plan.step(id)?.prerequisites.contains("h1/etcd") == true, "\(id)")
        }
        var done: Set<String> = []
        for step in plan.steps {
            #expect(done.isSuperset(of: step.prerequisites), "\(step.id) needs \(step.prerequisites)")
            done.insert(step.id)
        }
    }

    @Test func `Each agent gets a certificate of its own, and none is part of the plan`() throws {
        let plan = try ManagedCluster.plan
        for host in ["h1", "h2"] {
            guard case .secrets(let change)? = plan.step("\(host)/secrets")?.kind else {
                Issue.record("no secrets for \(host)")
                continue
            }
            #expect(change.shipped.map(\.source).contains(.file("/home/ann/shop-store/agent-\(host).key")))
        }
        #expect(!String(decoding: try plan.encoded(), as: UTF8.self).contains("PRIVATE KEY"))
        #expect(try Plan(decoding: plan.encoded(), file: "plan.json") == plan)
    }

    @Test func `A member's certificate is valid for every address its connections may come from`() throws {
        var facts = ManagedCluster.facts()
        facts.hosts[2].network.addresses = ["10.77.0.3/24", "192.168.5.3/16", "fe80::1/64", "fd00::3/64"]
        let plan = try LegacyCluster.planner.plan(ManagedCluster.spec(), facts, [])
        guard case .storeMember(let change)? = plan.step("h3/etcd-member")?.kind else {
            Issue.record("no member on h3")
            return
        }
        #expect(change.names == ["10.77.0.3", "192.168.5.3", "fd00::3", "localhost", "127.0.0.1", "::1"])
        #expect(change.configuration.content.contains("listen-client-urls: https://10.77.0.3:2379\n"))
    }

    @Test func `Where the address is not the host's own it listens on all`() throws {
        var facts = ManagedCluster.facts()
        facts.hosts[2].network.addresses = ["192.168.5.3/16"]
        let plan = try LegacyCluster.planner.plan(ManagedCluster.spec(), facts, [])
        guard case .storeMember(let change)? = plan.step("h3/etcd-member")?.kind else { return }
        #expect(change.configuration.content.contains("listen-client-urls: https://0.0.0.0:2379\n"))
        #expect(change.configuration.content.contains("advertise-client-urls: https://10.77.0.3:2379\n"))
    }

    @Test func `What is begun of the store is no drift`() throws {
        let plan = try ManagedCluster.plan
        var facts = ManagedCluster.facts()
        facts.store.keys = [:]
        let now = Fingerprints(spec: plan.spec, facts: facts)
        #expect(!plan.fingerprints.drift(to: now).isEmpty)
        #expect(plan.fingerprints.drift(to: now, begun: plan.steps.filter { $0.id == "h1/etcd-ca" }).isEmpty)
    }

    @Test func `A store that runs, with certificates that are good for long, is nothing to do`() throws {
        let plan = try LegacyCluster.planner.plan(ManagedCluster.spec(), ManagedCluster.adopted(days: 91), [])
        #expect(ids(plan) == [])
    }

    @Test func `A certificate that ends soon is renewed, and nothing else is done`() throws {
        let plan = try LegacyCluster.planner.plan(ManagedCluster.spec(), ManagedCluster.adopted(days: 89), [])
        #expect(
            ids(plan) == [
                "h1/lock", "h1/backup", "h1/etcd-ca", "h1/etcd-member", "h3/etcd-member", "h2/etcd-member",
                "h1/etcd-client", "h2/etcd-client", "h1/etcd", "h1/verify", "h1/unlock",
            ])
        guard case .storeMember(let change)? = plan.step("h1/etcd-member")?.kind else { return }
        #expect(change.package == nil)
    }

    @Test func `A store that is silent under agents that run is repaired, and nothing is adopted anew`() throws {
        var facts = ManagedCluster.adopted(days: -1)
        facts.store = ManagedCluster.facts().store
        let plan = try LegacyCluster.planner.plan(ManagedCluster.spec(), facts, [])
        #expect(
            ids(plan) == [
                "h1/lock", "h1/etcd-ca", "h1/etcd-member", "h3/etcd-member", "h2/etcd-member",
                "h1/etcd-client", "h2/etcd-client", "h1/etcd", "h1/unlock",
            ])
        #expect(plan.remedied == ["store.reach", "store.certificates"])
        #expect(plan.deferred.isEmpty)
    }

    @Test func `A witness that comes later does not move the members of a store that runs`() {
        var spec = ManagedCluster.spec()
        spec.store.managed?.members = ["h1", "h2", "h4"]
        let error = #expect(throws: PlanningError.self) {
            try LegacyCluster.planner.plan(spec, ManagedCluster.adopted(days: 1000), [])
        }
        #expect(error?.host == "h3")
        #expect(error?.message.contains("its members are h1, h2, h4") == true)
    }

    @Test func `A host without etcd and without a package of it is named`() throws {
        var facts = ManagedCluster.facts()
        facts.hosts[2].etcd?.candidate = nil
        let error = #expect(throws: PlanningError.self) {
            try LegacyCluster.planner.plan(ManagedCluster.spec(), facts, [])
        }
        #expect(error?.host == "h3")
    }

    @Test func `A playbook without the step is refused only where the inventory asks for a managed store`() throws {
        let text = """
            cluster: [lock, backup, bundle, secrets, roles, hba, settings, store, legacy-unit, agent]
            replica: [slot, base-backup, config-files, legacy-unit, agent, streaming]
            finish: [verify, unlock]
            """
        var planner = LegacyCluster.planner
        planner.playbook = try Playbook.parse(text, file: "my.yaml")
        #expect(try planner.plan(LegacyCluster.spec, LegacyCluster.facts, []).steps.count > 20)
        let error = #expect(throws: PlanningError.self) {
            try planner.plan(ManagedCluster.spec(), ManagedCluster.facts(), [])
        }
        #expect(error?.message.contains("'etcd'") == true)
    }

    @Test func `The store cannot come after what needs it`() {
        let text = "cluster: [lock, backup, bundle, secrets, etcd]\nreplica: []\nfinish: []"
        let error = #expect(throws: PlaybookError.self) { try Playbook.parse(text, file: "my.yaml") }
        let text2 = error.map { $0.description } ?? "accepted"
        #expect(text2.hasPrefix("my.yaml:1:42: the step 'etcd' must come before 'secrets'"), "\(text2)")
    }
}
