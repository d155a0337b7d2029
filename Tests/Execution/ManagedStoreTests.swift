import AdoptFixtures
import Etcd
import Execution
import Facts
import Foundation
import Planning
import Testing

/// A managed store is made, renewed and taken back, with real members of etcd that speak TLS.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ManagedStoreTests {
    private func inWorld(_ body: (ManagedStoreWorld, EtcdClient) async throws -> Void) async throws {
        let world = try ManagedStoreWorld()
        defer { world.end() }
        let client = try world.client()
        do {
            try await body(world, client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    @Test func `It is made on three hosts, serves over TLS, and a release takes away exactly what was made`()
        async throws
    {
        try await inWorld { world, client in
            let before = world.files()
            let plan = try world.plan()
            try await world.apply(plan, client)
            #expect(
                Set(world.events.withLock { $0 }) == [
                    "done h1/lock", "done h1/etcd-ca", "done h1/etcd-member", "done h2/etcd-member",
                    "done h3/etcd-member", "done h1/etcd", "done h1/store", "done h1/unlock",
                ])
            #expect(try await client.memberList(timeout: .seconds(3)).members.count == 3)
            let keys = try await client.range(prefix: "/service/shop/", timeout: .seconds(3)).keyValues.map(\.keyText)
            #expect(keys == ["/service/shop/config", "/service/shop/initialize"])

            // Secrets are where they belong and nowhere else.
            let spoken = await world.journal.text + world.commands.withLock { $0.joined() }
                + String(decoding: try plan.encoded(), as: UTF8.self)
            #expect(!spoken.contains("PRIVATE KEY"))
            let key = "\(world.root)/h2/var/lib/pgadopt/shop/etcd/tls/member.key"
            let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
            #expect(mode == 0o600)

            // Who has no certificate of ours is not let in.
            let stranger = try EtcdClient(EtcdConfiguration(
                endpoints: client.configuration.endpoints,
                tls: .init(authorityFile: client.configuration.tls?.authorityFile)))
            await #expect(throws: EtcdError.self) {
                _ = try await stranger.range(prefix: "/", timeout: .seconds(1))
            }
            await stranger.close()

            world.events.withLock { $0 = [] }
            try await world.apply(plan, client)
            #expect(world.events.withLock { $0.filter { $0.hasPrefix("done") } } == [
                "done h1/lock", "done h1/etcd", "done h1/unlock",
            ])
            try await world.release(plan, client)
            #expect(world.files() == before)
            try await world.release(plan, client)
        }
    }

    @Test(arguments: [4, 12, 22, 31, 43])
    func `Cut off anywhere, a second run makes it, and a release from there leaves nothing`(_ cut: Int) async throws {
        try await inWorld { world, client in
            let before = world.files()
            let plan = try world.plan()
            world.cut.withLock { $0.at = cut }
            await #expect(throws: (any Error).self) { try await world.apply(plan, client) }
            world.cut.withLock { $0.at = nil }
            if cut.isMultiple(of: 2) {
                try await world.apply(plan, client)
                #expect(try await client.memberList(timeout: .seconds(3)).members.count == 3)
            }
            try await world.release(plan, client)
            #expect(world.files() == before)
        }
    }

    @Test func `A release that is cut off after the store is gone is continued`() async throws {
        try await inWorld { world, client in
            let before = world.files()
            let plan = try world.plan()
            try await world.apply(plan, client)
            let acts = try await Releaser(
                plan: plan, environment: world.environment(client), replicas: .remove
            ).outline().map(\.name)
            #expect(acts.prefix(2) == ["store/forget-keys", "h1/undo-etcd"])
            var environment = world.environment(client)
            environment.passing = { moment in
                guard moment.text == "before:h1/undo-etcd-ca" else { return }
                world.cut.withLock { ($0.at, $0.count) = (0, 0) }
            }
            let releaser = Releaser(plan: plan, environment: environment, replicas: .remove)
            await #expect(throws: (any Error).self) { try await releaser.run { _ in } }
            world.cut.withLock { $0.at = nil }
            try await world.release(plan, client)
            #expect(world.files() == before)
        }
    }

    @Test func `A port that somebody listens on is refused before anything is made there`() async throws {
        try await inWorld { world, client in
            let port = String(world.ports.peer, radix: 16, uppercase: true)
            try "  0: 0100007F:\(port) 00000000:0000 0A 0\n".write(
                toFile: "\(world.root)/h3/proc/net/tcp", atomically: true, encoding: .utf8)
            let error = await #expect(throws: ExecutionError.self) { try await world.apply(world.plan(), client) }
            #expect(error?.code == .conflict && error?.host == "h3")
            #expect(error?.message == "somebody listens on port \(world.ports.peer)")
            #expect(!FileManager.default.fileExists(atPath: "\(world.root)/h3/usr/bin/etcd"))
        }
    }

    @Test func `An installation that would upgrade something is refused`() async throws {
        try await inWorld { world, client in
            try "Inst libc6 [2.36-9] (2.36-10 Debian)\n".write(
                toFile: "\(world.root)/h2/also", atomically: true, encoding: .utf8)
            let error = await #expect(throws: ExecutionError.self) { try await world.apply(world.plan(), client) }
            #expect(error?.message == "installing etcd-server would upgrade or remove libc6")
            #expect(!FileManager.default.fileExists(atPath: "\(world.root)/h2/usr/bin/etcd"))
        }
    }

    @Test func `A store that holds keys of others is not taken away`() async throws {
        try await inWorld { world, client in
            let plan = try world.plan()
            try await world.apply(plan, client)
            _ = try await client.put(key: "/service/other/leader", value: [1], timeout: .seconds(3))
            let error = await #expect(throws: ExecutionError.self) { try await world.release(plan, client) }
            #expect(error?.code == .conflict && error?.message.contains("/service/other/leader") == true)
            #expect(try await client.memberList(timeout: .seconds(3)).members.count == 3)
            let left = try await client.range(prefix: "/service/other/", timeout: .seconds(3))
            #expect(left.keyValues.count == 1)
        }
    }

    @Test func `Certificates that end soon are renewed while the members run on`() async throws {
        try await inWorld { world, client in
            // Made so long ago that 30 days are left.
            let now = world.now.withLock { $0 }
            world.now.withLock { $0 -= (1095 - 30) * 86_400 }
            let plan = try world.plan()
            try await world.apply(plan, client)
            let processes = ["h1", "h2", "h3"].map(world.pid)
            let certificate = "\(world.root)/h1/var/lib/pgadopt/shop/etcd/tls/member.pem"
            let old = try String(contentsOfFile: certificate, encoding: .utf8)

            world.now.withLock { $0 = now }
            var facts = ManagedCluster.facts(world.spec)
            for index in facts.hosts.indices { facts.hosts[index].etcd?.program = "/usr/bin/etcd" }
            let renewal = try world.plan(facts)
            try await world.apply(renewal, client, facts)
            #expect(try String(contentsOfFile: certificate, encoding: .utf8) != old)
            #expect(["h1", "h2", "h3"].map(world.pid) == processes)
            let fresh = try world.client()
            #expect(try await fresh.range(prefix: "/service/shop/", timeout: .seconds(3)).keyValues.count == 2)
            await fresh.close()
        }
    }
}
