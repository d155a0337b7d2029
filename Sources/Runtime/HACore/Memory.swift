import PostgresModel
import Timekeeping

/// What the core keeps from one decision to the next. Part of the decision, so that `decide` stays pure.
/// An agent that restarts begins with an empty memory; nothing that protects data rests on it alone.
public struct Memory: Equatable, Sendable {
    /// How often an operation of one kind has failed in a row.
    public struct Failure: Equatable, Sendable {
        public var count: Int
        public var at: BootInstant
        public var message: String

        public init(count: Int, at: BootInstant, message: String) {
            self.count = count
            self.at = at
            self.message = message
        }

        /// 1, 2, 4, ... up to 60 seconds after the last failure the same may be tried again.
        public var retryAt: BootInstant { at + .seconds(min(60, 1 << min(max(count - 1, 0), 6))) }
    }

    /// The leader last seen in the store, for "the leader changed" and for the former leader in a race.
    public var lastLeader: String?
    /// The furthest position the leader published in `status`.
    public var lastOptime: LSN?
    /// When the store was first seen without a leader; nil while there is one.
    public var leaderlessSince: BootInstant?
    /// The store's revision then.
    public var leaderlessRevision: Int64?
    /// The lock was ours when last seen, and the server may still be writable under it.
    public var leads: Bool
    /// The lease that the lock hung on when it was last seen to be ours, and until when that one surely lasted: a
    /// lease that was granted since protects nothing before the lock hangs on it.
    public var leadLease: Int64?
    public var leadsUntil: BootInstant?
    /// The deadline that the guard was last seen to hold for the server that runs now. It still counts when that guard
    /// is lost: an agent that has just started knows of no other while the store is out of reach. Nil: none, or disarmed.
    public var guardedUntil: BootInstant?
    /// Since when we hold the lock while the server is not up; nil otherwise.
    public var leaderDownSince: BootInstant?
    /// The server was stopped because it did not answer: give the lock away rather than start it again.
    public var givesUp: Bool
    /// Stay out of the race until then, having just given the lock back.
    public var abstainUntil: BootInstant?
    /// Create revision of the leader key that we gave back: a view that still shows it is late.
    public var releasedLock: Int64?
    public var failures: [OperationKind: Failure]
    /// The `synchronous_standby_names` in force on our primary.
    public var syncNames: SyncNamesMemory?
    /// What may yet become of the key `sync`.
    public var syncKey: SyncKeyMemory?
    /// Modification revision of the failover key that we have begun to carry out: it stays due until it is gone.
    public var begunRequest: Int64?
    /// The failover key that is open now: what members answered before we saw it says nothing about its candidates.
    public var openRequest: OpenRequest?
    /// We have handed the lock over and the server has not been up since.
    public var handedOver: Bool
    /// When the postmaster was lost under our lock, the last few times.
    public var crashes: [BootInstant]
    /// Since when a leader that is a primary has not said how it came to its timeline; this standby needs to know.
    public var unexplainedSince: BootInstant?
    /// This standby asks the leader to leave it out of synchronous replication; its member key says so.
    public var leavesSync: LeavingSync?

    public init(
        lastLeader: String? = nil, lastOptime: LSN? = nil, leaderlessSince: BootInstant? = nil, leads: Bool = false,
        leaderlessRevision: Int64? = nil,
        leadLease: Int64? = nil, leadsUntil: BootInstant? = nil, guardedUntil: BootInstant? = nil,
        leaderDownSince: BootInstant? = nil, givesUp: Bool = false, abstainUntil: BootInstant? = nil,
        releasedLock: Int64? = nil, failures: [OperationKind: Failure] = [:],
        syncNames: SyncNamesMemory? = nil, syncKey: SyncKeyMemory? = nil, begunRequest: Int64? = nil,
        openRequest: OpenRequest? = nil, handedOver: Bool = false, crashes: [BootInstant] = [],
        unexplainedSince: BootInstant? = nil, leavesSync: LeavingSync? = nil
    ) {
        self.leavesSync = leavesSync
        self.unexplainedSince = unexplainedSince
        self.syncNames = syncNames
        self.syncKey = syncKey
        self.begunRequest = begunRequest
        self.openRequest = openRequest
        self.handedOver = handedOver
        self.crashes = crashes
        self.lastLeader = lastLeader
        self.lastOptime = lastOptime
        self.leaderlessSince = leaderlessSince
        self.leaderlessRevision = leaderlessRevision
        self.leads = leads
        self.leadLease = leadLease
        self.leadsUntil = leadsUntil
        self.guardedUntil = guardedUntil
        self.leaderDownSince = leaderDownSince
        self.givesUp = givesUp
        self.abstainUntil = abstainUntil
        self.releasedLock = releasedLock
        self.failures = failures
    }
}

/// A failover key by its modification revision, and when we first saw it.
public struct OpenRequest: Equatable, Sendable {
    public var revision: Int64
    public var since: BootInstant
    /// We lead, could carry it out, and wait since then for somebody to catch up.
    public var catchingUpSince: BootInstant?

    public init(revision: Int64, since: BootInstant, catchingUpSince: BootInstant? = nil) {
        self.revision = revision
        self.since = since
        self.catchingUpSince = catchingUpSince
    }
}

/// Operations of one kind share their count of failures.
public enum OperationKind: String, CaseIterable, Hashable, Sendable {
    case start, stop, promote, demote, rewind, clone, reinitialise, restart, bootstrap
}

extension Operation {
    public var kind: OperationKind {
        switch self {
        case .start: .start
        case .stop: .stop
        case .promote: .promote
        case .demote: .demote
        case .rewind: .rewind
        case .clone: .clone
        case .reinitialise: .reinitialise
        case .restart: .restart
        case .bootstrap: .bootstrap
        }
    }
}
