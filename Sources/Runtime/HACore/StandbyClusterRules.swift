import Cluster
import Timekeeping

/// The whole cluster follows another one: the lock's holder streams from the remote server and stays a standby.
/// Without the section `standby_cluster` the rules of promotion apply to it as to any standby with the lock.
enum StandbyClusterRules {
    static let all: [Rule] = [
        Rule(
            240, "standby-cluster.demote", .leading,
            when: "we hold the lock, the server is a primary, and the cluster is to follow another one",
            then: "stop the server; it comes back as a standby of the remote server",
            { $0.iHoldTheLock && $0.iAmPrimary && $0.remote != nil && !$0.isPaused },
            { s, _ in
                Outcome(
                    .begin(.demote(.standbyCluster)),
                    reason: "standby_cluster is configured: the cluster follows \(s.remoteText) from now on")
            }),
        Rule(
            241, "standby-cluster.request", .leading,
            when: "we lead a standby cluster, and are asked to give way to a member that could lead",
            then: "give the lock back; nothing has to be stopped",
            { $0.leadsStandbyCluster && $0.requestIsForMe && !$0.namedCandidates.isEmpty },
            { s, memory in
                memory.releasedLock = s.leader?.createRevision
                return Outcome(.releaseLock(finalLSN: nil), reason: "\(s.requestText): handing the lock over")
            }),
        Rule(
            242, "standby-cluster.request-impossible", .leading,
            when: "we lead a standby cluster, and a request is open that is done or that nobody could take",
            then: "clear it",
            { $0.leadsStandbyCluster && $0.request != nil && $0.requestIsActive },
            { s, _ in
                Outcome(
                    .clearFailover(reason: "done, or impossible"),
                    reason: "\(s.requestText) cleared: done, or no such member could lead")
            }),
        Rule(
            298, "standby-cluster.rewind", .leading,
            when: "we lead a standby cluster, the remote server has said for ttl that our log is not its own, and pg_rewind "
                + "can bring us back",
            then: "rewind to the remote server",
            { s in s.remoteDivergence.map { s.mayRewind(isSameNumber: $0.isSameNumber) } ?? false },
            { s, _ in
                guard let remote = s.remote, let found = s.remoteDivergence else { return Outcome(reason: "no remote server") }
                return Outcome(
                    .begin(.rewind(from: remote)), reason: "diverged: \(found.why); rewinding to \(s.remoteText)")
            }),
        Rule(
            299, "standby-cluster.clone-aside", .leading,
            when: "we lead a standby cluster, the remote server has said for ttl that our log is not its own, and pg_rewind "
                + "cannot bring us back",
            then: "copy the remote server into a new directory; the old one is moved aside, not removed",
            { $0.remoteDivergence != nil },
            { s, _ in
                guard let remote = s.remote, let found = s.remoteDivergence else { return Outcome(reason: "no remote server") }
                let why = "diverged: \(found.why); \(s.whyNoRewind(isSameNumber: found.isSameNumber))"
                return Outcome(
                    .begin(.clone(from: remote)), reason: "\(why): copying \(s.remoteText), old data kept aside")
            }),
        Rule(
            300, "standby-cluster.compare", .leading,
            when: "we lead a standby cluster, the server does not stream from the remote one, and that one has yet to tell "
                + "that our log is part of its own",
            then: "wait for its answer: PostgreSQL compares timelines by number, and would mix two of one number",
            { s in s.leadsStandbyCluster && !s.streams(from: s.remote) && !s.remoteShares },
            { s, _ in
                guard case .diverged(let why, let since, _) = s.comparison(with: s.remote?.name) else {
                    return Outcome(reason: "\(s.me) leads the standby cluster: asking \(s.remoteText) for its timelines")
                }
                return Outcome(
                    reason: "\(s.me) leads the standby cluster and has diverged from \(s.remoteText): \(why)",
                    wake: since + s.settings.ttl)
            }),
        Rule(
            243, "standby-cluster.follow", .leading,
            when: "we lead a standby cluster, and the server does not stream from the remote one",
            then: "point it there, by reload",
            { $0.leadsStandbyCluster && !$0.streams(from: $0.remote) },
            { s, _ in
                guard let remote = s.remote else { return Outcome(reason: "no remote server") }
                return Outcome(.follow(remote), reason: "\(s.me) leads the standby cluster: following \(s.remoteText)")
            }),
        Rule(
            244, "standby-cluster.steady", .leading,
            when: "we lead a standby cluster",
            then: "lead on",
            { $0.leadsStandbyCluster },
            { s, _ in Outcome(reason: "\(s.me) leads the standby cluster of \(s.remoteText)") }),
    ]

    /// Before the rules that start a stopped server in place.
    static let down = Rule(
        245, "down.restart-standby-leader", .leaderDown,
        when: "we hold the lock of a standby cluster and the server is stopped",
        then: "start it as a standby of the remote server",
        { $0.iHoldTheLock && $0.isStopped && $0.remote != nil && $0.data != nil },
        { s, _ in
            // A former primary streams only when the remote server has told that it may.
            let upstream = s.hasStandbySignal || s.remoteShares ? s.remote : nil
            return Outcome(
                .begin(.start(.standby(upstream))),
                reason: "\(s.me) leads the standby cluster: starting as a standby of \(s.remoteText)")
        })
}

extension Situation {
    var remote: Upstream? { settings.standbyCluster }
    var leadsStandbyCluster: Bool { iHoldTheLock && iAmStandby && remote != nil }
    /// Streaming from it cannot go wrong: it has all that we have. An archive is trusted.
    fileprivate var remoteShares: Bool {
        remote.map { $0.isArchive || comparison(with: $0.name) == .shared } ?? false
    }
    fileprivate var remoteDivergence: (why: String, isSameNumber: Bool)? {
        leadsStandbyCluster && !isPaused ? comparedDivergence(from: remote?.name) : nil
    }
    fileprivate var remoteText: String { remote?.place ?? "nobody" }
    fileprivate var namedCandidates: [String] {
        candidates.filter { request?.candidate == nil || request?.candidate == $0 }
    }
}
