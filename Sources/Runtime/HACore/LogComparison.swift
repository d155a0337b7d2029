import Timekeeping

/// Our log held against the one of the server that we are to stream from, as that server told it when it was last asked
/// (IDENTIFY_SYSTEM and TIMELINE_HISTORY of the replication protocol).
///
/// In a standby cluster no `history` key tells how the timelines came about: they are the remote cluster's. Who runs as
/// a standby there and does not stream asks its upstream itself; streaming would prove more.
public struct LogComparison: Equatable, Sendable {
    public enum Finding: Equatable, Sendable {
        /// Our log is part of its log.
        case shared
        /// We hold log that it does not have; the sentence says which. It has said so ever since that moment.
        /// `isSameNumber`: its timeline has the number of ours and another beginning, which pg_rewind does not see.
        case diverged(String, since: BootInstant, isSameNumber: Bool)
    }

    /// The upstream's name.
    public var source: String
    public var finding: Finding

    public init(source: String, finding: Finding) {
        self.source = source
        self.finding = finding
    }
}

extension Situation {
    func comparison(with source: String?) -> LogComparison.Finding? {
        o.comparison.flatMap { $0.source == source ? $0.finding : nil }
    }

    /// An upstream of a standby cluster has said for a whole ttl that our log is not its own. At once would be too
    /// soon: behind an address that moves, the wrong server may answer for a moment.
    func comparedDivergence(from source: String?) -> (why: String, isSameNumber: Bool)? {
        guard settings.standbyCluster != nil, iAmStandby, data != nil,
            case .diverged(let why, let since, let isSameNumber) = comparison(with: source), now - since >= settings.ttl
        else { return nil }
        return (why, isSameNumber)
    }
}
