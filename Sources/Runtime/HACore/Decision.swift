import Cluster
import PostgresModel
import Timekeeping

/// What to do, as plain data. The agent carries it out and reports what became of it in the next observation.
public enum Action: Equatable, Sendable {
    /// Create the leader key under our lease, only if there is none.
    case acquireLock
    /// Our name is on the leader key under an older lease of ours: put it under the present one.
    case reattachLock
    /// Delete the leader key if it is ours; `finalLSN` goes into `status` first.
    case releaseLock(finalLSN: LSN?)
    /// Write our system identifier to `initialize`: create it (0), or replace what stands there at that revision.
    case writeInitialize(SystemIdentifier, replacing: Int64)
    /// Create `initialize` empty, only if there is none: the new cluster is ours to make. The revision of our own
    /// key is shown as `claim` in the observations that follow.
    case claimInitialize
    /// Delete `initialize` if it still stands at that revision: the making of the new cluster has failed.
    case removeInitialize(revision: Int64)
    /// `config` is missing or no JSON object: write the dynamic configuration that is in force here.
    case restoreConfig
    /// Write `sync`: who besides the leader may be promoted. Create it (0), or replace it at that revision.
    case writeSync(leader: String, standbys: [String], quorum: Int, expecting: Int64)
    /// Delete `sync` if it still stands at that revision: synchronous mode is off.
    case removeSync(expecting: Int64)
    /// Set `synchronous_standby_names` by reload, nil: to the owner's own value.
    case setSynchronousStandbys(SynchronousStandbyNames?)
    /// Begin a long operation. Never decided while another one runs.
    case begin(Operation)
    /// Stop waiting for the running operation and undo what can be undone.
    case cancelOperation
    /// Point the running standby at this upstream by reload. The old one is never dropped in a leaderless moment.
    case follow(Upstream)
    /// Take primary_conninfo and slot from the running standby, by reload: it replays from the archive only.
    case stopStreaming
    /// Ask every other member for its report.
    case askPeers
    /// Hold the guard's deadline at the lease's deadline for as long as we lead.
    case armGuard(BootInstant)
    case disarmGuard
    /// Remove the failover key's content: done, or impossible.
    case clearFailover(reason: String)
    /// Forget the restart that was asked for or scheduled: done, begun, or not to be.
    case clearRestart(reason: String)
    case clearReinitialise(reason: String)
    /// Make these member slots exist here (primary: for every other member).
    case keepSlots(for: [String])
}

/// The outcome of one decision.
public struct Decision: Equatable, Sendable {
    /// The rule of the table that applied.
    public var rule: RuleID
    /// The sentence for the log and for people, with names and numbers filled in.
    public var reason: String
    public var actions: [Action]
    public var memory: Memory
    /// When to decide again at the latest, even if nothing happens.
    public var wakeAt: BootInstant

    public init(rule: RuleID, reason: String, actions: [Action], memory: Memory, wakeAt: BootInstant) {
        self.rule = rule
        self.reason = reason
        self.actions = actions
        self.memory = memory
        self.wakeAt = wakeAt
    }
}

/// A rule's stable number and name, such as `31 race.most-advanced`.
public struct RuleID: Hashable, Sendable, CustomStringConvertible {
    public var number: Int
    public var name: String

    public init(_ number: Int, _ name: String) {
        self.number = number
        self.name = name
    }

    public var description: String { "\(number) \(name)" }
}
