import Cluster
import Etcd
import EtcdFixture
import JSON
import PostgresModel
import Testing
import Timekeeping

@testable import Store

@Suite(.timeLimit(.minutes(1))) struct ReportWriterTests {
    private func status(_ position: UInt64) -> StatusKey { StatusKey(optime: LSN(rawValue: position)) }

    @Test func aStoreThatHangsHoldsNobodyUpAndOnlyTheNewestIsWritten() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let me = try await store(etcd, "me", retryTimeout: .seconds(20))
        let lease = try await me.client.leaseGrant(ttlSeconds: 60, timeout: .seconds(5)).id
        #expect(try await me.acquireLock(lease: lease).isDone)
        let writer = ReportWriter(store: me)
        let running = Task { await writer.run() }
        defer { running.cancel() }
        etcd.signal(.stop, member: 0)
        let start = monotonicSeconds()
        for position in UInt64(1)...100 { await writer.post(.status(status(position))) }
        #expect(monotonicSeconds() - start < 1)
        etcd.signal(.resume, member: 0)
        for await report in writer.done where report == .status(status(100)) { break }
        let (view, raw) = try await readCluster(me.client, namespace: "service", scope: "demo")
        #expect(view.status.optime == LSN(rawValue: 100))
        // The first may have been under way already; all between it and the last were forgotten.
        let key = try #require(raw["status"])
        #expect(key.modRevision - key.createRevision <= 1)
    }

    @Test func theLeadersKeysAreNotWrittenByWhoLeadsNoMore() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let old = try await store(etcd, "old")
        let new = try await store(etcd, "new")
        let lease = try await new.client.leaseGrant(ttlSeconds: 60, timeout: .seconds(5)).id
        #expect(try await new.acquireLock(lease: lease).isDone)
        #expect(try await new.writeStatus(status(5000)).isDone)
        #expect(try await !old.writeStatus(status(4000)).isDone)
        #expect(try await !old.writeFailsafe(["old": "http://old/patroni"]).isDone)
        #expect(try await !old.writeHistory([]).isDone)
        let (view, raw) = try await readCluster(new.client, namespace: "service", scope: "demo")
        #expect(view.status.optime == LSN(rawValue: 5000))
        #expect(raw["failsafe"] == nil)
    }

    @Test func aLeaseThatIsRetiredTakesItsKeysAlong() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let me = try await store(etcd, "me")
        let keeper = LeaseKeeper(client: try client(etcd), ttl: .seconds(30))
        let keeping = Task { await keeper.run() }
        defer { keeping.cancel() }
        var first: Int64?
        for await state in await keeper.states() {
            if case .held(let id, _) = state {
                first = id
                break
            }
        }
        let id = try #require(first)
        #expect(try await me.acquireLock(lease: id).isDone)
        await keeper.retire(id)
        #expect(try await readCluster(me.client, namespace: "service", scope: "demo").0.leader == nil)
        await #expect(throws: EtcdError.self) { try await me.acquireLock(lease: id) }
        for await state in await keeper.states() {
            if case .held(let other, _) = state, other != id { break }
        }
    }
}
