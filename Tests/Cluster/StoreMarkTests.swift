import Cluster
import Testing

@Suite struct StoreMarkTests {
    private func view(_ revision: Int64, _ keys: [String: Int64] = [:]) -> ClusterView {
        var stored: [String: StoredValue] = [:]
        for (name, at) in keys { stored[name] = StoredValue(value: Array("h1".utf8), modRevision: at, lease: 1) }
        return ClusterView.decode(stored, revision: revision)
    }

    private let mark = StoreMark(revision: 50, keys: ["initialize": 3, "leader": 40, "sync": 45])

    @Test func `A store that went on from the mark is believed`() {
        #expect(mark.contradiction(in: view(50, ["initialize": 3, "leader": 40, "sync": 45])) == nil)
        #expect(mark.contradiction(in: view(60, ["initialize": 3, "leader": 55, "sync": 60, "history": 56])) == nil)
        #expect(mark.contradiction(in: view(60, ["initialize": 3])) == nil, "keys may have been deleted since")
    }

    @Test func `A lower revision is a store that went back`() {
        #expect(mark.contradiction(in: view(49, ["initialize": 3, "leader": 40, "sync": 45])) != nil)
    }

    @Test(arguments: [["leader": Int64(20)], ["leader": 42], ["leader": 40, "history": 7], ["sync": 44]])
    func `An older copy is known by its keys even when it has gone on past the mark`(keys: [String: Int64]) {
        #expect(mark.contradiction(in: view(900, keys.merging(["initialize": 3]) { $1 })) != nil)
    }

    @Test func `An own write that is seen before the watch has told of it does not accuse the store`() {
        // Ours at 52 is noted; somebody else's at 51 is still to come.
        let early = StoreMark(view(50, ["leader": 52, "config": 10]))
        #expect(early.contradiction(in: view(52, ["leader": 52, "config": 51])) == nil)
        #expect(early.contradiction(in: view(51, ["leader": 40, "config": 51])) != nil)
    }

    @Test func `Only what decides is worth a write, or many revisions`() {
        #expect(mark.isWorthKeeping(after: nil))
        var next = mark
        next.revision += StoreMark.revisionStep - 1
        #expect(!next.isWorthKeeping(after: mark))
        next.revision += 1
        #expect(next.isWorthKeeping(after: mark))
        next = mark
        next.keys["leader"] = 51
        #expect(next.isWorthKeeping(after: mark))
        next = mark
        next.raftTerm = 2
        #expect(next.isWorthKeeping(after: mark))
    }

    @Test func `Positions and members are no part of it`() {
        let mark = StoreMark(view(50, ["status": 49, "members/h1": 48, "leader": 7]))
        #expect(mark.keys == ["leader": 7])
    }

    @Test func `It comes back from its text as it was`() {
        let mark = StoreMark(clusterID: .max, raftTerm: 4, revision: 50, keys: ["leader": 40, "sync": 45])
        #expect(StoreMark(text: mark.text) == mark)
        #expect(StoreMark(text: mark.text + "later word\n") == mark)
        #expect(StoreMark(text: "cluster 1\nterm 2\n") == nil)
        #expect(StoreMark(text: "cluster 1\nterm 2\nrevision 3\nkey leader x\n") == nil)
        #expect(StoreMark(text: "") == nil)
    }
}
