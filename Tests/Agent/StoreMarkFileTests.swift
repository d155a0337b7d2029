import Cluster
import Etcd
import EtcdFixture
import Foundation
import Kernel
import Logging
import Testing
import Timekeeping

@testable import Agent
@testable import Store

/// A store that was restored from an older copy is recognised by the agent's successor, too.
@Suite(.timeLimit(.minutes(1))) struct StoreMarkFileTests {
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent("mark-\(UUID().uuidString)").path
    private let clock = BootClock()

    private func store(_ etcd: EtcdCluster, recalled: StoreMark? = nil) async throws -> ClusterStore {
        let client = try EtcdClient(EtcdConfiguration(
            endpoints: etcd.clientPorts.map { .init(host: "127.0.0.1", port: $0) }))
        _ = try await client.status(timeout: .seconds(10))
        return ClusterStore(
            client: client, namespace: "service", scope: "demo", member: "h1", loopWait: .milliseconds(500),
            recalled: recalled)
    }

    /// What is on disk, once it satisfies a condition.
    private func mark(where condition: (StoreMark) -> Bool) async throws -> StoreMark? {
        let end = clock.now + .seconds(10)
        while clock.now < end {
            if let mark = StoreMarkFile.read(from: path), condition(mark) { return mark }
            try await clock.sleep(until: clock.now + .milliseconds(20), tolerance: nil)
        }
        return nil
    }

    @Test func `The mark on disk follows the keys that decide`() async throws {
        let etcd = EtcdCluster()
        defer {
            etcd.stop()
            try? FileManager.default.removeItem(atPath: path)
        }
        let store = try await store(etcd)
        let file = StoreMarkFile(path, log: Logger(label: "test"))
        let running = Task { await store.run() }
        let keeping = Task { await file.keep(store) }
        defer {
            running.cancel()
            keeping.cancel()
        }
        _ = try await store.writeInitialize("7700000000000000001", replacing: 0)
        let first = try #require(await mark { $0.keys["initialize"] != nil })
        #expect(first.clusterID != 0 && first.raftTerm != 0)
        _ = try await store.writeConfig(["ttl": 12], expecting: nil)
        let second = try #require(await mark { $0.keys["config"] != nil })
        #expect(second.revision > first.revision)
        #expect(second.keys["initialize"] == first.keys["initialize"])
    }

    @Test func `An agent after a restart does not believe a store that is behind its mark`() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let before = try await store(etcd)
        await before.refresh()
        let now = try #require(await before.mark())
        var ahead = now
        ahead.revision += 5
        let after = try await store(etcd, recalled: ahead)
        #expect(await !after.refresh())
        guard case .regressed = await after.state else {
            Issue.record("a store that went back is believed: \(await after.state)")
            return
        }
        #expect(await after.mark() == nil, "what is not believed is not kept")
        let sound = try await store(etcd, recalled: now)
        #expect(await sound.refresh())
    }

    @Test func `A mark that cannot be read is none`() throws {
        #expect(StoreMarkFile.read(from: "/nonexistent/mark") == nil)
        try "revision x\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(StoreMarkFile.read(from: path) == nil)
    }
}
