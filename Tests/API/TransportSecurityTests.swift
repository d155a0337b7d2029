import API
import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// TLS, client certificates, passwords and renewed certificates, with certificates made by openssl.
@Suite struct TransportSecurityTests {
    /// A directory with two authorities (`ca1`, `ca2`), servers (`s1`, `s2`) and clients (`c1`, `c2`) signed by them.
    private final class Certificates: Sendable {
        let directory: String

        init() throws {
            var template = Array("/tmp/api-tls-XXXXXX".utf8CString)
            try #require(mkdtemp(&template) != nil)
            directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let script = """
                set -e; cd \(directory)
                curve="-pkeyopt ec_paramgen_curve:prime256v1"
                printf 'subjectAltName=IP:127.0.0.1' > san
                for n in 1 2; do
                  openssl req -x509 -newkey ec $curve -nodes -days 2 -subj /CN=ca$n -keyout ca$n.key -out ca$n.pem
                  for who in s c; do
                    openssl req -newkey ec $curve -nodes -subj /CN=$who$n -keyout $who$n.key -out $who$n.csr
                    openssl x509 -req -in $who$n.csr -CA ca$n.pem -CAkey ca$n.key -CAcreateserial -days 2 \
                      -extfile san -out $who$n.pem
                  done
                done
                openssl ec -in s1.key -aes256 -passout pass:letmein -out s1.locked
                cat s1.pem s1.key > s1.both
                cp s1.pem live.pem; cp s1.key live.key
                """
            try #require(system("( \(script) ) >/dev/null 2>&1") == 0)
        }

        subscript(_ name: String) -> String { "\(directory)/\(name)" }

        func renew() { _ = system("cd \(directory) && cp s2.pem live.pem && cp s2.key live.key") }

        func server(
            _ name: String = "s1", verification: APISecurity.ClientVerification = .none
        ) -> APISecurity {
            APISecurity(tls: .init(
                certificateFile: self["\(name).pem"], keyFile: self["\(name).key"], authorityFile: self["ca1.pem"],
                clientVerification: verification))
        }

        func client(trusting authority: String = "ca1", showing name: String? = nil) throws -> APIClient {
            try APIClient(group: MultiThreadedEventLoopGroup.singleton, options: .init(tls: .init(
                verification: .full, authorityFile: self["\(authority).pem"],
                certificateFile: name.map { self["\($0).pem"] }, keyFile: name.map { self["\($0).key"] })))
        }

        deinit { _ = system("rm -rf '\(directory)'") }
    }

    private func get(_ client: APIClient, _ port: Int) async -> Int? {
        try? await client.request("GET", "https://127.0.0.1:\(port)/primary", deadline: .seconds(5)).status
    }

    private func post(_ client: APIClient, _ port: Int) async -> Int? {
        try? await client.request("POST", "https://127.0.0.1:\(port)/reload", body: "{}", deadline: .seconds(5)).status
    }

    @Test func clientsAreVerifiedAsConfigured() async throws {
        let files = try Certificates()
        let (bare, known, foreign) = (
            try files.client(), try files.client(showing: "c1"), try files.client(showing: "c2"))
        try await serving(options: .init(security: files.server())) { server, port in
            #expect(await get(bare, port) == 200)
            #expect(await post(bare, port) == 202)
            #expect(await get(try files.client(trusting: "ca2"), port) == nil)

            try server.apply(.init(security: files.server(verification: .optional)))
            #expect(await get(bare, port) == 200)
            #expect(await post(bare, port) == 403)
            #expect(await post(known, port) == 202)
            #expect(await get(foreign, port) == nil)

            try server.apply(.init(security: files.server(verification: .required)))
            #expect(await get(bare, port) == nil)
            #expect(await get(known, port) == 200)
            #expect(await post(known, port) == 202)
        }
    }

