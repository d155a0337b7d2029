import Cluster
import PostgresModel

/// Whether this data directory can follow the leader by replaying the leader's log.
enum Divergence: Equatable {
    case none
    /// It holds log that the leader's history does not have; the sentence says which.
    case diverged(String)
    /// Cannot be told from what is known.
    case unproven(String)

    var isDiverged: Bool { if case .diverged = self { true } else { false } }
    var isUnproven: Bool { if case .unproven = self { true } else { false } }
    var text: String {
        switch self {
        case .none: "this server's log is part of the leader's"
        case .diverged(let why), .unproven(let why): why
        }
    }
}

extension Situation {
    /// The leader's timeline: what it says as a primary, else what `history` says.
    var leaderTimeline: Timeline? { (leaderIsPromoting ? nil : leaderMember?.timeline) ?? view?.timeline }

    var divergence: Divergence {
        if let broken = brokenByRewind { return .diverged(broken) }
        if let split = splitTimeline { return .diverged(split) }
        if let standby {
            // Streaming proves it: a wal sender refuses a position that is not in its own history.
            if standby.isStreaming, standby.upstream?.name == leader?.name { return .none }
            if let compared = comparedDivergence(from: leader?.name) { return .diverged(compared.why) }
            guard let timeline = standby.timeline else { return .unproven("this standby's timeline is not known") }
            return divergence(timeline: timeline, position: standby.replayedLSN ?? standby.lsn)
        }
        guard isStopped, let data, !data.hasStandbySignal else { return .none }
        return divergenceOfStoppedPrimary(data)
    }

    /// A pg_rewind that failed in the middle leaves a directory that does not start; the next try is another
    /// rewind, the one after that a copy.
    private var brokenByRewind: String? {
        if isStopped, data?.isHalfRewound ?? false { return "a pg_rewind has not ended here" }
        guard isStopped, let rewind = failure(of: .rewind), let start = failure(of: .start), start.at >= rewind.at
        else { return nil }
        return "pg_rewind failed (\(rewind.message)) and the server has not started since (\(start.message))"
    }

    /// Two servers gave the same number to different timelines, which PostgreSQL itself does not notice: it
    /// compares numbers, and would stream one onto the other.
    private var splitTimeline: String? {
        guard let origin = data?.newestTimeline, let history = view?.history, let leaderTimeline,
            let last = history.last, last.timeline.rawValue &+ 1 == leaderTimeline.rawValue,
            let entry = history.last(where: { $0.timeline.rawValue &+ 1 == origin.timeline.rawValue }),
            entry.lsn != origin.start
        else { return nil }
        return "timeline \(origin.timeline) began at \(origin.start) here and at \(entry.lsn) in the cluster's history"
    }

    /// A position that is known exactly (a standby's), against the point where the leader's timeline left ours.
    private func divergence(timeline: Timeline, position: LSN) -> Divergence {
        guard let leaderTimeline else { return .unproven("the leader's timeline is not known yet") }
        if timeline > leaderTimeline {
            return .diverged("timeline \(timeline) here, only \(leaderTimeline) at \(leaderName)")
        }
        if timeline == leaderTimeline { return .none }
        switch switchPoint(of: timeline, under: leaderTimeline) {
        case .at(let point) where position > point:
            return .diverged("position \(position) is past \(point), where timeline \(timeline) ended")
        case .at: return .none
        case .notInHistory:
            return .diverged("timeline \(timeline) is not in the history of timeline \(leaderTimeline)")
        case .unknown: return .unproven("history does not reach timeline \(leaderTimeline) yet")
        }
    }

    /// A stopped former primary: after a clean stop the checkpoint record is the last of its log, so that the
    /// leader has everything exactly when the switch point lies behind it. After a crash the end is unknown.
    private func divergenceOfStoppedPrimary(_ data: ServerObservation.DataDirectory) -> Divergence {
        guard let leaderTimeline else { return .unproven("the leader's timeline is not known yet") }
        if data.timeline > leaderTimeline {
            return .diverged("timeline \(data.timeline) here, only \(leaderTimeline) at \(leaderName)")
        }
        if begunTwice { return .diverged("timeline \(leaderTimeline) was begun here and at \(leaderName)") }
        if data.timeline == leaderTimeline { return .none }
        switch switchPoint(of: data.timeline, under: leaderTimeline) {
        case .at(let point) where data.checkpoint >= point:
            return .diverged(
                "checkpoint \(data.checkpoint) is not before \(point), where timeline \(data.timeline) ended")
        case .at(let point):
            if data.clusterState == "shut down" { return .none }
            return .unproven("it did not stop cleanly, and timeline \(data.timeline) ended at \(point)")
        case .notInHistory:
            return .diverged("timeline \(data.timeline) is not in the history of timeline \(leaderTimeline)")
        case .unknown: return .unproven("history does not reach timeline \(leaderTimeline) yet")
        }
    }

    private enum SwitchPoint { case at(LSN), notInHistory, unknown }

    private func switchPoint(of timeline: Timeline, under leaderTimeline: Timeline) -> SwitchPoint {
        let history = view?.history ?? []
        if let entry = history.last(where: { $0.timeline == timeline }) { return .at(entry.lsn) }
        guard let last = history.last, last.timeline.rawValue &+ 1 == leaderTimeline.rawValue else { return .unknown }
        return .notInHistory
    }

    /// After two failures in a row a rewind is not tried again: a fresh copy is.
    var mayRewind: Bool { mayRewind(isSameNumber: isOnALeadersNumber) }

    /// - Parameter isSameNumber: the source has a timeline of the same number that is another.
    func mayRewind(isSameNumber: Bool) -> Bool {
        settings.usePgRewind && (data?.canRewind ?? false) && (failure(of: .rewind)?.count ?? 0) < 2 && !isSameNumber
            && rewindSource != nil
    }

    /// pg_rewind takes two servers with the same timeline number for the same ("no rewind required").
    private var isOnALeadersNumber: Bool {
        begunTwice || (splitTimeline != nil && newestTimeline == leaderTimeline)
            || comparedDivergence(from: leader?.name)?.isSameNumber ?? false
    }

    private var newestTimeline: Timeline? { data.map { max($0.timeline, $0.newestTimeline?.timeline ?? $0.timeline) } }

    /// This server was a primary when it stopped, and the leader is one on a timeline of the same number: both have
    /// promoted from the one before it, even if at the same position.
    private var begunTwice: Bool {
        guard isStopped, let data, !data.hasStandbySignal, leaderIsReady, let leaderTimeline else { return false }
        return newestTimeline == leaderTimeline && ["in production", "shut down"].contains(data.clusterState)
    }

    var whyNoRewind: String { whyNoRewind(isSameNumber: isOnALeadersNumber) }

    func whyNoRewind(isSameNumber: Bool) -> String {
        if let failure = failure(of: .rewind), failure.count >= 2 {
            return "pg_rewind failed \(failure.count) times (\(failure.message))"
        }
        if isSameNumber { return "pg_rewind compares timelines by number" }
        if !settings.usePgRewind { return "use_pg_rewind is off" }
        if rewindSource == nil { return "there is no primary to rewind to" }
        return "neither checksums nor wal_log_hints are on"
    }
}
