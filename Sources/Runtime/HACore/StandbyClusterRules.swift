import Cluster

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
            Outcome(
                .begin(.start(.standby(s.remote))),
                reason: "\(s.me) leads the standby cluster: starting as a standby of \(s.remoteText)")
        })
}

extension Situation {
    var remote: Upstream? { settings.standbyCluster }
    var leadsStandbyCluster: Bool { iHoldTheLock && iAmStandby && remote != nil }
    fileprivate var remoteText: String { remote?.place ?? "nobody" }
    fileprivate var namedCandidates: [String] {
        candidates.filter { request?.candidate == nil || request?.candidate == $0 }
    }
}