    @Test func aRenewedCertificateIsTakenUpWithoutDroppingConnections() async throws {
        let files = try Certificates()
        let options = APIServer.Options(security: APISecurity(tls: .init(
            certificateFile: files["live.pem"], keyFile: files["live.key"])))
        try await serving(options: options) { server, port in
            var settings = TLSConfiguration.makeClientConfiguration()
            settings.certificateVerification = .none
            let open = try await RawClient.connect(port: port, tls: NIOSSLContext(configuration: settings))
            try await open.send("GET /primary HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = await open.hear("HTTP/1.1 200")

            #expect(try server.apply(options) == false)
            files.renew()
            #expect(try server.apply(options))
            #expect(await get(try files.client(trusting: "ca1"), port) == nil)
            #expect(await get(try files.client(trusting: "ca2"), port) == 200)

            // What was open before goes on.
            try await open.send("GET /replica HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await open.hear("HTTP/1.1 503").contains("HTTP/1.1 503"))
            await open.close()
        }
    }

    @Test func filesThatCannotBeUsedChangeNothing() async throws {
        let files = try Certificates()
        try await serving(options: .init(security: files.server())) { server, port in
            var mixed = try #require(files.server().tls)
            mixed.keyFile = files["s2.key"]
            var absent = mixed
            absent.certificateFile = "/nowhere.pem"
            var locked = mixed
            locked.keyFile = files["s1.locked"]
            locked.keyPassword = Secret("wrong")
            for tls in [mixed, absent, locked] {
                #expect(throws: APIServerError.self) { try server.apply(.init(security: APISecurity(tls: tls))) }
            }
            #expect(await get(try files.client(), port) == 200)
            do {
                try server.apply(.init(security: APISecurity(tls: locked)))
            } catch {
                #expect(!"\(error)".contains("wrong"))
                #expect("\(error)".contains("s1.locked"))
            }
            locked.keyPassword = Secret("letmein")
            try server.apply(.init(security: APISecurity(tls: locked)))
            #expect(await get(try files.client(), port) == 200)
            try server.apply(.init(security: APISecurity(tls: .init(
                certificateFile: files["s1.both"], ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256"))))
            #expect(await get(try files.client(), port) == 200)
        }
    }

    @Test func aPasswordIsAskedForChangesOnly() async throws {
        let credentials = BasicCredentials(username: "admin", password: "s3cret")
        try await serving(options: .init(security: APISecurity(credentials: credentials))) { _, port in
            let url = "http://127.0.0.1:\(port)"
            let group = MultiThreadedEventLoopGroup.singleton
            let stranger = APIClient(group: group)
            #expect(try await stranger.request("GET", url + "/primary", deadline: .seconds(5)).status == 200)
            let change = try await stranger.request("POST", url + "/reload", body: "{}", deadline: .seconds(5))
            #expect(change.status == 401)
            let refused = try await exchange(port, "DELETE /restart HTTP/1.0\r\n\r\n")
            #expect(refused.contains("\r\nWWW-Authenticate: Basic realm=\"Patroni\"\r\n"))
            let member = try APIClient(group: group, options: .init(credentials: credentials))
            #expect(try await member.request("POST", url + "/reload", body: "{}", deadline: .seconds(5)).status == 202)
        }
    }

    @Test func changesComeFromListedAddressesOnly() async throws {
        let list = APISecurity.allowlist(["192.0.2.0/24"]).ranges
        try await serving(options: .init(security: APISecurity(allowlist: list))) { server, port in
            #expect(try await exchange(port, "POST /reload HTTP/1.0\r\n\r\n").hasPrefix("HTTP/1.0 403"))
            #expect(try await exchange(port, "GET /primary HTTP/1.0\r\n\r\n").hasPrefix("HTTP/1.0 200"))
            try server.apply(.init(security: APISecurity(allowlist: APISecurity.allowlist(["localhost"]).ranges)))
            #expect(try await exchange(port, "POST /reload HTTP/1.0\r\n\r\n").hasPrefix("HTTP/1.0 202"))
            var snapshot = primary()
            snapshot.cluster?.members[1].apiURL = "http://localhost:8008/patroni"
            server.publish(snapshot)
            try server.apply(.init(security: APISecurity(allowlistIncludesMembers: true)))
            #expect(try await exchange(port, "POST /reload HTTP/1.0\r\n\r\n").hasPrefix("HTTP/1.0 202"))
        }
    }
}
