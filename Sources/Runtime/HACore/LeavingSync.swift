import Cluster
import PostgresModel
import Timekeeping

/// A synchronous standby that is to be restarted or copied anew asks to be left out first, so that no commit waits for
/// it meanwhile: as long as this stands in the core's memory, its member key carries the tag `nosync`.
///
/// The leader takes it out of `sync` first and out of `synchronous_standby_names` then (the other way round a member
/// that lacks a commit could be promoted), so to be gone from `sync` is not enough: the names follow when the leader has
/// seen its own write, and each of its processes reads them by itself. As in Patroni all this is a courtesy with a
/// limit: in strict mode, or when nobody else is there to take the place, it is not granted.
public struct LeavingSync: Equatable, Sendable {
    public var since: BootInstant
    /// Since when `sync` is seen without this member; nil while it is in it.
    public var isOutSince: BootInstant?

    public init(since: BootInstant, isOutSince: BootInstant? = nil) {
        self.since = since
        self.isOutSince = isOutSince
    }

    /// So long the names may take to follow the key.
    public static let settling: Duration = SyncNamesMemory.settling

    /// When this member goes, however things stand.
    /// - Parameter patience: As in Patroni twice loop_wait, in which the leader is sure to have looked.
    public func end(patience: Duration) -> BootInstant {
        min(since + patience, isOutSince.map { $0 + Self.settling } ?? since + patience)
    }
}

extension Situation {
    var syncPatience: Duration { settings.loopWait * 2 }

    var mustLeaveSync: Bool {
        guard isAskedToGoAway, iAmStandby, leaderIsAnother, let sync = syncKey else { return false }
        guard let leaving = memory.leavesSync else { return isVoter(me, sync) }
        return leaving.end(patience: syncPatience) > now
    }

    private var isAskedToGoAway: Bool {
        restartIsDue || (canReinitialise && o.requests.reinitialise.map { !$0.isForced } ?? false)
    }
}

extension Memory {
    /// It is over when nothing is asked for any more and what was asked for has ended.
    mutating func noteLeavingSync(_ situation: Situation) {
        guard var leaving = leavesSync else { return }
        if let sync = situation.syncKey {
            leaving.isOutSince = situation.isVoter(situation.me, sync) ? nil : leaving.isOutSince ?? situation.now
        }
        leavesSync = leaving
        let requests = situation.o.requests
        if requests.restart != nil || requests.reinitialise != nil { return }
        if let kind = situation.runningOperation?.kind, kind == .restart || kind == .reinitialise { return }
        leavesSync = nil
    }
}
