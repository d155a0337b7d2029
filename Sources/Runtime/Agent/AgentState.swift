import API
import Cluster
import Configuration
import HACore
import JSON
import PostgresModel
import Relay
import Server
import Timekeeping

/// What the agent knows between two decisions. The decision loop is its only owner.
struct AgentState {
    var memory = Memory()
    var store: StoreObservation = .unknown
    var lease: LeaseObservation = .none
    var server = ServerObservation(storage: .empty, process: .stopped)
    var peers = PeerObservation()
    var operation: OperationObservation = .idle
    var isBusy: Bool { if case .running = operation { true } else { false } }
    var guardian: GuardObservation = .absent
    var watchdog: WatchdogObservation = .absent
    var settings = CoreSettings()
    /// The dynamic configuration in force, as it came; and whether the store has said it.
    var dynamicJSON: JSON = [:]
    var hasDynamic = false
    /// What the server was last configured with, or was tried to be.
    var configured: ServerConfiguration?
    var settingWarnings: Set<String> = []
    var pendingReadAt = BootInstant(nanoseconds: 0)
    var failsafe = FailsafeState()
    /// The last decision, for the log (a reason is logged when it changes) and for the API.
    var decision: Decision?
    /// A promotion whose first checkpoint is not done: pg_rewind against us must wait for it.
    var checkpointAfterPromotePending = false
    /// What the API's users see beyond what decisions need, as last read.
    var details = ServerDetails()
    /// The server, as it was started, listens on this host only: others come through the relay.
    var isServerLocal = false
    var relay = RelayKeeper.Status.off
    /// Settings that wait for a restart, as last read.
    var pendingRestarts: [PendingRestart] = []
    /// A restart asked for now, until it has ended or was refused; and those who wait for its end.
    var restartNow: Cluster.RestartRequest?
    var restartWaiters: [AsyncStream<RestartEnd>.Continuation] = []
    var scheduledRestart: ScheduledRestart?
    var reinitialise: ReinitialiseRequest?
    /// The revision at which we have created `initialize` empty, to make a new cluster.
    var claimedInitialize: Int64?
    /// In a standby cluster: our log against our upstream's, and when that was last asked for.
    var comparison: LogComparison?
    var comparedAt: BootInstant?
    var comparisonProblem: String?
    /// Member slots that are kept for absent members, too, as `status` publishes them.
    var slotRetention = SlotRetention()
    var retainedSlots: [String] = []
    /// Positions as they stand in our member key and in `status`.
    var toldOfMember = ToldPositions()
    var toldOfCluster = ToldPositions()
    var slotConflicts: Set<String> = []
    /// What the slots were last brought to, and when that was begun.
    var slotsWanted: WantedSlots?
    var slotsKeptAt = BootInstant(nanoseconds: 0)
    /// Permanent logical slots that a standby is to get from its leader; not tried before that moment.
    var slotsToCopy: [WantedSlots.Logical] = []
    var slotCopyAfter: BootInstant?
    var callbacks = CallbackRoles()
    /// A restart that somebody asked for has ended well and was not told yet.
    var hasRestarted = false
    /// Our own transactions on the leader key.
    var claim = LockClaim()
    /// Writes that were begun and have not ended, by what they do.
    var writesUnderWay: Set<String> = []
    /// Why this member, leading, has last cleared a request to hand over; nil since the newest one was written.
    var clearedFailover: String?
    /// The server's own timeline history, read once a timeline.
    var ownHistory: OwnHistory?

    /// The switches that led to a timeline, as PostgreSQL's history file tells them.
    struct OwnHistory {
        var timeline: Timeline
        var switches: [(timeline: Timeline, end: LSN, reason: String)]
    }

    /// The store's last view, however old.
    var view: ClusterView? {
        switch store {
        case .unknown: nil
        case .connected(let view, _): view
        case .unreachable(_, let last), .regressed(let last, _): last
        }
    }

    /// The lock is ours in a current view, under the lease we hold now.
    func holdsLock(as me: String) -> Bool {
        guard case .connected(let view, _) = store, case .held(let id, _) = lease, let key = view.leader else {
            return false
        }
        return key.name == me && key.lease == id
    }
}
