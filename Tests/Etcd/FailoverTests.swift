import EtcdFixture
import Testing

@testable import Etcd

@Suite(.timeLimit(.minutes(2))) struct FailoverTests {
    @Test func readsGoOnWhenTheServerIsKilled() async throws {
        let etcd = EtcdCluster(members: 3)
        defer { etcd.stop() }
        let client = try client(etcd)
        _ = try await client.put(key: "k", value: [1], timeout: .seconds(15))
        etcd.signal(.kill, member: 0)
        let start = monotonicSeconds()
        #expect(try await client.range(.key("k"), timeout: .seconds(10)).keyValues.first?.value == [1])
        #expect(monotonicSeconds() - start < 6)
        #expect(await client.preferredIndex != 0)
        await client.close()
    }

    @Test func aSilentServerCostsItsShareOfTheTimeOnly() async throws {
        let etcd = EtcdCluster(members: 3)
        defer { etcd.stop() }
        let client = try client(etcd)
        _ = try await client.put(key: "k", value: [1], timeout: .seconds(15))
        // A follower, so that the cluster itself does not stop for an election.
        let leader = try await client.status(timeout: .seconds(2)).leader
        let members = try await client.memberList(timeout: .seconds(2)).members
        let follower = try #require(
            members.first { $0.id != leader }.flatMap { Int($0.name.dropFirst()) })
        let direct = try EtcdClient(
            .init(
                endpoints: [follower, (follower + 1) % 3, (follower + 2) % 3].map {
                    .init(host: "127.0.0.1", port: etcd.clientPorts[$0])
                }))
        _ = try await direct.range(.key("k"), timeout: .seconds(5))
        etcd.signal(.stop, member: follower)
        let start = monotonicSeconds()
        #expect(try await direct.range(.key("k"), timeout: .seconds(3)).keyValues.first?.value == [1])
        let first = monotonicSeconds() - start
        #expect(first >= 0.9 && first < 2.9)
        let again = monotonicSeconds()
        _ = try await direct.range(.key("k"), timeout: .seconds(3))
        #expect(monotonicSeconds() - again < 0.5, "the good server is remembered")
        await client.close()
        await direct.close()
    }

    @Test func noQuorumIsAnErrorWithinTheDeadline() async throws {
        let etcd = EtcdCluster(members: 3)
        defer { etcd.stop() }
        let client = try client(etcd)
        _ = try await client.put(key: "k", value: [1], timeout: .seconds(15))
        etcd.signal(.kill, member: 1)
        etcd.signal(.kill, member: 2)
        let start = monotonicSeconds()
        let error = await failure { _ = try await client.range(.key("k"), timeout: .seconds(2)) }
        #expect(error != nil)
        #expect(monotonicSeconds() - start < 6)
        let old = try await client.range(.key("k"), serializable: true, timeout: .seconds(3))
        #expect(old.keyValues.first?.value == [1], "a serializable read needs no quorum")
        await client.close()
    }
}
