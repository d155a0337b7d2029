import Store

/// What is known of this member's own transactions on the leader key.
///
/// A promise to follow a leader that has lost the store (failsafe) and an own claim to the lock exclude each other:
/// who has promised does not ask for the lock, and who has asked without a definite answer does not promise. A claim
/// without an answer may still be carried out for as long as its lease lives, so it counts until that is gone.
struct LockClaim: Equatable, Sendable {
    enum Transaction: String, Equatable, Sendable {
        case acquire, reattach, release

        /// May it put our name on the leader key?
        var isClaim: Bool { self != .release }
    }

    /// The one under way; there is never a second one beside it.
    private(set) var underWay: Transaction?
    /// Leases of claims that nobody has answered.
    private(set) var unanswered: Set<Int64> = []

    /// Whether the transaction may begin now; it then counts as under way.
    /// - Parameter hasPromised: a failsafe promise to another leader is in force.
    mutating func begin(_ transaction: Transaction, hasPromised: Bool) -> Bool {
        guard underWay == nil, !(transaction.isClaim && hasPromised) else { return false }
        underWay = transaction
        return true
    }

    /// - Parameter isDefinite: the store has said what became of it, or it was certainly not sent.
    mutating func ended(lease: Int64?, isDefinite: Bool) {
        defer { underWay = nil }
        guard underWay?.isClaim == true, !isDefinite, let lease else { return }
        unanswered.insert(lease)
    }

    /// The store has confirmed that the lease is no more: nothing can be put under it any longer.
    mutating func leaseIsGone(_ lease: Int64) { unanswered.remove(lease) }

    /// Nil: a promise may be given. Otherwise why not.
    var objectionToPromise: String? {
        if underWay?.isClaim == true { return "a claim to the lock is under way" }
        return unanswered.isEmpty ? nil : "a claim to the lock has not been answered yet"
    }
}
