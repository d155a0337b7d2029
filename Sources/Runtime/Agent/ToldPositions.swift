import PostgresModel
import Timekeeping

/// Positions in the log as they were last told to the store, so that a cluster without clients writes nothing there.
///
/// PostgreSQL's own housekeeping and the write probe move an idle server's log by some 20 bytes a second. What moved by
/// no more than that is told as before; what clients write is told at once, as in Patroni.
struct ToldPositions: Equatable, Sendable {
    /// Three times what housekeeping was seen to write.
    static let bytesPerSecond: Int64 = 64
    /// Never more than this is kept back.
    static let most = ByteCount(16 * 1024)

    private var told: [String: LSN] = [:]
    private var timeline: Timeline?
    private var since: BootInstant?

    /// - Parameters:
    ///   - positions: as they are, by what they are of.
    ///   - least: positions before this one (the leader's, as it is published) are not told again: they would look like
    ///     a lag.
    ///   - limit: `maximum_lag_on_failover`; a cluster that allows little lag is told of little moves.
    /// - Returns: what is to be told.
    mutating func settle(
        _ positions: [String: LSN], on timeline: Timeline?, least: LSN? = nil, limit: ByteCount, at now: BootInstant
    ) -> [String: LSN] {
        if self.timeline == timeline, let since, told.keys == positions.keys {
            let seconds = (now - since).components.seconds
            let grown = ByteCount(1024 + min(seconds, 3600) * Self.bytesPerSecond)
            let allowed = min(grown, Self.most, ByteCount(limit.rawValue / 4))
            let isQuiet = positions.allSatisfy { key, position in
                guard let before = told[key], position >= before else { return false }
                return position.bytes(ahead: before) <= allowed && before >= min(position, least ?? .zero)
            }
            if isQuiet { return told }
        }
        told = positions
        self.timeline = timeline
        since = now
        return positions
    }
}
