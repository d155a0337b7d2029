import Cluster
import Timekeeping

/// The store as this member sees it. A state, not an event: a slow reader gets the newest one.
public enum StoreState: Equatable, Sendable {
    /// Nothing has been read yet.
    case unknown
    /// A complete view; at `confirmed` the store said that it is (or was, a moment before) the present one.
    case connected(ClusterView, confirmed: BootInstant)
    /// No linearizable answer since then. `last` may be outdated.
    case unreachable(since: BootInstant, last: ClusterView?, reason: String)
    /// The store went back: it was restored from an old copy, or rebuilt. What it says now may contradict what
    /// this member has already acted on, so that nothing may be decided on it until a person has looked.
    case regressed(last: ClusterView?, reason: String)

    /// The last view, however old.
    public var view: ClusterView? {
        switch self {
        case .unknown: nil
        case .connected(let view, _): view
        case .unreachable(_, let last, _), .regressed(let last, _): last
        }
    }
}

/// What became of a write.
public enum WriteOutcome: Equatable, Sendable {
    /// Carried out (or found to be there already); the view contains it.
    case done(ClusterView)
    /// The condition did not hold: somebody else was first. Nothing was written.
    case compareFailed(ClusterView)
    /// Sent, but nobody knows: no answer came, and reading the store again did not settle it. It may even be
    /// carried out later. Decide nothing on it; the watch will show it.
    case ambiguous(String)

    public var isDone: Bool { if case .done = self { true } else { false } }
}
