/// `rto` in the dynamic configuration: one word for the four times that decide how fast a lost leader is replaced.
/// Settings that are there explicitly win over it.
public enum RecoveryTimeClass: String, CaseIterable, Hashable, Sendable {
    case fast, normal, safe, wide

    public struct Times: Hashable, Sendable {
        public var ttl: Duration
        public var loopWait: Duration
        public var retryTimeout: Duration
        /// How long a crashed leader may recover in place before another takes over.
        public var primaryStartTimeout: Duration
    }

    public var times: Times {
        switch self {
        case .fast: times(6, 2, 2, start: 15)
        case .normal: times(12, 4, 4, start: 60)
        case .safe: times(30, 10, 10, start: 300)
        case .wide: times(120, 20, 30, start: 600)
        }
    }

    /// Patroni's defaults, in force when there is no class.
    public static let patroni = Times(
        ttl: .seconds(30), loopWait: .seconds(10), retryTimeout: .seconds(10), primaryStartTimeout: .seconds(300))

    private func times(_ ttl: Int, _ loopWait: Int, _ retryTimeout: Int, start: Int) -> Times {
        Times(
            ttl: .seconds(ttl), loopWait: .seconds(loopWait), retryTimeout: .seconds(retryTimeout),
            primaryStartTimeout: .seconds(start))
    }
}
