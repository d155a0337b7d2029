import EtcdFixture
import Testing

@testable import Etcd

@Suite(.timeLimit(.minutes(1))) struct SecurityTests {
    private func shell(_ script: String) -> Bool { EtcdCluster.run(["/bin/sh", "-ec", script]) }

    @Test func logInIsRenewedWhenTheTokenExpires() async throws {
        let etcd = EtcdCluster(arguments: ["--auth-token-ttl", "1"])
        defer { etcd.stop() }
        let open = try client(etcd)
        _ = try await open.put(key: "k", value: [1], timeout: .seconds(10))
        let ctl = "ETCDCTL_API=3 etcdctl --endpoints 127.0.0.1:\(etcd.clientPorts[0])"
        #expect(shell("\(ctl) user add root:secret; \(ctl) user grant-role root root; \(ctl) auth enable"))
        let refused = await failure { _ = try await open.range(.key("k"), timeout: .seconds(2)) }
        #expect(refused?.code == .unauthenticated)
        let wrong = try client(etcd, credentials: .init(name: "root", password: "wrong"))
        let error = await failure { _ = try await wrong.range(.key("k"), timeout: .seconds(2)) }
        #expect(error?.code == .unauthenticated)
        #expect(error?.description.contains("wrong") == false)
        let root = try client(etcd, credentials: .init(name: "root", password: "secret"))
        #expect(try await root.range(.key("k"), timeout: .seconds(2)).keyValues.count == 1)
        try await root.sleep(.milliseconds(2500))  // longer than the token lives
        #expect(try await root.range(.key("k"), timeout: .seconds(2)).keyValues.count == 1)
        _ = try await root.put(key: "k", value: [2], timeout: .seconds(2))
        var watch = root.watch(prefix: "k", fromRevision: 1).makeAsyncIterator()
        while let item = try await watch.next() {
            if case .events(let events, _) = item {
                #expect(events.last?.keyValue.value == [2])
                break
            }
        }
        for client in [open, wrong, root] { await client.close() }
    }

    @Test func mutualTLSWorksAndStrangersAreRefused() async throws {
        let directory = "/tmp/etcd-tls-\(UInt64.random(in: 0...UInt64.max))"
        defer { _ = shell("rm -rf \(directory)") }
        #expect(
            shell(
                """
                mkdir -p \(directory); cd \(directory)
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                    -subj /CN=authority -keyout ca.key -out ca.pem
                for name in server client; do
                  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$name \
                      -keyout $name.key -out $name.csr
                  printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n' > ext
                  openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                      -extfile ext -out $name.pem
                done
                """))
        let etcd = EtcdCluster(arguments: [
            "--client-cert-auth", "--trusted-ca-file", "\(directory)/ca.pem",
            "--cert-file", "\(directory)/server.pem", "--key-file", "\(directory)/server.key",
        ])
        defer { etcd.stop() }
        let tls = EtcdConfiguration.TLS(
            authorityFile: "\(directory)/ca.pem", certificateFile: "\(directory)/client.pem",
            keyFile: "\(directory)/client.key")
        let good = try client(etcd, tls: tls)
        _ = try await good.put(key: "k", value: [1], timeout: .seconds(10))
        #expect(try await good.range(.key("k"), timeout: .seconds(2)).keyValues.count == 1)
        let anonymous = try client(etcd, tls: .init(authorityFile: tls.authorityFile))
        let doubting = try client(
            etcd, tls: .init(certificateFile: tls.certificateFile, keyFile: tls.keyFile))
        for stranger in [anonymous, doubting] {
            let error = await failure { _ = try await stranger.put(key: "k", value: [9], timeout: .seconds(1)) }
            #expect(error?.code == .unreachable, "\(String(describing: error))")
            #expect(error?.isAmbiguous == false)
        }
        let broken = try client(etcd, tls: .init(authorityFile: "/nonexistent"))
        let error = await failure { _ = try await broken.put(key: "k", value: [9], timeout: .seconds(1)) }
        #expect(error?.code == .configuration)
        for client in [good, anonymous, doubting, broken] { await client.close() }
    }
}
