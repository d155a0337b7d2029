import Facts
import Inventory
import PostgresModel
import Preflight
import Testing

extension Sample {
    /// A managed store that is still to come.
    mutating func manageStore() {
        spec.store.managed = ManagedStoreSpec(directory: "/tmp/shop-store", members: ["p", "a", "b"])
        for index in facts.hosts.indices {
            facts.hosts[index].etcd = EtcdFacts(
                packageManager: "apt-get", candidate: .init(package: "etcd-server", version: "3.4.23-4"),
                directory: TargetFacts(
                    path: "/var/lib/pgadopt/shop/etcd/data", content: .absent, freeSpace: ByteCount(8 << 30)))
        }
        facts.store = StoreFacts(
            endpoints: spec.store.endpoints.map { .init(endpoint: $0, error: "no certificate") })
    }

    fileprivate static func managed(
        _ change: @escaping @Sendable (inout EtcdFacts) -> Void
    ) -> @Sendable (inout Sample) -> Void {
        { sample in
            sample.manageStore()
            if var etcd = sample.facts.hosts[1].etcd {
                change(&etcd)
                sample.facts.hosts[1].etcd = etcd
            }
        }
    }
}

let brokenManagedStores: [Broken] = [
    Broken("store.package", "a", .fail, "no package of it is known", Sample.managed { $0.candidate = nil }),
    Broken("store.package", "a", .fail, "3.3.25", Sample.managed { $0.candidate?.version = "3.3.25+dfsg-6" }),
    Broken("store.package", "a", .fail, "3.2.1", Sample.managed {
        ($0.program, $0.version) = ("/usr/bin/etcd", "3.2.1")
    }),
    Broken("store.package", "a", .warn, "dnf will be asked", Sample.managed {
        ($0.packageManager, $0.candidate) = ("dnf", nil)
    }),
    Broken("store.foreign", "a", .warn, "etcd.service", Sample.managed { $0.foreign = ["etcd.service"] }),
    Broken("store.ports", "a", .fail, "taken: 2380") {
        $0.manageStore()
        $0.facts.hosts[1].listeningPorts.append(2380)
    },
    Broken("store.leftovers", "a", .fail, "holds files", Sample.managed { $0.directory?.content = .otherFiles }),
    Broken("store.disk", "a", .fail, "free", Sample.managed { $0.directory?.freeSpace = ByteCount(1 << 20) }),
    Broken("store.disk", "a", .warn, "30.0 ms a write", Sample.managed { $0.directory?.writeMilliseconds = 30 }),
    Broken("store.certificates", "a", .warn, "that of the store ends in 30 days", Sample.managed {
        $0.memberCertificateDays = 30
    }),
    Broken("store.certificates", "a", .fail, "that of the agent ended 2 days ago", Sample.managed {
        $0.agentCertificateDays = -2
    }),
    Broken("store.certificates", nil, .fail, "this machine ends in 3 days") {
        $0.manageStore()
        $0.facts.store.clientCertificateDays = 3
    },
]

@Suite struct ManagedStoreRuleTests {
    @Test func `a store that is to come is no failure, and one that agents rely on is when it is silent`() {
        var sample = Sample()
        sample.manageStore()
        for (index, peer) in ["10.0.0.2", "10.0.0.1", "10.0.0.1"].enumerated() {
            sample.facts.hosts[index].reach.append(ReachFacts(host: peer, port: 2379, outcome: .refused))
        }
        #expect(evaluate(sample.facts, sample.spec).filter { $0.verdict != .ok } == [])
        var adopted = Sample.adopted()
        let keys = adopted.facts.store
        adopted.manageStore()
        #expect(evaluate(adopted.facts, adopted.spec).contains { $0.name == "store.reach" && $0.verdict == .fail })
        adopted.facts.store = keys
        #expect(!evaluate(adopted.facts, adopted.spec).contains { $0.name == "store.reach" && $0.verdict != .ok })
    }
}
