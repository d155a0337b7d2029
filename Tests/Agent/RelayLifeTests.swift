import AgentFixture
import EtcdFixture
import Certificates
import Cluster
import Glibc
import JSON
import Kernel
import TestHost
import Testing

/// A server that listens on its own host only, with its agent's relay before it: a replica is built and streams through
/// it, and goes to the server itself when that has been restarted.
@Suite(.serialized) struct RelayLifeTests {
    private static let wallNow = Int64(time(nil))

    /// The member's file with the relay's section, and the login that the relay lets in.
    private func configuration(
        _ harness: AgentHarness, _ name: String, relay: String, parameters: String = ""
    ) -> String {
        let root = harness.root
        let section = """
              relay:
                certfile: \(root)/\(name).pem
                keyfile: \(root)/\(name).key
                cafile: \(root)/ca.pem
                \(relay)
            """
        return harness.configuration(name, postgresql: parameters, more: section)
            .replacing("replication: {username: postgres}", with: "replication: {username: repl, password: secret}")
    }

    /// Kilobytes.
    private func memory(of pid: pid_t, _ name: String) -> Int {
        let text = (try? readSmallText("/proc/\(pid)/status")) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }

    @Test func aReplicaLivesThroughTheRelayAndAfterIt() async throws {
        try await withAgents(["a", "b"]) { harness in
            let port = freePorts(1)[0]
            let authority = try CertificateAuthority.make(name: "relay", now: Self.wallNow, days: 9)
            try harness.write(authority.pair.certificatePEM, to: "ca.pem", mode: 0o600)
            for (name, usage) in [("a", CertificateAuthority.Usage.member), ("b", .client)] {
                let pair = try authority.issue(
                    name: "127.0.0.1", hosts: ["127.0.0.1"], usage, now: Self.wallNow, days: 3)
                try harness.write(pair.certificatePEM, to: "\(name).pem", mode: 0o600)
                try harness.write(pair.keyPEM, to: "\(name).key", mode: 0o600)
            }
            let rules = "local replication repl scram-sha-256\nlocal all all trust\n"
                + "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"
            try harness.write(rules, to: "hba")
            try harness.write(configuration(
                harness, "a", relay: "listen: 127.0.0.1:\(port)", parameters: "    listen_addresses: '*'"), to: "a.yml")
            try harness.write(configuration(harness, "b", relay: "members: [\"127.0.0.1:\(port)\"]"), to: "b.yml")

            try await harness.startLegacyPrimary("a")
            try await harness.sql("a", "create role repl login replication password 'secret'")
            try await harness.sql("a", "create table big as select n, repeat(md5(n::text), 40) as t "
                + "from generate_series(1, 60000) n")
            let agent = try harness.startAgent("a").identity.pid
            try await harness.eventually("a leads behind its relay") {
                let member = try await harness.view().members.first { $0.name == "a" }
                return member?.connURL == "postgres://127.0.0.1:\(port)/postgres"
                    && member?.other["pgadopt_relay"]?["connections"]?.int == 0
            }
            let before = memory(of: agent, "VmRSS")
            try harness.startAgent("b")
            try await harness.eventually("b streams through the relay") { await harness.streams("b") }
            // A base backup of 90 MB went through.
            let grown = memory(of: agent, "VmHWM") - before
            #expect(grown < 12_000, "the agent's memory grew by \(grown) kB from \(before) kB")
            let upstream = try await harness.sql("b", "show primary_conninfo")
            #expect(upstream?.contains("port=\(port)") == true && upstream?.contains("sslmode=verify-full") == true)
            #expect(try await harness.sql("a", "select client_addr is null from pg_stat_replication") == "t")
            try await harness.eventually("the relay tells what it carries, and the setting waits") {
                let member = try await harness.view().members.first { $0.name == "a" }
                return member?.other["pgadopt_relay"]?["connections"]?.int == 1
                    && member?.pendingRestartReason["listen_addresses"] != nil
            }

            _ = try await harness.ask("a", "POST", "/restart", [:])
            try await harness.eventually("b streams from the server itself") {
                let info = try await harness.sql("b", "show primary_conninfo")
                guard info?.contains("port=\(harness.sqlPorts["a"]!)") == true else { return false }
                return await harness.streams("b")
            }
            try await harness.eventually("the relay has ended") {
                let member = try await harness.view().members.first { $0.name == "a" }
                return member?.other["pgadopt_relay"] == nil
                    && harness.log("a").contains("has ended: the server listens where its replicas reach it")
            }
        }
    }
}
