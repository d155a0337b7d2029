import Cluster
import Etcd
import EtcdFixture
import JSON
import Kernel
import PostgresModel
import Testing
import Timekeeping

@testable import Store

func client(_ etcd: EtcdCluster) throws -> EtcdClient {
    try EtcdClient(EtcdConfiguration(endpoints: etcd.clientPorts.map { .init(host: "127.0.0.1", port: $0) }))
}

func store(_ etcd: EtcdCluster, _ member: String, retryTimeout: Duration = .seconds(4)) async throws -> ClusterStore {
    let client = try client(etcd)
    _ = try await client.status(timeout: .seconds(10))
    return ClusterStore(
        client: client, namespace: "/service/", scope: "demo", member: member, loopWait: .milliseconds(500),
        retryTimeout: retryTimeout)
}

/// The first state that satisfies a condition.
func first(_ states: AsyncStream<StoreState>, where condition: (StoreState) -> Bool) async -> StoreState? {
    for await state in states where condition(state) { return state }
    return nil
}

@Suite(.timeLimit(.minutes(1))) struct StoreTests {
    @Test func slashesAreCollapsed() {
        #expect(StorePaths(namespace: "/service/", scope: "demo") == StorePaths(namespace: "service", scope: "demo"))
        #expect(StorePaths(namespace: "//a//b/", scope: "c").base == "/a/b/c/")
    }

    @Test func ofMembersThatRaceForTheLockExactlyOneWins() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        var outcomes: [WriteOutcome] = []
        var stores: [ClusterStore] = []
        for name in ["a", "b", "c", "d"] { stores.append(try await store(etcd, name)) }
        try await withThrowingTaskGroup(of: WriteOutcome.self) { group in
            for store in stores {
                group.addTask {
                    let lease = try await store.client.leaseGrant(ttlSeconds: 10, timeout: .seconds(5))
                    return try await store.acquireLock(lease: lease.id)
                }
            }
            for try await outcome in group { outcomes.append(outcome) }
        }
        #expect(outcomes.filter(\.isDone).count == 1)
        let names = Set(outcomes.compactMap { outcome -> String? in
            switch outcome {
            case .done(let view), .compareFailed(let view): view.leader?.name
            case .ambiguous: nil
            }
        })
        #expect(names.count == 1, "winner and losers see the same leader: \(names)")
    }

    @Test func theLockIsTakenReattachedAndReleasedAsPatroniDoes() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let me = try await store(etcd, "me")
        let other = try await store(etcd, "other")
        let one = try await me.client.leaseGrant(ttlSeconds: 20, timeout: .seconds(5)).id
        let two = try await me.client.leaseGrant(ttlSeconds: 20, timeout: .seconds(5)).id
        #expect(try await me.acquireLock(lease: one).isDone)
        guard case .done(let view) = try await me.reattachLock(lease: two) else {
            Issue.record("not reattached")
            return
        }
        #expect(view.leader?.lease == two)
        #expect(try await !other.reattachLock(lease: one).isDone)
        #expect(try await !other.releaseLock(finalLSN: nil).isDone)
        #expect(try await me.releaseLock(finalLSN: LSN(rawValue: 4711)).isDone)
        guard case .done(let after) = try await other.reattachLock(lease: one) else {
            Issue.record("a missing leader key is created")
            return
        }
        #expect(after.leader?.name == "other")
        #expect(after.status.optime == LSN(rawValue: 4711))
        let gone = await error { _ = try await me.acquireLock(lease: 12345) }
        #expect(gone?.code == .leaseNotFound || gone == nil)
    }

    @Test func keysAreWrittenOnTopOfWhatWasReadOnly() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let a = try await store(etcd, "a")
        let b = try await store(etcd, "b")
        #expect(try await a.writeInitialize("7710987030196724923").isDone)
        #expect(try await !b.writeInitialize("1111111111111111111").isDone)
        guard case .done(let view) = try await a.writeConfig(["ttl": 30], expecting: nil) else {
            Issue.record("config not created")
            return
        }
        let revision = view.config?.modRevision
        #expect(try await b.writeConfig(["ttl": 20], expecting: revision).isDone)
        #expect(try await !a.writeConfig(["ttl": 10], expecting: revision).isDone)
        #expect(try await a.setFailover(leader: "a", candidate: "b").isDone)
        await b.refresh()
        #expect(try await b.clearFailover().isDone)
        let (found, raw) = try await readCluster(a.client, namespace: "service", scope: "demo")
        #expect(found.initialize == "7710987030196724923")
        #expect(found.config?.value == ["ttl": 20])
        #expect(raw["failover"]?.value == Array("{}".utf8))
    }

    @Test func anUnchangedMemberKeyIsNotWrittenAgain() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let me = try await store(etcd, "me")
        let running = Task { await me.run() }
        defer { running.cancel() }
        _ = await first(me.states()) { if case .connected = $0 { true } else { false } }
        let lease = try await me.client.leaseGrant(ttlSeconds: 20, timeout: .seconds(5)).id
        let member = Member(name: "me", state: .running, role: .replica, version: "4.1.4")
        try await me.touchMember(member, lease: lease)
        let before = try await me.client.range(.key("x"), timeout: .seconds(2)).header.revision
        for _ in 0..<5 { try await me.touchMember(member, lease: lease) }
        let after = try await me.client.range(.key("x"), timeout: .seconds(2)).header.revision
        #expect(before == after)
    }

    @Test func aChangeWakesTheOthersAtOnce() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let reader = try await store(etcd, "reader")
        let writer = try await store(etcd, "writer")
        let running = Task { await reader.run() }
        defer { running.cancel() }
        _ = await first(reader.states()) { if case .connected = $0 { true } else { false } }
        let start = monotonicSeconds()
        try await writer.writeInitialize("7710987030196724923")
        _ = await first(reader.states()) { $0.view?.initialize != nil }
        #expect(monotonicSeconds() - start < 1)
    }

    @Test func silenceIsReportedAndSoIsTheReturn() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let me = try await store(etcd, "me", retryTimeout: .seconds(1))
        let running = Task { await me.run() }
        defer { running.cancel() }
        let states = await me.states()
        _ = await first(states) { if case .connected = $0 { true } else { false } }
        etcd.signal(.stop, member: 0)
        let lost = await first(me.states()) { if case .unreachable = $0 { true } else { false } }
        #expect(lost?.view != nil, "the last view is kept")
        etcd.signal(.resume, member: 0)
        #expect(await first(me.states()) { if case .connected = $0 { true } else { false } } != nil)
    }

    @Test func aWriteNobodyConfirmedIsLookedUp() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let me = try await store(etcd, "me", retryTimeout: .milliseconds(500))
        let lease = try await me.client.leaseGrant(ttlSeconds: 60, timeout: .seconds(5)).id
        await me.refresh()
        etcd.signal(.stop, member: 0)
        let outcome = try await me.acquireLock(lease: lease)
        guard case .ambiguous = outcome else {
            Issue.record("a write to a stopped store cannot be settled: \(outcome)")
            return
        }
        etcd.signal(.resume, member: 0)
        // Once the store answers, taking the lock under the same lease tells the truth, whatever became of the first try.
        var settled = WriteOutcome.ambiguous("")
        while case .ambiguous = settled { settled = try await me.reattachLock(lease: lease) }
        #expect(settled.isDone)
        let unanswered = EtcdError(.deadlineExceeded, effect: .unknown, "")
        let found = await me.settle(unanswered) { $0.view.leader?.lease == lease ? .applied : .open }
        #expect(found.isDone)
    }

    @Test func aStoreThatWentBackIsNotBelieved() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let me = try await store(etcd, "me")
        await me.refresh()
        let known = await me.known
        let older = KeyCache(revision: known.revision - 1, paths: me.paths)
        #expect(await !me.adopt(older, known: known, confirmed: BootClock().now))
        guard case .regressed = await me.state else {
            Issue.record("state is \(await me.state)")
            return
        }
        #expect(await !me.refresh(), "a read does not heal it")
        // As an event of a watch that outlived the restore does.
        await me.publishOwnWrite()
        guard case .regressed = await me.state else {
            Issue.record("an event heals it: state is \(await me.state)")
            return
        }
        await me.acceptRegression()
        guard case .connected = await me.state else {
            Issue.record("state is \(await me.state)")
            return
        }
    }

    private func error(_ body: () async throws -> Void) async -> EtcdError? {
        do { try await body() } catch { return error as? EtcdError }
        return nil
    }
}
