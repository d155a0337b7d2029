import HACore
import JSON
import PostgresModel
import Testing

@testable import Agent

@Suite struct PeerPollingTests {
    @Test func aPrimaryIsKnownByItsLocation() {
        let answer = PeerPolling.answer(from: ["role": "primary", "xlog": ["location": 500], "timeline": 3])
        #expect(answer == .init(isPrimary: true, lsn: LSN(rawValue: 500), timeline: Timeline(3)))
    }

    @Test func aStandbyCountsTheFurtherOfReceivedAndReplayed() {
        let status: JSON = ["role": "replica", "xlog": ["received_location": 300, "replayed_location": 400]]
        #expect(PeerPolling.answer(from: status) == .init(isPrimary: false, lsn: LSN(rawValue: 400), timeline: nil))
    }

    @Test(arguments: [
        ["role": "replica"], ["xlog": [:]], ["xlog": ["received_location": -1]], ["xlog": "x"], [], "text", nil,
    ] as [JSON])
    func aMemberThatDoesNotSayWhereItsLogStandsIsNoCandidate(_ status: JSON) {
        #expect(PeerPolling.answer(from: status) == nil)
    }

    @Test func tagsDecideWhoMayLead() {
        #expect(leadershipTags([:]) == (true, 1))
        #expect(leadershipTags(["nofailover": true]) == (false, 0))
        #expect(leadershipTags(["failover_priority": 0]) == (false, 0))
        #expect(leadershipTags(["failover_priority": 5]) == (true, 5))
        #expect(leadershipTags(["nofailover": false, "failover_priority": 0]) == (true, 1))
    }
}
