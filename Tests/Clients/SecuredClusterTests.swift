import AgentFixture
import Foundation
import Testing
import Timekeeping

/// The API behind TLS with client certificates and a password: members ask each other, patronictl commands, and a
/// renewed certificate is shown after a reload.
@Suite(.timeLimit(.minutes(10)), .serialized, .enabled(if: ClientPrograms.directory != nil, "\(ClientPrograms.absence)"))
struct SecuredClusterTests {
    @Test func membersAndPatronictlShowTheirCertificatesAndARenewedOneIsTakenUp() async throws {
        try await withAgents(["m1", "m2"]) { cluster in
            try await makeCertificates(cluster)
            for name in cluster.members { try cluster.write(configuration(cluster, name), to: "\(name).yml") }
            try await cluster.startLegacyPrimary("m1")
            for name in cluster.members { try cluster.startAgent(name) }
            try await cluster.eventually("m1 leads, m2 streams") {
                let leads = try await curl(cluster, "m1", "/primary")
                let streams = try await curl(cluster, "m2", "/replica?replication_state=streaming")
                return leads == "200" && streams == "200"
            }
            #expect(try await curl(cluster, "m1", "/primary", showing: nil) == "000", "no handshake without a certificate")
            #expect(try await cluster.view().member("m1")?.apiURL == "https://127.0.0.1:\(cluster.apiPorts["m1"]!)/patroni")

            // With the certificate and without the password, with neither, with both.
            let certificates = "cacert: \(cluster.root)/tls/ca.pem, certfile: \(cluster.root)/tls/client.pem, "
                + "keyfile: \(cluster.root)/tls/client.key"
            let unknown = try await patronictl(cluster, "{\(certificates)}", "reload", "demo", "m2", "--force")
            #expect(unknown.text.contains("401"), "\(unknown.text)")
            let bare = try await patronictl(cluster, "{cacert: \(cluster.root)/tls/ca.pem}", "reload", "demo", "m2", "--force")
            #expect(!bare.text.contains("Reload request received"), "\(bare.text)")
            let full = "{\(certificates), authentication: {username: admin, password: sesame}}"
            let moved = try await patronictl(cluster, full, "switchover", "demo", "--leader", "m1", "--candidate", "m2", "--force")
            #expect(moved.text.contains("Successfully switched over to \"m2\""), "\(moved.text)")
            try await cluster.eventually("m2 leads, m1 streams") {
                let leads = try await curl(cluster, "m2", "/primary")
                let streams = try await curl(cluster, "m1", "/replica?replication_state=streaming")
                return leads == "200" && streams == "200"
            }

            #expect(try await shown(cluster, "m1").contains("CN = first"))
            _ = try await sh(cluster, "cp tls/second.pem tls/live.pem && cp tls/second.key tls/live.key")
            #expect(try await shown(cluster, "m1").contains("CN = first"), "not before the reload")
            let reloaded = try await patronictl(cluster, full, "reload", "demo", "m1", "--force")
            #expect(reloaded.text.contains("Reload request received for member m1"), "\(reloaded.text)")
            try await cluster.eventually("m1 shows the new certificate") {
                try await shown(cluster, "m1").contains("CN = second")
            }
            #expect(try await shown(cluster, "m2").contains("CN = first"), "each member reloads by itself")
        }
    }

    // MARK: Parts

    private func sh(_ cluster: AgentHarness, _ script: String) async throws -> Outcome {
        try await ClientPrograms.run(["/bin/sh", "-c", script], in: cluster.root)
    }

    /// One authority; a client and two servers (the second is for the renewal). The agents run as another user.
    private func makeCertificates(_ cluster: AgentHarness) async throws {
        let made = try await sh(cluster, """
            set -e; mkdir tls; cd tls
            printf 'subjectAltName=IP:127.0.0.1' > san
            new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
            openssl req -x509 $new -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
            for who in client first second; do
              openssl req $new -subj /CN=$who -keyout $who.key -out $who.csr
              openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out $who.pem
            done
            cp first.pem live.pem; cp first.key live.key
            chmod 755 .; chmod 644 *
            """)
        try #require(made.code == 0, "\(made.text)")
    }

    private func configuration(_ cluster: AgentHarness, _ name: String) -> String {
        let tls = "\(cluster.root)/tls"
        let api = """
            restapi:
              certfile: \(tls)/live.pem
              keyfile: \(tls)/live.key
              cafile: \(tls)/ca.pem
              verify_client: required
              authentication: {username: admin, password: sesame}
            """
        let control = "ctl: {certfile: \(tls)/client.pem, keyfile: \(tls)/client.key, cacert: \(tls)/ca.pem}"
        return cluster.configuration(name, more: control).replacing("restapi:", with: api, maxReplacements: 1)
    }

    private func patronictl(_ cluster: AgentHarness, _ control: String, _ words: String...) async throws -> Outcome {
        try cluster.write(
            "scope: demo\netcd3: {hosts: '127.0.0.1:\(cluster.etcd.clientPorts[0])'}\nctl: \(control)\n", to: "tls-ctl.yml")
        return try await ClientPrograms.run(
            [ClientPrograms.path("patronictl"), "-c", "\(cluster.root)/tls-ctl.yml"] + words, in: cluster.root)
    }

    /// The status code; 000 when there was no answer.
    private func curl(
        _ cluster: AgentHarness, _ name: String, _ path: String, showing client: String? = "client"
    ) async throws -> String {
        let certificate = client.map { ["--cert", "\(cluster.root)/tls/\($0).pem", "--key", "\(cluster.root)/tls/\($0).key"] }
        return try await ClientPrograms.run(
            ["curl", "--silent", "--max-time", "20", "--cacert", "\(cluster.root)/tls/ca.pem", "-o", "/dev/null", "-w",
                "%{http_code}", "https://127.0.0.1:\(cluster.apiPorts[name]!)\(path)"] + (certificate ?? []),
            in: cluster.root).output
    }

    /// The subject of the certificate that a member's API shows.
    private func shown(_ cluster: AgentHarness, _ name: String) async throws -> String {
        try await sh(cluster, """
            openssl s_client -connect 127.0.0.1:\(cluster.apiPorts[name]!) -cert tls/client.pem -key tls/client.key \
              </dev/null 2>/dev/null | openssl x509 -noout -subject
            """).output
    }
}
