import Inventory
import Testing

@Suite struct ReadingTests {
    private func cluster(_ body: String) throws -> ClusterSpec {
        try #require(Inventory(reading: "clusters:\n  c:\n" + body, path: "dir/i.yaml", home: "/home/me").clusters.first)
    }

    @Test func thePrimaryComesFirstAndTheWitnessLast() throws {
        let cluster = try cluster("""
                store: {endpoints: [e:2379]}
                hosts: {w: {role: witness}, b: {role: replica}, p: {role: primary}, a: {role: replica}}
            """)
        #expect(cluster.hosts.map(\.name) == ["p", "b", "a", "w"])
    }

    @Test func aHostsOwnSSHValuesWinOverTheClusters() throws {
        let cluster = try cluster("""
                store: {endpoints: [e:2379]}
                ssh: {user: dba, port: 2200, passphrase_env: SHARED, identity_file: ~/k, sudo: never, use_agent: off}
                hosts:
                  p: {role: primary, ssh: {port: 22, passphrase_file: own, host: alias}}
                  r: {role: replica}
            """)
        #expect(cluster.hosts[0].ssh == SSHSpec(
            host: "alias", port: 22, user: "dba", identityFile: "/home/me/k", passphraseSource: .file("dir/own"),
            useAgent: false, sudo: .never))
        #expect(cluster.hosts[0].address == "alias")
        #expect(cluster.hosts[1].ssh.passphraseSource == .environment("SHARED"))
    }

    @Test(arguments: [("/service/", "service"), ("a//b", "a/b"), ("db", "db")])
    func theNamespaceIsCollapsedLikePatronis(_ written: String, _ expected: String) throws {
        let cluster = try cluster("""
                store: {endpoints: [e:2379], namespace: \(written)}
                hosts: {p: {role: primary}, r: {role: replica}}
            """)
        #expect(cluster.store.namespace == expected)
    }

    @Test func anEmptyOptionalSectionCountsAsAbsent() throws {
        let cluster = try cluster("""
                rto:
                postgres:
                replicas:
                store: {endpoints: [e:2379], tls: }
                hosts: {p: {role: primary, tags: }, r: {role: replica}}
            """)
        #expect(cluster.rto == .normal)
        #expect(cluster.store.tls == nil)
        #expect(cluster.replicas == ReplicaOptions())
    }

    @Test func errorsAreThrownTogether() {
        #expect(throws: InventoryError.self) { try Inventory(reading: "clusters: {}", path: "i.yaml") }
    }
}
