import Etcd
import EtcdFixture
import Testing

@testable import Store

@Suite(.timeLimit(.minutes(2))) struct StoreLeaderTests {
    private let second = Duration.seconds(2)

    /// A client that knows the servers by two names: those of `here` as localhost.
    private func client(_ etcd: EtcdCluster, here: (Int) -> Bool) throws -> EtcdClient {
        try EtcdClient(.init(endpoints: etcd.clientPorts.enumerated().map { number, port in
            .init(host: here(number) ? "localhost" : "127.0.0.1", port: port)
        }))
    }

    private func leader(_ client: EtcdClient) async throws -> (number: Int, id: UInt64) {
        let id = try await client.status(timeout: .seconds(5)).leader
        let member = try await client.memberList(timeout: second).members.first { $0.id == id }
        return (try #require(member.flatMap { Int($0.name.dropFirst()) }), id)
    }

    @Test func `a leader of the store on this host gives the lead to another one, and no key is lost`() async throws {
        let etcd = EtcdCluster(members: 3)
        defer { etcd.stop() }
        let plain = try client(etcd) { _ in false }
        let lease = try await plain.leaseGrant(ttlSeconds: 30, timeout: .seconds(15))
        _ = try await plain.put(key: "k", value: [1], lease: lease.id, timeout: second)
        let old = try await leader(plain)
        let client = try client(etcd) { $0 == old.number }

        let mover = StoreLeader(client: client, ownHosts: ["localhost"])
        let term = await mover.term()
        guard case .moved(to: let other) = try await mover.moveAway(timeout: second) else {
            Issue.record("the lead stayed")
            return
        }
        #expect(other.host == "127.0.0.1")
        let new = try await leader(client)
        #expect(new.id != old.id && etcd.clientPorts[new.number] == other.port)
        #expect(try await client.range(.key("k"), timeout: second).keyValues.count == 1)
        #expect(try await mover.moveAway(timeout: second) == .elsewhere, "it leads no longer")
        #expect(await mover.term() != term, "what the agent looks at")
        await client.close()
        await plain.close()
    }

    @Test func `a leader of the store on another host stays where it is`() async throws {
        let etcd = EtcdCluster(members: 3)
        defer { etcd.stop() }
        let plain = try client(etcd) { _ in false }
        _ = try await plain.put(key: "k", value: [1], timeout: .seconds(15))
        let old = try await leader(plain)
        #expect(try await StoreLeader(client: plain, ownHosts: ["localhost"]).moveAway(timeout: second) == .elsewhere)
        let client = try client(etcd) { $0 != old.number }
        #expect(try await StoreLeader(client: client, ownHosts: ["localhost"]).moveAway(timeout: second) == .elsewhere)
        #expect(try await leader(plain).id == old.id)
        await client.close()
        await plain.close()
    }
}
