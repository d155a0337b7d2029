import Cluster
import PostgresModel
import Testing

@testable import Agent

@Suite struct TimelineRecordTests {
    private let first = (timeline: Timeline(1), end: LSN("0/3000000")!, reason: "no recovery target specified")
    private let second = (timeline: Timeline(2), end: LSN("0/5000000")!, reason: "no recovery target specified")

    private func written(
        _ switches: [(timeline: Timeline, end: LSN, reason: String)], _ known: [HistoryEntry]
    ) -> [HistoryEntry]? { historyEntries(switches, known: known, by: "me", now: "now") }

    @Test func aMissingEntryIsWrittenWhoeverPromoted() {
        let entries = written([first], [])
        #expect(entries == [
            HistoryEntry(
                timeline: first.timeline, lsn: first.end, reason: first.reason, timestamp: "now", newLeader: "me")
        ])
        #expect(written([first], entries ?? []) == nil, "and not again")
    }

    @Test func anEntryOfTheSameNumberFromElsewhereIsReplaced() {
        let foreign = HistoryEntry(
            timeline: Timeline(1), lsn: LSN("0/2FFFFFF")!, reason: "x", timestamp: "then", newLeader: "other")
        #expect(written([first], [foreign])?.first?.lsn == first.end)
    }

    @Test func namesAndTimesOfEarlierSwitchesAreKept() {
        let old = HistoryEntry(
            timeline: first.timeline, lsn: first.end, reason: first.reason, timestamp: "then", newLeader: "other")
        let entries = written([first, second], [old])
        #expect(entries?.map(\.newLeader) == ["other", "me"])
        #expect(entries?.map(\.timestamp) == ["then", "now"])
    }

    @Test func noMoreEntriesThanAskedForAreKept() {
        let entries = historyEntries([first, second], known: [], by: "me", now: "now", limit: 1)
        #expect(entries?.map(\.timeline) == [second.timeline])
        #expect(historyEntries([first, second], known: entries ?? [], by: "me", now: "then", limit: 1) == nil)
    }

    @Test func onTheFirstTimelineOnlyStaleContentIsCleared() {
        #expect(written([], []) == nil)
        #expect(written([], [HistoryEntry(timeline: Timeline(1), lsn: .zero, reason: "x")]) == [])
    }
}
