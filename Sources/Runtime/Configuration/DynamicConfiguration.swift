import Cluster
import JSON
import PostgresModel

/// The cluster's settings, from the store's `config` key (compatibility sheet d.3), with defaults filled in.
public struct DynamicConfiguration: Hashable, Sendable {
    /// A slot that nobody may drop; nil matches everything.
    public struct SlotPattern: Hashable, Sendable {
        public var name: String?
        public var type: String?
        public var database: String?
        public var plugin: String?

        public init(name: String? = nil, type: String? = nil, database: String? = nil, plugin: String? = nil) {
            self.name = name
            self.type = type
            self.database = database
            self.plugin = plugin
        }
    }

    /// The section `postgresql`, as far as it is the same for all members.
    public struct Postgres: Hashable, Sendable {
        /// Only here: a member's file cannot switch slots off.
        public var useSlots: Bool = true
        /// What the section says, typed. Of it, `parameters` and `usePgRewind` are written; the rest is in `other`.
        public var options = PostgresOptions()
        /// Every other key of the section, as it came.
        public var other = JSONObject()

        /// Nil: each member's file decides.
        public var usePgRewind: Bool? {
            get { options.usePgRewind }
            set { options.usePgRewind = newValue }
        }
        public var parameters: [String: String] {
            get { options.parameters }
            set { options.parameters = newValue }
        }

        public init() {}
    }

    /// pgadopt's extension; nil: Patroni's defaults.
    public var rto: RecoveryTimeClass?
    /// The lease's time to live. At least 3 s; Patroni wants 20 s.
    public var ttl: Duration
    public var loopWait: Duration
    public var retryTimeout: Duration
    public var maximumLagOnFailover = ByteCount(1 << 20)
    /// Nil: off (-1).
    public var maximumLagOnSyncnode: ByteCount?
    /// 0: all.
    public var maxTimelinesHistory = 0
    /// Zero: fail over at once.
    public var primaryStartTimeout: Duration
    /// Zero: none. Synchronous mode only.
    public var primaryStopTimeout = Duration.zero
    public var primaryRaceBackoff = Duration.zero
    public var synchronousMode = SynchronousMode.off
    public var synchronousModeStrict = false
    public var synchronousNodeCount = 1
    /// On unless said otherwise, unlike Patroni: an outage of etcd alone demotes nobody.
    public var failsafeMode = true
    /// On unless said otherwise, unlike Patroni: with it off, two members can end on two timelines of one number.
    public var checkTimeline = true
    public var pause = false
    public var slots: [PermanentSlot] = []
    public var ignoreSlots: [SlotPattern] = []
    public var memberSlotsTTL = Duration.seconds(1800)
    /// Present: the cluster follows another one.
    public var standbyCluster: StandbyCluster?
    public var postgresql = Postgres()
    /// Keys that this type does not know, kept as they are.
    public var other = JSONObject()

    /// The defaults of a class, or Patroni's.
    public init(rto: RecoveryTimeClass? = nil) {
        let times = rto?.times ?? RecoveryTimeClass.patroni
        self.rto = rto
        ttl = times.ttl
        loopWait = times.loopWait
        retryTimeout = times.retryTimeout
        primaryStartTimeout = times.primaryStartTimeout
    }
}

extension DynamicConfiguration {
    /// The value for the store. Times that the class (or Patroni) implies are left out when a class is set, so
    /// that a changed class takes effect; without a class they are there, as Patroni writes them.
    public var json: JSON {
        var object = JSONObject()
        let implied = DynamicConfiguration(rto: rto)
        if let rto { object["rto"] = .string(rto.rawValue) }
        let always = rto == nil
        if always || ttl != implied.ttl { object["ttl"] = ttl.json }
        if always || loopWait != implied.loopWait { object["loop_wait"] = loopWait.json }
        if always || retryTimeout != implied.retryTimeout { object["retry_timeout"] = retryTimeout.json }
        object["maximum_lag_on_failover"] = .int(maximumLagOnFailover.rawValue)
        if let maximumLagOnSyncnode { object["maximum_lag_on_syncnode"] = .int(maximumLagOnSyncnode.rawValue) }
        if maxTimelinesHistory != 0 { object["max_timelines_history"] = .int(Int64(maxTimelinesHistory)) }
        if primaryStartTimeout != implied.primaryStartTimeout {
            object["primary_start_timeout"] = primaryStartTimeout.json
        }
        if primaryStopTimeout != .zero { object["primary_stop_timeout"] = primaryStopTimeout.json }
        if primaryRaceBackoff != .zero { object["primary_race_backoff"] = primaryRaceBackoff.json }
        switch synchronousMode {
        case .off: break
        case .on: object["synchronous_mode"] = true
        case .quorum: object["synchronous_mode"] = "quorum"
        }
        if synchronousModeStrict { object["synchronous_mode_strict"] = true }
        if synchronousNodeCount != 1 { object["synchronous_node_count"] = .int(Int64(synchronousNodeCount)) }
        // Always said: Patroni members of the cluster have the opposite default.
        object["failsafe_mode"] = .bool(failsafeMode)
        // Said as well: the default is not Patroni's.
        object["check_timeline"] = .bool(checkTimeline)
        if pause { object["pause"] = true }
        if !slots.isEmpty {
            var values = JSONObject()
            for slot in slots { values[slot.name] = slot.json }
            object["slots"] = .object(values)
        }
        if !ignoreSlots.isEmpty { object["ignore_slots"] = .array(ignoreSlots.map(\.json)) }
        if memberSlotsTTL != implied.memberSlotsTTL { object["member_slots_ttl"] = memberSlotsTTL.json }
        if let standbyCluster { object["standby_cluster"] = standbyCluster.json }
        let section = postgresql.json
        if !section.isEmpty { object["postgresql"] = .object(section) }
        for (key, value) in other where object[key] == nil { object[key] = value }
        return .object(object)
    }
}

extension DynamicConfiguration.Postgres {
    fileprivate var json: JSONObject {
        var object = JSONObject()
        if let usePgRewind { object["use_pg_rewind"] = .bool(usePgRewind) }
        if !useSlots { object["use_slots"] = false }
        if !parameters.isEmpty {
            var values = JSONObject()
            for (name, value) in parameters.sorted(by: { $0.key < $1.key }) { values[name] = .string(value) }
            object["parameters"] = .object(values)
        }
        for (key, value) in other where object[key] == nil { object[key] = value }
        return object
    }
}

extension DynamicConfiguration.SlotPattern {
    fileprivate var json: JSON {
        var object = JSONObject()
        for (key, value) in [("name", name), ("type", type), ("database", database), ("plugin", plugin)] {
            if let value { object[key] = .string(value) }
        }
        return .object(object)
    }
}

extension Duration {
    /// Whole seconds as a number, as Patroni writes them; anything finer as text with its unit.
    fileprivate var json: JSON {
        let (seconds, attoseconds) = components
        if attoseconds == 0 { return .int(seconds) }
        return .string("\(seconds * 1_000_000 + attoseconds / 1_000_000_000_000)us")
    }
}
