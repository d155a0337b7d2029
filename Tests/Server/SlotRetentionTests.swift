import Testing
import Timekeeping

@testable import Server

@Suite struct SlotRetentionTests {
    private func at(_ seconds: Int64) -> BootInstant { BootInstant(nanoseconds: seconds * 1_000_000_000) }

    @Test func aMemberThatLeftKeepsItsSlotForATTL() {
        var retention = SlotRetention()
        #expect(retention.retained(present: ["a", "b"], published: [], ttl: .seconds(100), now: at(0)) == ["a", "b"])
        #expect(retention.retained(present: ["a"], published: ["a", "b"], ttl: .seconds(100), now: at(99)) == ["a", "b"])
        #expect(retention.retained(present: ["a"], published: ["a"], ttl: .seconds(100), now: at(101)) == ["a"])
    }

    @Test func aNewLeaderCountsFromItsBeginning() {
        var retention = SlotRetention()
        _ = retention.retained(present: ["a"], published: ["a", "gone"], ttl: .seconds(100), now: at(5000))
        #expect(retention.retained(present: ["a"], published: [], ttl: .seconds(100), now: at(5099)) == ["a", "gone"])
        #expect(retention.retained(present: ["a"], published: [], ttl: .zero, now: at(5099)) == [])
    }

    private let peers: [WantedSlots.Peer] = [
        .init(name: "b"), .init(name: "c", replicatesFrom: "b"), .init(name: "archive", isNoStream: true), .init(name: "a-1"),
    ]

    @Test func everyMemberThatMayLeadHasASlotForEveryOther() {
        let wanted = WantedSlots(
            .init(me: "a-1", isLeader: false, peers: peers, retained: ["gone"]), permanentPhysical: ["a_1", "backup"])
        #expect(wanted.physical == ["b", "c", "gone", "backup"])
    }

    @Test func withoutAMemoryOrTheRightToLeadOnlyThoseThatStreamFromHereHaveOne() {
        let slot = WantedSlots.Logical(name: "cdc", database: "db", plugin: "pgoutput")
        let leader = WantedSlots(
            .init(me: "a-1", isLeader: true, peers: peers, memberSlotsTTL: .zero, retained: ["gone"]),
            permanentLogical: [slot])
        #expect(leader.physical == ["b"])
        #expect(leader.logical == [slot])
        let upstream = WantedSlots(
            .init(me: "b", isLeader: false, mayLead: false, peers: peers), permanentPhysical: ["backup"],
            permanentLogical: [slot])
        #expect(upstream.physical == ["c"])
        #expect(upstream.logical == [])
    }
}
