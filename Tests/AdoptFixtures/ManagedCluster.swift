import Facts
import Inventory
import Planning
import PostgresModel

/// The legacy cluster with one replica and a witness, whose store pgadopt makes.
public enum ManagedCluster {
    public static func spec(
        addresses: [String] = ["10.77.0.1", "10.77.0.2", "10.77.0.3"], clientPort: Int = 2379, peerPort: Int = 2380,
        directory: String = "/home/ann/shop-store"
    ) -> ClusterSpec {
        let managed = ManagedStoreSpec(
            clientPort: clientPort, peerPort: peerPort, directory: directory, members: ["h1", "h3", "h2"])
        let host = LegacyCluster.host
        return ClusterSpec(
            name: "shop",
            hosts: [
                host("h1", .primary, addresses[0]), host("h2", .replica, addresses[1]),
                host("h3", .witness, addresses[2]),
            ],
            store: StoreSpec(
                endpoints: [0, 2, 1].map { "\(addresses[$0]):\(clientPort)" },
                tls: TLSSpec(
                    caFile: managed.authorityFile, certificateFile: managed.clientCertificateFile,
                    keyFile: managed.clientKeyFile),
                managed: managed))
    }

    /// Nothing of etcd is installed; h3 has no PostgreSQL.
    public static func facts(_ spec: ClusterSpec = spec()) -> ClusterFacts {
        var facts = LegacyCluster.facts
        facts.store = StoreFacts(endpoints: spec.store.endpoints.map { .init(endpoint: $0, error: "no certificate") })
        facts.hosts[2].installations = []
        facts.hosts[2].target = nil
        for (index, host) in spec.hosts.enumerated() {
            facts.hosts[index].network.addresses = ["\(host.address)/24"]
            facts.hosts[index].etcd = EtcdFacts(
                packageManager: "apt-get", candidate: .init(package: "etcd-server", version: "3.4.23-4+b4"),
                directory: TargetFacts(
                    path: "/var/lib/pgadopt/shop/etcd/data", content: .absent, freeSpace: ByteCount(8 << 30)))
        }
        return facts
    }

    /// The same cluster, adopted; the first of its certificates ends in so many days.
    public static func adopted(days: Int) -> ClusterFacts {
        var facts = facts()
        let adopted = LegacyCluster.adopted
        facts.hosts[0].servers = adopted.hosts[0].servers
        facts.hosts[1].servers = adopted.hosts[1].servers
        let rules = ["10.77.0.1", "10.77.0.2"].flatMap { address in
            [
                "host replication \(Layout.replicationRole) \(address)/32 scram-sha-256",
                "host postgres    \(Layout.rewindRole) \(address)/32 scram-sha-256",
            ]
        }
        for index in 0...1 {
            facts.hosts[index].servers[0].hbaText =
                HBAFile(text: LegacyCluster.hba).replacingManagedBlock(with: rules).text
        }
        facts.store = StoreFacts(
            endpoints: facts.store.endpoints.map { .init(endpoint: $0.endpoint, version: "3.4.23") })
        facts.store.keys = adopted.store.keys?.filter { $0.key != "members/h3" }
        facts.store.clientCertificateDays = 1000
        for index in 0...2 {
            facts.hosts[index].etcd?.program = "/usr/bin/etcd"
            facts.hosts[index].etcd?.version = "3.4.23"
            facts.hosts[index].etcd?.isRunning = true
            facts.hosts[index].etcd?.isSetUp = true
            facts.hosts[index].etcd?.memberCertificateDays = 1000
            if index < 2 { facts.hosts[index].etcd?.agentCertificateDays = index == 1 ? days : 1000 }
        }
        return facts
    }

    public static var plan: Plan {
        get throws { try LegacyCluster.planner.plan(spec(), facts(), LegacyCluster.findings) }
    }
}
