import EtcdFixture
import NIOCore
import Testing

@testable import Etcd

func client(
    _ cluster: EtcdCluster, tls: EtcdConfiguration.TLS? = nil, credentials: EtcdConfiguration.Credentials? = nil,
    order: [Int]? = nil
) throws -> EtcdClient {
    let ports = order.map { $0.map { cluster.clientPorts[$0] } } ?? cluster.clientPorts
    return try EtcdClient(
        EtcdConfiguration(
            endpoints: ports.map { .init(host: "127.0.0.1", port: $0) }, tls: tls, credentials: credentials))
}

/// The first error a body throws, as this module's error.
func failure(_ body: () async throws -> Void) async -> EtcdError? {
    do { try await body() } catch { return error as? EtcdError }
    return nil
}

@Suite(.timeLimit(.minutes(2))) struct ServerTests {
    @Test func keysTransactionsAndLeases() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let client = try client(etcd)
        let first = try await client.put(key: "/t/a", value: Array("1".utf8), timeout: .seconds(10))
        let range = try await client.range(prefix: "/t/", timeout: .seconds(2))
        #expect(range.keyValues.map(\.keyText) == ["/t/a"])
        #expect(range.keyValues.first?.modRevision == first.header.revision)

        let taken = try await client.txn(
            compares: [.absent("/t/a")], success: [.put(key: "/t/a", value: [])],
            failure: [
                .transaction(
                    Transaction(
                        compares: [Compare("/t/a", .value(Array("1".utf8)))],
                        success: [.put(key: "/t/b", value: Array("2".utf8)), .range(.prefix("/t/"))]))
            ], timeout: .seconds(2))
        #expect(!taken.succeeded)
        guard case .transaction(let inner)? = taken.results.first, case .range(let both)? = inner.results.last else {
            Issue.record("no nested result in \(taken)")
            return
        }
        #expect(inner.succeeded)
        #expect(both.keyValues.count == 2)
        #expect(try await client.delete(.prefix("/t/"), timeout: .seconds(2)).deleted == 2)

        let lease = try await client.leaseGrant(ttlSeconds: 5, timeout: .seconds(2))
        _ = try await client.put(key: "/t/l", value: [1], lease: lease.id, timeout: .seconds(2))
        #expect(try await client.leaseKeepAlive(id: lease.id, timeout: .seconds(2)) == .renewed(ttl: lease.ttl))
        #expect(try await client.leaseTimeToLive(id: lease.id, timeout: .seconds(2)).granted == lease.ttl)
        try await client.leaseRevoke(id: lease.id, timeout: .seconds(2))
        try await client.leaseRevoke(id: lease.id, timeout: .seconds(2))
        #expect(try await client.leaseKeepAlive(id: lease.id, timeout: .seconds(2)) == .lost)
        #expect(try await client.range(.key("/t/l"), timeout: .seconds(2)).keyValues.isEmpty)
        let error = await failure {
            _ = try await client.put(key: "/t/x", value: [], lease: 4711, timeout: .seconds(2))
        }
        #expect(error?.code == .leaseNotFound)
        #expect(error?.isAmbiguous == false)

        #expect(try await client.memberList(timeout: .seconds(2)).members.map(\.name) == ["m0"])
        #expect(try await client.status(timeout: .seconds(2)).version.hasPrefix("3."))
        await client.close()
    }

    @Test func largeValuesPassInBothDirections() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let client = try client(etcd)
        let big = (0..<900_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        _ = try await client.put(key: "big", value: big, timeout: .seconds(10))
        #expect(try await client.range(.key("big"), timeout: .seconds(10)).keyValues.first?.value == big)
        await client.close()
    }

    @Test func aThousandCallsInARowStayOnOneConnection() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let client = try client(etcd)
        _ = try await client.status(timeout: .seconds(10))
        let connection = try await client.connection(to: 0, until: .now() + .seconds(1))
        for index in 0..<1000 {
            _ = try await client.put(key: "k", value: Array("\(index)".utf8), timeout: .seconds(5))
        }
        #expect(connection.isActive)
        await client.close()
    }

    @Test func refusedServerIsCertainNotToHaveWritten() async throws {
        let client = try EtcdClient(.init(endpoints: [.init(host: "127.0.0.1", port: 1)]))
        let start = monotonicSeconds()
        let error = await failure { _ = try await client.put(key: "k", value: [], timeout: .milliseconds(400)) }
        #expect(error?.code == .unreachable)
        #expect(error?.effect == EtcdError.Effect.none)
        #expect(monotonicSeconds() - start < 5)
    }

    @Test func stoppedServerMakesAWriteAmbiguousAndANewConnectionUnreachable() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let client = try client(etcd)
        _ = try await client.status(timeout: .seconds(10))
        etcd.signal(.stop, member: 0)
        let start = monotonicSeconds()
        let error = await failure { _ = try await client.put(key: "k", value: [7], timeout: .milliseconds(500)) }
        #expect(monotonicSeconds() - start < 5)
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.isAmbiguous == true)
        let fresh = try EtcdClient(client.configuration)
        let second = await failure { _ = try await fresh.put(key: "k", value: [8], timeout: .milliseconds(500)) }
        #expect(second?.isAmbiguous == false, "the request was never sent: \(String(describing: second))")
        etcd.signal(.resume, member: 0)
        let found = try await client.range(.key("k"), timeout: .seconds(5)).keyValues.first?.value
        #expect(found == nil || found == [7], "the first write may have happened, the second cannot")
        await client.close()
        await fresh.close()
    }

    @Test func cancellingTheTaskEndsTheCall() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let client = try client(etcd)
        _ = try await client.status(timeout: .seconds(10))
        etcd.signal(.stop, member: 0)
        let start = monotonicSeconds()
        let task = Task { await failure { _ = try await client.range(prefix: "/", timeout: .seconds(30)) } }
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        #expect(monotonicSeconds() - start < 5)
        await client.close()
    }
}
