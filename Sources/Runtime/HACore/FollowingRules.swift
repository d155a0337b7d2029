import Cluster
import PostgresModel
import Timekeeping

/// Another member leads: this server is, or becomes again, its standby.
enum FollowingRules {
    static let all: [Rule] = [
        Rule(
            90, "follow.no-address", .following,
            when: "another member leads and says no address",
            then: "keep what is; a standby keeps its upstream",
            { $0.leaderIsAnother && $0.leaderUpstream == nil },
            { s, _ in Outcome(reason: "\(s.leaderName) leads and has not said yet where it can be reached") }),
        Rule(
            91, "follow.unreadable", .following,
            when: "another member leads and the data directory cannot be read",
            then: "nothing: a directory that cannot be read is never replaced",
            { $0.leaderIsAnother && $0.dataIsUnreadable },
            { s, _ in
                guard case .unreadable(let why) = s.o.server.storage else { return Outcome(reason: "unreadable") }
                return Outcome(reason: "the data directory cannot be read (\(why)); put it right by hand")
            }),
        Rule(
            92, "follow.wait", .following,
            when: "another member leads and the server is starting, stopping or not answering",
            then: "wait",
            { $0.leaderIsAnother && $0.isBetween },
            { s, _ in Outcome(reason: "the server is \(s.betweenWord); \(s.leaderName) leads") }),
        Rule(
            93, "return.leader-not-ready", .following,
            when: "this server needs a rewind, a copy or a proof, and the leader is not a settled primary yet",
            then: "wait for the leader's first checkpoint",
            { s in
                s.leaderIsAnother && !s.leaderIsReady
                    && (s.divergence.isDiverged || (s.isStopped && !s.hasStandbySignal))
            },
            { s, _ in Outcome(reason: "waiting until \(s.leaderName) runs as a primary and has checkpointed") }),
        Rule(
            94, "return.clone", .following,
            when: "another member leads and the data directory is empty",
            then: "copy the leader",
            { $0.leaderIsAnother && $0.isStopped && $0.dataIsEmpty },
            { s, _ in begin(s, "the data directory is empty: copying \(s.leaderName)") { .clone(from: $0) } }),
        Rule(
            95, "return.rewind", .following,
            when: "another member leads, this server has diverged from it, and pg_rewind can bring it back",
            then: "rewind it to the leader",
            { $0.leaderIsAnother && $0.divergence.isDiverged && $0.mayRewind },
            { s, _ in
                begin(s, "diverged: \(s.divergence.text); rewinding to \(s.leaderName)") { .rewind(from: $0) }
            }),
        Rule(
            96, "return.clone-aside", .following,
            when: "another member leads, this server has diverged from it, and pg_rewind cannot bring it back",
            then: "copy the leader into a new directory; the old one is moved aside, not removed",
            { $0.leaderIsAnother && $0.divergence.isDiverged },
            { s, _ in
                let why = "diverged: \(s.divergence.text); \(s.whyNoRewind)"
                return begin(s, "\(why): copying \(s.leaderName), old data kept aside") { .clone(from: $0) }
            }),
        Rule(
            97, "return.rewind-unproven", .following,
            when: "another member leads, this former primary cannot prove that it has not diverged, and may rewind",
            then: "rewind it to the leader, which changes nothing when it had not diverged",
            { $0.leaderIsAnother && $0.divergence.isUnproven && $0.isStopped && $0.mayRewind },
            { s, _ in begin(s, "\(s.divergence.text): rewinding to \(s.leaderName) to be sure") { .rewind(from: $0) } }),
        Rule(
            98, "return.start", .following,
            when: "another member leads and the server is stopped",
            then: "start it as a standby of the leader",
            { $0.leaderIsAnother && $0.isStopped },
            { s, _ in begin(s, "\(s.leaderName) leads: starting as its standby") { .start(.standby($0)) } }),
        Rule(
            99, "follow.promoting", .following,
            when: "another member has the lock and is still being promoted",
            then: "keep the present upstream until it is a primary",
            { $0.leaderIsAnother && $0.iAmStandby && !$0.streamsFromLeader && $0.leaderIsPromoting },
            { s, _ in Outcome(reason: "\(s.leaderName) has the lock and is being promoted; keeping the upstream") }),
        Rule(
            100, "follow.change", .following,
            when: "another member leads and the standby has a different upstream",
            then: "point it at the leader, by reload",
            { $0.leaderIsAnother && $0.iAmStandby && !$0.streamsFromLeader },
            { s, _ in
                guard let upstream = s.leaderUpstream else { return Outcome(reason: "no address") }
                return Outcome(
                    .follow(upstream), reason: "following \(upstream.name) at \(upstream.host):\(upstream.port)")
            }),
        Rule(
            101, "follow.steady", .following,
            when: "another member leads and the standby has it as its upstream",
            then: "nothing to do",
            { $0.leaderIsAnother && $0.iAmStandby },
            { s, _ in
                let streaming = s.standby?.isStreaming ?? false
                return Outcome(reason: "following \(s.leaderName)" + (streaming ? "" : ", not streaming yet"))
            }),
        Rule(
            102, "follow.primary-elsewhere", .following,
            when: "another member leads and the server is a primary whose system identifier is not known",
            then: "leave it alone",
            { $0.leaderIsAnother },
            { s, _ in Outcome(reason: "\(s.leaderName) leads; this server is left alone") }),
    ]

    private static func begin(_ s: Situation, _ why: String, _ make: (Upstream) -> Operation) -> Outcome {
        guard let upstream = s.leaderUpstream else { return Outcome(reason: "\(s.leaderName) has no address") }
        return Outcome(.begin(make(upstream)), reason: why)
    }
}

extension Situation {
    /// Host and port decide; the name is only how we call it.
    fileprivate var streamsFromLeader: Bool {
        guard let upstream = standby?.upstream, let leaderUpstream else { return false }
        return upstream.host == leaderUpstream.host && upstream.port == leaderUpstream.port
    }
}
