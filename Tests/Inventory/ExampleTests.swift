import Inventory
import Testing
import YAML

@Suite struct ExampleTests {
    let text = file("../../inventory.example.yaml")

    @Test func theExampleReadsAsItSays() throws {
        let reading = Inventory.read(text, path: "/etc/pgadopt/inventory.yaml", home: "/home/me")
        #expect(reading.problems.isEmpty)
        let inventory = try #require(reading.inventory)
        #expect(inventory == Inventory(clusters: [orders, billing, stock]))
    }

    @Test func theExampleMentionsEveryKey() {
        for schema in allSchemas {
            for key in schema.keys {
                #expect(text.contains("\(key.name):"), "inventory.example.yaml does not show '\(key.name)' of \(schema.title)")
            }
        }
    }

    private var billing: ClusterSpec {
        ClusterSpec(
            name: "billing",
            hosts: [
                HostSpec(name: "billing1", role: .primary, address: "billing1", ssh: SSHSpec(host: "billing1")),
                HostSpec(name: "billing2", role: .replica, address: "billing2", ssh: SSHSpec(host: "billing2")),
            ],
            store: StoreSpec(endpoints: ["etcd.example.com:2379"]))
    }

    private var stock: ClusterSpec {
        let host = { (name: String, role: HostRole) in
            HostSpec(name: name, role: role, address: name, ssh: SSHSpec(host: name))
        }
        return ClusterSpec(
            name: "stock",
            hosts: [host("stock1", .primary), host("stock2", .replica), host("stock3", .witness)],
            store: StoreSpec(
                endpoints: ["stock1:12379", "stock3:12379", "stock2:12379"],
                tls: TLSSpec(
                    caFile: "/etc/pgadopt/stock-store/ca.pem", certificateFile: "/etc/pgadopt/stock-store/client.pem",
                    keyFile: "/etc/pgadopt/stock-store/client.key"),
                managed: ManagedStoreSpec(
                    clientPort: 12379, peerPort: 12380, directory: "/etc/pgadopt/stock-store",
                    members: ["stock1", "stock3", "stock2"])))
    }

    private func ssh(_ host: String, user: String = "dba") -> SSHSpec {
        SSHSpec(
            host: host, port: 22, user: user, identityFile: "/etc/pgadopt/keys/id_ed25519",
            passphraseSource: .file("/etc/pgadopt/secrets/key.pass"), useAgent: true,
            knownHostsFile: "/etc/pgadopt/keys/known_hosts", jump: "dba@bastion.example.com:2222", sudo: .auto)
    }

    private var orders: ClusterSpec {
        ClusterSpec(
            name: "orders", rto: .normal,
            hosts: [
                HostSpec(name: "h1", role: .primary, address: "10.0.0.1", ssh: ssh("10.0.0.1")),
                HostSpec(
                    name: "h2", role: .replica, address: "10.0.0.2", ssh: ssh("h2-admin.example.com", user: "root"),
                    postgres: PostgresSpec(dataDirectory: "/srv/pg/15/main")),
                HostSpec(
                    name: "h3", role: .replica, address: "10.0.0.3", ssh: ssh("10.0.0.3"),
                    tags: [
                        "nofailover": "false", "failover_priority": "2", "nosync": "false", "sync_priority": "1",
                        "noloadbalance": "true", "clonefrom": "true", "replicatefrom": "h2", "nostream": "false",
                        "datacenter": "west",
                    ]),
                HostSpec(name: "w1", role: .witness, address: "10.0.0.4", ssh: ssh("10.0.0.4")),
            ],
            store: StoreSpec(
                endpoints: ["10.0.0.1:2379", "10.0.0.2:2379", "10.0.0.3:2379"], namespace: "service",
                tls: TLSSpec(
                    caFile: "/etc/pgadopt/tls/ca.pem", certificateFile: "/etc/pgadopt/tls/client.pem",
                    keyFile: "/etc/pgadopt/tls/client.key"),
                username: "pgadopt", passwordSource: .file("/etc/pgadopt/secrets/etcd.pass")),
            postgres: PostgresSpec(
                port: 5432, dataDirectory: "/var/lib/postgresql/15/main", service: "postgresql@15-main.service",
                binDirectory: "/usr/lib/postgresql/15/bin", osUser: "postgres", walDirectory: "/srv/wal/15/main"),
            replicas: ReplicaOptions(
                maxRate: 100 << 20, restPort: 8008, relayPort: 8108,
                pgBackRest: BackrestSpec(
                    stanza: "orders", configFile: "/etc/pgbackrest.conf", repository: 1, processes: 4)))
    }
}

let allSchemas = [
    InventorySchema.file, InventorySchema.cluster, InventorySchema.store, InventorySchema.tls, InventorySchema.postgres,
    InventorySchema.replicas, InventorySchema.hostSSH, InventorySchema.host, InventorySchema.tags,
    InventorySchema.managedStore, InventorySchema.pgBackRest,
]
