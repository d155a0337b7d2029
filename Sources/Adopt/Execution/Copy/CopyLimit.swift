import PostgresModel

/// What keeps a copy from going faster.
enum CopyLimit: Equatable, Sendable {
    /// The operator's max_rate.
    case chosen(Int64)
    /// The primary's latency: how many times that of before; nil: not judged yet.
    case latency(Double?)
    case disk(host: String)
    case processor(host: String)
    case link

    var words: String {
        switch self {
        case .chosen(let rate): "limited by max_rate \(ByteCount(rate))/s"
        case .latency(let ratio?): "limited by the primary's latency (\(Self.times(ratio)))"
        case .latency(nil): "limited by the primary's latency"
        case .disk(let host): "limited by the disk of \(host)"
        case .processor(let host): "limited by the processor or the disk of \(host)"
        case .link: "limited by the link"
        }
    }

    private static func times(_ ratio: Double) -> String {
        let tenths = Int((ratio * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) x"
    }
}

/// What both ends of a copy did at the newest looks.
struct CopyEnds: Equatable, Sendable {
    /// What the sending process waited for, as pg_stat_activity says.
    enum Sending: Equatable, Sendable {
        case disk, network, nothing

        /// - Parameter type: wait_event_type; empty: it does not wait.
        init?(type: String) {
            switch type {
            case "IO": self = .disk
            case "Client": self = .network
            case "": self = .nothing
            // Its own rate limit, or the start and the end of the copy.
            default: return nil
            }
        }
    }

    /// Looks at the receiving process: those in which it wrote or reckoned, and those in which it waited for data.
    struct Receiving: Equatable, Sendable {
        var busy: Int
        var waiting: Int
    }

    var source: String
    var target: String
    private var sending: [Sending] = []
    private var receiving: [Receiving] = []
    private var total: Receiving?

    init(source: String, target: String) {
        self.source = source
        self.target = target
    }

    mutating func see(_ look: Sending) {
        sending.append(look)
        if sending.count > 8 { sending.removeFirst() }
    }

    /// - Parameter counted: since the copy began.
    mutating func see(_ counted: Receiving) {
        if let total, counted.busy >= total.busy, counted.waiting >= total.waiting {
            receiving.append(Receiving(busy: counted.busy - total.busy, waiting: counted.waiting - total.waiting))
            if receiving.count > 8 { receiving.removeFirst() }
        }
        total = counted
    }

    /// - Parameters:
    ///   - rate: bytes per second just now.
    /// - Returns: nil: not known yet.
    func limit(rate: Int64?, maxRate: Int64?, pace: CopyPace?) -> CopyLimit? {
        guard let rate else { return nil }
        if let maxRate, Double(rate) >= 0.9 * Double(maxRate) { return .chosen(maxRate) }
        switch pace?.order {
        case .rate(let allowed)? where Double(rate) >= 0.7 * Double(allowed): return .latency(pace?.ratio)
        case .hold?: return .latency(pace?.ratio)
        case .rate?, .free?, nil: break
        }
        guard sending.count >= 4 else { return nil }
        let count = { (what: Sending) in sending.count { $0 == what } }
        // A sender that seldom waits for the other side is the slowest part itself.
        if count(.network) * 2 < sending.count {
            // Before PostgreSQL 14 reading shows as no wait at all.
            return count(.disk) > count(.nothing) ? .disk(host: source) : .processor(host: source)
        }
        let busy = receiving.map(\.busy).reduce(0, +)
        let waiting = receiving.map(\.waiting).reduce(0, +)
        guard busy + waiting >= 8 else { return nil }
        return busy > waiting ? .disk(host: target) : .link
    }
}
