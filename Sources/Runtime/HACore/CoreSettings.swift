import Cluster
import PostgresModel
import Timekeeping

/// The settings decisions depend on: the dynamic configuration and this member's tags.
public struct CoreSettings: Equatable, Sendable {
    public var ttl: Duration
    public var loopWait: Duration
    public var retryTimeout: Duration
    /// Bytes a candidate may be behind the last known position of the leader (Patroni's default: 1 MiB).
    public var maximumLagOnFailover: ByteCount
    public var primaryStartTimeout: Duration
    public var isPaused: Bool
    public var failsafeMode: Bool
    public var checkTimeline: Bool
    public var usePgRewind: Bool
    /// Off the race: tag `nofailover` or a `failover_priority` of 0 or less.
    public var mayLead: Bool
    public var failoverPriority: Int

    /// `synchronous_mode`; ignored in a standby cluster.
    public var synchronousMode: SynchronousMode
    /// `synchronous_mode_strict`: commits wait rather than be acknowledged by nobody.
    public var isSynchronousModeStrict: Bool
    /// `synchronous_node_count`, at least 1.
    public var synchronousNodeCount: Int
    /// `maximum_lag_on_syncnode`: bytes behind the best standby; nil: any (-1).
    public var maximumLagOnSyncnode: ByteCount?
    /// `primary_stop_timeout`: so long an orderly stop may take in synchronous mode; zero: any time.
    public var primaryStopTimeout: Duration
    public var watchdogMode: WatchdogMode
    /// `standby_cluster`: the server that the whole cluster follows; nil: the cluster is its own.
    public var standbyCluster: Upstream?
    /// This member may make a new cluster in an empty directory: its configuration has a section `bootstrap`.
    public var mayBootstrap: Bool
    /// A method that makes replicas is marked `no_leader`: it needs no server to copy.
    public var restoresWithoutLeader = false

    /// Tag `replicatefrom`: stream from this member while it is there.
    public var replicateFrom: String?
    /// Tag `nostream`: replay from the archive only.
    public var noStream: Bool

    public init(
        ttl: Duration = .seconds(12), loopWait: Duration = .seconds(4), retryTimeout: Duration = .seconds(4),
        maximumLagOnFailover: ByteCount = ByteCount(1 << 20), primaryStartTimeout: Duration = .seconds(300),
        isPaused: Bool = false, failsafeMode: Bool = true, checkTimeline: Bool = true, usePgRewind: Bool = true,
        mayLead: Bool = true, failoverPriority: Int = 1, synchronousMode: SynchronousMode = .off,
        isSynchronousModeStrict: Bool = false, synchronousNodeCount: Int = 1, maximumLagOnSyncnode: ByteCount? = nil,
        primaryStopTimeout: Duration = .zero, watchdogMode: WatchdogMode = .off, standbyCluster: Upstream? = nil,
        mayBootstrap: Bool = false, replicateFrom: String? = nil, noStream: Bool = false
    ) {
        self.ttl = ttl
        self.loopWait = loopWait
        self.retryTimeout = retryTimeout
        self.maximumLagOnFailover = maximumLagOnFailover
        self.primaryStartTimeout = primaryStartTimeout
        self.isPaused = isPaused
        self.failsafeMode = failsafeMode
        self.checkTimeline = checkTimeline
        self.usePgRewind = usePgRewind
        self.mayLead = mayLead
        self.failoverPriority = failoverPriority
        self.synchronousMode = synchronousMode
        self.isSynchronousModeStrict = isSynchronousModeStrict
        self.synchronousNodeCount = synchronousNodeCount
        self.maximumLagOnSyncnode = maximumLagOnSyncnode
        self.primaryStopTimeout = primaryStopTimeout
        self.watchdogMode = watchdogMode
        self.standbyCluster = standbyCluster
        self.mayBootstrap = mayBootstrap
        self.replicateFrom = replicateFrom
        self.noStream = noStream
    }
}

/// `watchdog.mode` of the member's file.
public enum WatchdogMode: String, CaseIterable, Hashable, Sendable {
    case off
    /// Used where the device is there.
    case automatic
    /// Without it this member does not lead.
    case required
}
