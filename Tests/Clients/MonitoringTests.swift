import AgentFixture
import EtcdFixture
import Foundation
import Glibc
import JSON
import TestHost
import Testing

/// What watches a cluster and leads clients to its leader: HAProxy, check_patroni and vip-manager.
@Suite(.timeLimit(.minutes(15)), .serialized) struct MonitoringTests {
    @Test(
        .enabled(if: ClientPrograms.hasHAProxy, "HAProxy is not installed; scripts/packages does"),
        .enabled(if: ClientPrograms.directory != nil, "\(ClientPrograms.absence)"),
        .enabled(if: ClientPrograms.vipManager != nil && geteuid() == 0, "vip-manager wants root; scripts/clients fetches it"))
    func loadBalancersAndChecksFollowASwitchover() async throws {
        let vipManager = try #require(ClientPrograms.vipManager)
        try await withAgents(["m1", "m2", "m3"]) { cluster in
            try await cluster.startAll()
            let ports = try await startHAProxy(cluster)
            try await cluster.eventually("HAProxy leads writers to m1 and readers to the others") {
                let readers = try await readers(cluster, ports[1])
                return try await server(cluster, behind: ports[0]) == name(cluster, "m1") && readers.count == 2
                    && !readers.contains(name(cluster, "m1"))
            }
            try await checks(cluster, leader: "m1")
            try await startVIPManagers(cluster, vipManager)
            try await virtualAddress(cluster, leader: "m1")

            let (status, text) = try await cluster.ask("m1", "POST", "/switchover", ["leader": "m1", "candidate": "m3"])
            #expect(status == 200, "\(text)")
            // on-marked-down shutdown-sessions: nobody keeps a connection to the former leader.
            try await cluster.eventually("HAProxy leads writers to m3") {
                try await server(cluster, behind: ports[0]) == name(cluster, "m3")
            }
            try await cluster.eventually("m3 leads, the others follow") { await cluster.isWhole(leader: "m3") }
            try await cluster.eventually("HAProxy leads readers to m1 and m2") {
                try await readers(cluster, ports[1]) == [name(cluster, "m1"), name(cluster, "m2")]
            }
            try await checks(cluster, leader: "m3")
            try await virtualAddress(cluster, leader: "m3")
        }
    }

    // MARK: HAProxy

    /// The configuration of Patroni's own template: one port for the leader, one for replicas.
    /// - Returns: the two ports.
    private func startHAProxy(_ cluster: AgentHarness) async throws -> [Int] {
        let ports = freePorts(2)
        let servers = cluster.members.map {
            "  server \($0) 127.0.0.1:\(cluster.sqlPorts[$0]!) maxconn 20 check port \(cluster.apiPorts[$0]!)"
        }.joined(separator: "\n")
        func section(_ title: String, _ port: Int, _ check: String) -> String {
            """
            listen \(title)
              bind 127.0.0.1:\(port)
              option httpchk \(check)
              http-check expect status 200
              default-server inter 300ms fall 2 rise 1 on-marked-down shutdown-sessions
            \(servers)
            """
        }
        try cluster.write(
            """
            global
              maxconn 100
            defaults
              mode tcp
              retries 2
              timeout client 30s
              timeout connect 2s
              timeout server 30s
              timeout check 2s
            \(section("leader", ports[0], "OPTIONS /primary"))
            \(section("replicas", ports[1], "OPTIONS /replica"))

            """, to: "haproxy.cfg")
        let check = try await ClientPrograms.run(
            [ClientPrograms.haproxy, "-c", "-f", "\(cluster.root)/haproxy.cfg"], in: cluster.root)
        try #require(check.code == 0, "\(check.text)")
        try cluster.start(ClientPrograms.haproxy, ["-db", "-f", "\(cluster.root)/haproxy.cfg"], log: "haproxy.log")
        return ports
    }

    /// The port of the server that answers behind a port.
    private func server(_ cluster: AgentHarness, behind port: Int) async throws -> String {
        try await cluster.sql(host: "127.0.0.1", port: port, "select inet_server_port()") ?? ""
    }

    private func name(_ cluster: AgentHarness, _ member: String) -> String { "\(cluster.sqlPorts[member]!)" }

    private func readers(_ cluster: AgentHarness, _ port: Int) async throws -> Set<String> {
        var found: Set<String> = []
        for _ in 0..<6 { found.insert(try await server(cluster, behind: port)) }
        return found
    }

    // MARK: check_patroni

    /// Exit codes as Nagios takes them: 0 is fine, 2 critical.
    private func checks(_ cluster: AgentHarness, leader: String) async throws {
        let other = try #require(cluster.members.first { $0 != leader })
        let cases: [(String, [String], Int32)] = [
            (other, ["cluster_has_leader"], 0),
            (leader, ["cluster_has_replica", "--warning", "2:", "--critical", "1:", "--max-lag", "1MB"], 0),
            (leader, ["cluster_node_count", "--critical", "3:", "--healthy-critical", "3:"], 0),
            (leader, ["cluster_node_count", "--critical", "4:"], 2),
            (leader, ["cluster_is_in_maintenance"], 0),
            (leader, ["cluster_has_scheduled_action"], 0),
            (leader, ["node_is_alive"], 0), (leader, ["node_is_leader"], 0), (leader, ["node_is_primary"], 0),
            (other, ["node_is_primary"], 2), (other, ["node_is_replica", "--max-lag", "1MB"], 0),
            (leader, ["node_is_replica"], 2), (leader, ["node_is_pending_restart"], 0),
            (leader, ["node_patroni_version", "--patroni-version", "4.1.5"], 0),
        ]
        for (member, words, code) in cases {
            let command = [
                ClientPrograms.path("check_patroni"), "-e", "http://127.0.0.1:\(cluster.apiPorts[member]!)",
                "--timeout", "30",
            ] + words
            var outcome = try await ClientPrograms.run(command, in: cluster.root)
            // Members tell their positions once a cycle: a monitor asks again before it calls anybody.
            for _ in 0..<10 where outcome.code != code {
                try await Task.sleep(for: .seconds(1))
                outcome = try await ClientPrograms.run(command, in: cluster.root)
            }
            #expect(outcome.code == code, "\(words) on \(member): \(outcome.text)")
        }
    }

    // MARK: vip-manager

    /// Of the addresses for documentation (RFC 5737): it is nobody's.
    private static let address = "192.0.2.10"

    private func interface(_ cluster: AgentHarness, _ member: String) -> String { "pgv\(cluster.sqlPorts[member]!)" }

    /// One vip-manager for each member, as on hosts of their own: the same address, each on an interface of its own.
    /// Some watch the leader's key in the store, one asks its member's API.
    private func startVIPManagers(_ cluster: AgentHarness, _ program: String) async throws {
        // The other ends of the interfaces are in a namespace that ends with this process, and they with it.
        let holder = try cluster.start(
            "/usr/bin/unshare", ["--net", "/usr/bin/tail", "-f", "\(cluster.root)/haproxy.cfg"], log: "namespace.log",
            asRoot: true)
        @Sendable func namespace(_ process: String) throws -> String {
            try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/net")
        }
        try await cluster.eventually("the namespace is there") {
            try namespace("\(holder.identity.pid)") != namespace("self")
        }
        for member in cluster.members {
            let interface = interface(cluster, member)
            let made = try await ClientPrograms.run(
                ["sh", "-ec", """
                    ip link add \(interface) type veth peer name \(interface) netns \(holder.identity.pid)
                    ip link set \(interface) up
                    """], in: cluster.root)
            try #require(made.code == 0, "\(made.text)")
            let asksAPI = member == "m3"
            try cluster.write(
                """
                ip: \(Self.address)
                netmask: 32
                interface: \(interface)
                dcs-type: \(asksAPI ? "patroni" : "etcd")
                dcs-endpoints: ["http://127.0.0.1:\(asksAPI ? cluster.apiPorts[member]! : cluster.etcd.clientPorts[0])"]
                trigger-key: \(asksAPI ? "/leader" : "/service/demo/leader")
                trigger-value: "\(asksAPI ? "200" : member)"

                """, to: "vip-\(member).yml")
            try cluster.start(program, ["--config", "\(cluster.root)/vip-\(member).yml"], log: "vip-\(member).log", asRoot: true)
        }
    }

    /// The address is on the leader's interface and on no other.
    private func virtualAddress(_ cluster: AgentHarness, leader: String) async throws {
        let wanted = interface(cluster, leader)
        try await cluster.eventually("the address is on \(leader)'s interface alone") {
            let shown = try await ClientPrograms.run(
                ["ip", "-o", "-4", "address", "show", "to", Self.address], in: cluster.root)
            let lines = shown.output.split(separator: "\n")
            return lines.count == 1 && lines[0].split(separator: " ").contains(Substring(wanted))
        }
    }
}
