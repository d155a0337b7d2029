import Cluster
import Etcd
import EtcdFixture
import Kernel
import Testing
import Timekeeping

@testable import Store

@Suite(.timeLimit(.minutes(1))) struct LeaseKeeperTests {
    private func held(_ keeper: LeaseKeeper, after deadline: BootInstant? = nil) async -> (Int64, BootInstant)? {
        for await state in await keeper.states() {
            if case .held(let id, let until) = state, deadline.map({ until > $0 }) ?? true { return (id, until) }
        }
        return nil
    }

    @Test func theLeaseIsRenewedAndTheDeadlineMoves() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let clock = BootClock()
        let keeper = LeaseKeeper(client: try client(etcd), ttl: .seconds(3))
        await keeper.allowRenewal(until: BootClock().now + .seconds(60))
        let running = Task { await keeper.run() }
        defer { running.cancel() }
        let (id, deadline) = try #require(await held(keeper))
        #expect(deadline <= clock.now + .seconds(3))
        let (again, later) = try #require(await held(keeper, after: deadline))
        #expect(again == id)
        #expect(later > deadline)
    }

    @Test func withoutPermissionTheLeaseExpiresAndItsKeysVanish() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let me = try await store(etcd, "me")
        let watching = try await store(etcd, "watching")
        let running = Task { await watching.run() }
        let keeper = LeaseKeeper(client: try client(etcd), ttl: .seconds(2))
        await keeper.allowRenewal(until: BootClock().now + .seconds(60))
        let keeping = Task { await keeper.run() }
        defer {
            running.cancel()
            keeping.cancel()
        }
        let (id, _) = try #require(await held(keeper))
        try await me.acquireLock(lease: id)
        try await me.touchMember(Member(name: "me", state: .running), lease: id)
        _ = await first(watching.states()) { $0.view?.leader != nil && $0.view?.members.count == 1 }
        await keeper.allowRenewal(until: BootClock().now)
        let start = monotonicSeconds()
        let after = await first(watching.states()) { $0.view?.leader == nil && $0.view?.members.isEmpty == true }
        #expect(after != nil)
        #expect(monotonicSeconds() - start < 10)
        await keeper.allowRenewal(until: BootClock().now + .seconds(60))
        for await state in await keeper.states() {
            if case .held(let other, _) = state, other != id { break }
        }
    }

    @Test func aRevokedLeaseIsReportedLostAndReplaced() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let client = try client(etcd)
        let keeper = LeaseKeeper(client: client, ttl: .seconds(3))
        await keeper.allowRenewal(until: BootClock().now + .seconds(60))
        let running = Task { await keeper.run() }
        defer { running.cancel() }
        let (id, _) = try #require(await held(keeper))
        try await client.leaseRevoke(id: id, timeout: .seconds(2))
        for await state in await keeper.states() {
            if case .held(let other, _) = state, other != id { break }
        }
    }

    @Test func aMemberThatHearsNoAnswerDoesNotKeepItsKeys() async throws {
        let etcd = EtcdCluster()
        let proxy = OneWayProxy(to: etcd.clientPorts[0])
        defer {
            proxy.stop()
            etcd.stop()
        }
        let direct = try client(etcd)
        let keeper = LeaseKeeper(
            client: try EtcdClient(.init(endpoints: [.init(host: "127.0.0.1", port: proxy.port)])), ttl: .seconds(2))
        await keeper.allowRenewal(until: BootClock().now + .seconds(60))
        let running = Task { await keeper.run() }
        defer { running.cancel() }
        let (id, _) = try #require(await held(keeper))
        proxy.keepAnswers()
        let start = monotonicSeconds()
        while try await direct.leaseTimeToLive(id: id, timeout: .seconds(2)).remaining > 0, monotonicSeconds() - start < 10 {
            try await Task.sleep(for: .milliseconds(100))
        }
        // Renewed unheard once, when a third of the ttl had passed; then not any more.
        #expect(monotonicSeconds() - start < 5)
    }

    @Test func aChangedTTLTakesANewLease() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let client = try client(etcd)
        let keeper = LeaseKeeper(client: client, ttl: .seconds(3))
        await keeper.allowRenewal(until: BootClock().now + .seconds(60))
        let running = Task { await keeper.run() }
        defer { running.cancel() }
        let (id, _) = try #require(await held(keeper))
        await keeper.setTTL(.seconds(7))
        for await state in await keeper.states() {
            if case .held(let other, _) = state, other != id {
                #expect(try await client.leaseTimeToLive(id: other, timeout: .seconds(2)).granted == 7)
                break
            }
        }
    }
}
