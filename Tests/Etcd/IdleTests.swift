import EtcdFixture
import Glibc
import Testing

@testable import Etcd

/// Measures the whole process, so that it runs alone only: `MEASURE_IDLE=1 swift test --filter IdleTests`
@Suite(.timeLimit(.minutes(1)), .enabled(if: getenv("MEASURE_IDLE") != nil)) struct IdleTests {
    /// One watch, a read of the prefix every 4 s and a keepalive every 2 s.
    @Test func anIdleClientUsesLessThanAThirdOfAPercentOfACore() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let client = try client(etcd)
        let lease = try await client.leaseGrant(ttlSeconds: 10, timeout: .seconds(10))
        let watch = Task { for try await _ in client.watch(prefix: "/w/", fromRevision: 1) {} }
        try await client.sleep(.seconds(1))
        let before = processorSeconds()
        for round in 0..<10 {
            _ = try await client.leaseKeepAlive(id: lease.id, timeout: .seconds(2))
            if round % 2 == 0 { _ = try await client.range(prefix: "/w/", timeout: .seconds(2)) }
            try await client.sleep(.seconds(2))
        }
        let share = (processorSeconds() - before) / 20
        print("idle client: \(share * 100) % of a core")
        #expect(share < 0.003)
        watch.cancel()
        await client.close()
    }
}
