import Cluster
import PostgresModel

/// The `history` key for a primary whose timeline came about by these switches, oldest first; names and times are
/// kept from the store where they match. Nil: the store has it already.
///
/// - Parameter limit: `max_timelines_history`: so many entries at most; 0: all.
///
/// As in Patroni, the last entry decides: it must be about the timeline before ours and complete.
func historyEntries(
    _ switches: [(timeline: Timeline, end: LSN, reason: String)], known: [HistoryEntry], by me: String, now: String,
    limit: Int = 0
) -> [HistoryEntry]? {
    guard let last = switches.last else { return known.isEmpty ? nil : [] }
    if let noted = known.last, noted.timeline == last.timeline, noted.lsn == last.end, noted.newLeader != nil {
        return nil
    }
    let all = switches.enumerated().map { index, point in
        let old = known.first { $0.timeline == point.timeline && $0.lsn == point.end }
        let isLast = index == switches.count - 1
        return HistoryEntry(
            timeline: point.timeline, lsn: point.end, reason: point.reason,
            timestamp: old?.timestamp ?? (isLast ? now : nil), newLeader: old?.newLeader ?? (isLast ? me : nil))
    }
    return limit > 0 ? all.suffix(limit) : all
}
