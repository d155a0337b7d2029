import EtcdFixture
import Testing

@testable import Etcd

@Suite(.timeLimit(.minutes(2))) struct WatchTests {
    /// Reads a watch until `count` events have come.
    private func events(_ watch: AsyncThrowingStream<WatchItem, any Error>, _ count: Int) async throws -> [WatchEvent] {
        var seen: [WatchEvent] = []
        for try await item in watch {
            if case .events(let events, _) = item { seen += events }
            if seen.count >= count { break }
        }
        return seen
    }

    @Test func changesComeInOrderFromTheRevisionAskedFor() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let client = try client(etcd)
        let first = try await client.put(key: "/w/0", value: [0], timeout: .seconds(10)).header.revision
        for index in 1..<200 { _ = try await client.put(key: "/w/\(index)", value: [], timeout: .seconds(2)) }
        _ = try await client.put(key: "/other", value: [], timeout: .seconds(2))
        _ = try await client.delete(.key("/w/0"), timeout: .seconds(2))
        let seen = try await events(client.watch(prefix: "/w/", fromRevision: first), 201)
        #expect(seen.dropLast().map(\.keyValue.keyText) == (0..<200).map { "/w/\($0)" })
        #expect(seen.last?.kind == .delete)
        await client.close()
    }

    @Test func compactedRevisionIsATypedError() async throws {
        let etcd = EtcdCluster()
        defer { etcd.stop() }
        let client = try client(etcd)
        var revision: Int64 = 0
        for _ in 0..<5 { revision = try await client.put(key: "k", value: [], timeout: .seconds(10)).header.revision }
        #expect(
            EtcdCluster.run([
                "/usr/bin/env", "ETCDCTL_API=3", "/usr/bin/etcdctl", "--endpoints",
                "127.0.0.1:\(etcd.clientPorts[0])", "compact", "\(revision)",
            ]))
        let error = await failure { _ = try await events(client.watch(prefix: "k", fromRevision: 2), 1) }
        #expect(error?.code == .compacted(revision: revision))
        await client.close()
    }

    @Test func aWatchGoesOnWithAnotherServerAndMissesNothing() async throws {
        let etcd = EtcdCluster(members: 3)
        defer { etcd.stop() }
        let watcher = try client(etcd)
        let writer = try client(etcd, order: [2, 1])
        let first = try await writer.put(key: "/w/0", value: [], timeout: .seconds(15)).header.revision
        let reading = Task { try await events(watcher.watch(prefix: "/w/", fromRevision: first), 40) }
        for index in 1..<40 {
            if index == 10 { etcd.signal(.kill, member: 0) }
            // A write that nobody confirmed may be there: writing again shows up as one more version only.
            while await failure({ _ = try await writer.put(key: "/w/\(index)", value: [], timeout: .seconds(3)) }) != nil {}
        }
        let seen = try await reading.value
        let keys = seen.filter { $0.keyValue.version == 1 }.map(\.keyValue.keyText)
        #expect(keys == (0..<keys.count).map { "/w/\($0)" })
        #expect(keys.count >= 39)
        await watcher.close()
        await writer.close()
    }

    @Test func aWatchLeavesAStoppedServer() async throws {
        let etcd = EtcdCluster(members: 3)
        defer { etcd.stop() }
        let watcher = try client(etcd)
        let writer = try client(etcd, order: [1, 2])
        let first = try await writer.put(key: "/w/0", value: [], timeout: .seconds(15)).header.revision
        var iterator = watcher.watch(prefix: "/w/", fromRevision: first).makeAsyncIterator()
        while let item = try await iterator.next() {
            if case .events = item { break }
        }
        etcd.signal(.stop, member: 0)
        let start = monotonicSeconds()
        while await failure({ _ = try await writer.put(key: "/w/1", value: [], timeout: .seconds(3)) }) != nil {}
        while let item = try await iterator.next() {
            if case .events = item { break }
        }
        #expect(monotonicSeconds() - start < 15, "pinged after 6 s, given up after 2 s more")
        await watcher.close()
        await writer.close()
    }
}
