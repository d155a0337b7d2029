import PostgresModel
import Timekeeping

/// What the core keeps from one decision to the next. Part of the decision, so that `decide` stays pure.
public struct Memory: Equatable, Sendable {
    /// The leader last seen in the store, for "the leader changed" and for the former leader in a race.
    public var lastLeader: String?
    /// The furthest position the leader published in `status`.
    public var lastOptime: LSN?
    /// When the store was first seen without a leader; nil while there is one.
    public var leaderlessSince: BootInstant?

    public init(lastLeader: String? = nil, lastOptime: LSN? = nil, leaderlessSince: BootInstant? = nil) {
        self.lastLeader = lastLeader
        self.lastOptime = lastOptime
        self.leaderlessSince = leaderlessSince
    }
}
