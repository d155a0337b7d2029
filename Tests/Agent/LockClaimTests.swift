import Testing

@testable import Agent

@Suite struct LockClaimTests {
    @Test func whoHasPromisedDoesNotAskForTheLock() {
        var claim = LockClaim()
        let begun1 = claim.begin(.acquire, hasPromised: true)
        #expect(!begun1)
        let begun2 = claim.begin(.reattach, hasPromised: true)
        #expect(!begun2)
        #expect(claim.underWay == nil)
        let begun3 = claim.begin(.release, hasPromised: true)
        #expect(begun3, "giving it back is always allowed")
    }

    @Test func whoAsksForTheLockDoesNotPromise() {
        var claim = LockClaim()
        #expect(claim.objectionToPromise == nil)
        let begun4 = claim.begin(.acquire, hasPromised: false)
        #expect(begun4)
        #expect(claim.objectionToPromise != nil)
        claim.ended(lease: 7, isDefinite: true)
        #expect(claim.objectionToPromise == nil)
    }

    @Test func aClaimWithoutAnAnswerCountsUntilItsLeaseIsGone() {
        var claim = LockClaim()
        let begun5 = claim.begin(.acquire, hasPromised: false)
        #expect(begun5)
        claim.ended(lease: 7, isDefinite: false)
        #expect(claim.objectionToPromise != nil)
        // A later claim that is answered says nothing of the first: it may still be on its way.
        let begun6 = claim.begin(.acquire, hasPromised: false)
        #expect(begun6)
        claim.ended(lease: 8, isDefinite: true)
        #expect(claim.objectionToPromise != nil)
        claim.leaseIsGone(8)
        #expect(claim.objectionToPromise != nil)
        claim.leaseIsGone(7)
        #expect(claim.objectionToPromise == nil)
    }

    @Test func aReleaseWithoutAnAnswerForbidsNothing() {
        var claim = LockClaim()
        let begun7 = claim.begin(.release, hasPromised: false)
        #expect(begun7)
        #expect(claim.objectionToPromise == nil)
        claim.ended(lease: nil, isDefinite: false)
        #expect(claim.objectionToPromise == nil)
    }

    @Test func thereIsOneTransactionAtATime() {
        var claim = LockClaim()
        let begun8 = claim.begin(.acquire, hasPromised: false)
        #expect(begun8)
        let begun9 = claim.begin(.acquire, hasPromised: false)
        #expect(!begun9)
        let begun10 = claim.begin(.release, hasPromised: false)
        #expect(!begun10)
        claim.ended(lease: 1, isDefinite: true)
        let begun11 = claim.begin(.release, hasPromised: false)
        #expect(begun11)
    }
}
