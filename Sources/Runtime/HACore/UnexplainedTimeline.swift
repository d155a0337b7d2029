import Cluster
import PostgresModel
import Timekeeping

/// A standby on a timeline that the cluster's `history` does not tell of. The leader may be about to begin one of the
/// same number somewhere else, or has just begun it and not written so; PostgreSQL compares numbers only, and would
/// stream the one onto the other.
extension Situation {
    /// Nothing to do with an ordinary failover: there `history` tells of the timeline that the standbys are on.
    var isOnUnexplainedTimeline: Bool {
        guard leaderIsAnother, remote == nil, let origin = data?.newestTimeline, !streamsFromLeader else { return false }
        guard iAmStandby || (isStopped && hasStandbySignal) else { return false }
        let history = view?.history ?? []
        if history.contains(where: { $0.timeline.rawValue &+ 1 == origin.timeline.rawValue && $0.lsn == origin.start }) {
            return false
        }
        if leaderIsYetToPromote { return true }
        guard leaderMember?.role == .primary, let timeline = leaderMember?.timeline else { return false }
        return history.last.map { $0.timeline.rawValue &+ 1 != timeline.rawValue } ?? true
    }

    /// How long a leader that runs is given to write its history. It needs no standby for that.
    var historyPatience: Duration { settings.ttl }
    var historyWake: BootInstant? {
        leaderIsYetToPromote ? nil : memory.unexplainedSince.map { $0 + historyPatience }
    }
    /// The leader has not promoted yet, or may be about to write its history.
    var mustAwaitHistory: Bool {
        isOnUnexplainedTimeline && (historyWake.map { $0 > now } ?? true)
    }

    /// It may stay pointed at the leader as little as it may be pointed there.
    var mustLeaveLeader: Bool { standby?.upstream.map { $0.name == leader?.name } ?? false }

    private var leaderIsYetToPromote: Bool { leaderMember?.role == .replica }
    /// A wal sender has taken this log for a part of its own while the leader was on the same timeline.
    private var streamsFromLeader: Bool { (standby?.isStreaming ?? false) && mustLeaveLeader }
}

extension Memory {
    /// Since when a leader that runs as a primary has not said how it came to its timeline.
    mutating func noteUnexplainedTimeline(_ situation: Situation) {
        guard situation.view != nil else { return }
        let waits = situation.isOnUnexplainedTimeline && situation.leaderMember?.role == .primary
        unexplainedSince = waits ? unexplainedSince ?? situation.now : nil
    }
}
