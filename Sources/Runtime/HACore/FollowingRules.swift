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
            then: "copy a member tagged clonefrom, else the leader",
            { $0.leaderIsAnother && $0.isStopped && $0.dataIsEmpty },
            { s, _ in
                let source = s.cloneSource
                return begin(s, "the data directory is empty: copying \(source?.name ?? "")") {
                    .clone(from: source ?? $0)
                }
            }),
        Rule(
            95, "return.rewind", .following,
            when: "another member leads, this server has diverged from it, and pg_rewind can bring it back",
            then: "rewind it to the leader (in a standby cluster to the remote server)",
            { $0.leaderIsAnother && $0.divergence.isDiverged && $0.mayRewind },
            { s, _ in
                begin(s, "diverged: \(s.divergence.text); rewinding to \(s.rewindSource?.name ?? "")") {
                    .rewind(from: s.rewindSource ?? $0)
                }
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
            then: "rewind it as in 95, which changes nothing when it had not diverged",
            { $0.leaderIsAnother && $0.divergence.isUnproven && $0.isStopped && $0.mayRewind },
            { s, _ in
                begin(s, "\(s.divergence.text): rewinding to \(s.rewindSource?.name ?? "") to be sure") {
                    .rewind(from: s.rewindSource ?? $0)
                }
            }),
        Rule(
            296, "follow.await-history", .following,
            when: "another member leads, this standby is on a timeline that `history` does not tell of, and the leader "
                + "has yet to promote, or to write (for ttl) how it came to its timeline",
            then: "stay away from it: two timelines of one number cannot be told apart by number",
            { $0.mustAwaitHistory },
            { s, _ in
                let own = s.data?.newestTimeline.map { "\($0.timeline), begun at \($0.start)" } ?? "?"
                var outcome = Outcome(
                    reason: "history does not tell of timeline \(own) here: waiting for \(s.leaderName) to write its own",
                    wake: s.historyWake)
                if s.mustLeaveLeader { outcome.actions = [.stopStreaming] }
                return outcome
            }),
        Rule(
            98, "return.start", .following,
            when: "another member leads and the server is stopped",
            then: "start it as a standby of the leader (or of the member of tag replicatefrom)",
            { $0.leaderIsAnother && $0.isStopped },
            { s, _ in
                if s.settings.noStream {
                    return Outcome(
                        .begin(.start(.standby(nil))),
                        reason: "\(s.leaderName) leads: starting as a standby that replays from the archive")
                }
                let upstream = s.wantedUpstream
                let whose = upstream?.name == s.leaderName ? "its standby" : "a standby of \(upstream?.name ?? "")"
                return begin(s, "\(s.leaderName) leads: starting as \(whose)") { .start(.standby(upstream ?? $0)) }
            }),
        Rule(
            280, "follow.no-stream", .following,
            when: "another member leads, this member is tagged nostream, and the standby has an upstream",
            then: "take it away, by reload: it replays from the archive",
            { $0.leaderIsAnother && $0.iAmStandby && $0.settings.noStream && $0.standby?.upstream != nil },
            { s, _ in
                Outcome(.stopStreaming, reason: "\(s.me) is tagged nostream: no streaming from \(s.leaderName)")
            }),
        Rule(
            281, "follow.archive", .following,
            when: "another member leads, this member is tagged nostream, and the standby has no upstream",
            then: "nothing to do",
            { $0.leaderIsAnother && $0.iAmStandby && $0.settings.noStream },
            { s, _ in Outcome(reason: "\(s.leaderName) leads; replaying from the archive (nostream)") }),
        Rule(
            99, "follow.promoting", .following,
            when: "another member has the lock and is still being promoted",
            then: "keep the present upstream until it is a primary",
            { $0.leaderIsAnother && $0.iAmStandby && !$0.hasUpstream && $0.wantsLeader && $0.leaderIsPromoting },
            { s, _ in Outcome(reason: "\(s.leaderName) has the lock and is being promoted; keeping the upstream") }),
        Rule(
            100, "follow.change", .following,
            when: "another member leads and the standby has a different upstream",
            then: "point it at the leader (or at the member of tag replicatefrom, while that runs), by reload",
            { $0.leaderIsAnother && $0.iAmStandby && !$0.hasUpstream },
            { s, _ in
                guard let upstream = s.wantedUpstream else { return Outcome(reason: "no address") }
                return Outcome(
                    .follow(upstream), reason: "following \(upstream.name) at \(upstream.host):\(upstream.port)")
            }),
        Rule(
            101, "follow.steady", .following,
            when: "another member leads and the standby has the upstream that it is to have",
            then: "nothing to do",
            { $0.leaderIsAnother && $0.iAmStandby },
            { s, _ in
                let streaming = s.standby?.isStreaming ?? false
                let through = s.wantsLeader ? "" : " through \(s.wantedUpstream?.name ?? "")"
                return Outcome(
                    reason: "following \(s.leaderName)\(through)" + (streaming ? "" : ", not streaming yet"))
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
    fileprivate var hasUpstream: Bool { streams(from: wantedUpstream) }
    fileprivate var wantsLeader: Bool { wantedUpstream?.name == leader?.name }
}
