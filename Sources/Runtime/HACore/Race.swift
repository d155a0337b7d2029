import Cluster
import PostgresModel
import Timekeeping

/// What the peers' reports say about this member's right to the lock.
enum RaceVerdict: Equatable {
    /// No usable round of reports: ask.
    case ask
    /// Answers are missing that matter.
    case awaiting([String])
    case primaryAlive(String)
    case behind(String, Timeline?, LSN)
    /// Equal position, and that peer is preferred.
    case lessPreferred(String, priority: Int)
    /// Quorum mode: too few of those who could have a commit that is not here have answered.
    case tooFewVotes(Int, of: Int)
    case free
}

extension Situation {
    /// Reports older than this say nothing about now.
    static let reportLifetime: Duration = .seconds(3)
    /// A round that ended in "no" is repeated after this.
    static let askAgainAfter: Duration = .seconds(1)
    /// The former leader's lease has expired before the lock could vanish, so that it cannot lead any more;
    /// its answer is waited for only this long.
    static let formerLeaderGrace: Duration = .milliseconds(500)

    /// The members that can be asked.
    var peersToAsk: [String] {
        (view?.members ?? []).filter { $0.name != me && $0.apiURL != nil }.map(\.name)
    }

    /// When the present round was asked for, if it is still of use.
    var usableRound: BootInstant? {
        guard let asked = o.peers.askedAt, asked <= now, now - asked <= Self.reportLifetime else { return nil }
        if let since = memory.leaderlessSince, asked < since { return nil }
        return asked
    }

    /// The answer was no: look again, with new reports once these are a second old.
    func askingAgain(_ why: String, after pause: Duration = askAgainAfter) -> Outcome {
        guard let round = usableRound, now - round < pause else {
            return Outcome(.askPeers, reason: "\(why); asking again", wake: now + pause)
        }
        return Outcome(reason: why, wake: round + pause)
    }

    func answer(of name: String) -> PeerReport.Answer? { o.peers.reports.first { $0.name == name }?.answer }

    var raceVerdict: RaceVerdict {
        if peersToAsk.isEmpty && o.peers.reports.isEmpty { return missingVotes ?? .free }
        guard let asked = usableRound else { return .ask }
        let answers = o.peers.reports.filter { $0.name != me }.compactMap { report in
            report.answer.map { (name: report.name, answer: $0) }
        }
        if let alive = answers.first(where: \.answer.isPrimary) { return .primaryAlive(alive.name) }
        if let no = refusal(by: answers.filter { counts($0.name) }) { return no }
        if !o.peers.isComplete {
            // With enough votes only the former leader's answer still matters.
            let isVoted = isQuorum && syncKey != nil && missingVotes == nil
            let missing = peersToAsk.filter { name in
                guard answer(of: name) == nil, counts(name) else { return false }
                return name == memory.lastLeader ? now - asked < Self.formerLeaderGrace : !isVoted
            }
            if !missing.isEmpty { return .awaiting(missing) }
        }
        return missingVotes ?? .free
    }

    /// In synchronous mode a member that no commit waited for may have more of the log, and none of it counts.
    private func counts(_ name: String) -> Bool {
        guard let sync = syncKey else { return true }
        return isVoter(name, sync) || sync.leader.map { same($0, name) } ?? false
    }

    /// Quorum mode: of the voters, `quorum` besides this one must have answered without being ahead (one more when
    /// this member is no voter itself). One that is ahead and may not lead itself has no vote: what it has more may have
    /// been acknowledged; nor has one that would go on acknowledging what the last leader writes, should that still run.
    /// The leader of then has every commit by itself.
    private var missingVotes: RaceVerdict? {
        guard isQuorum, let sync = syncKey, !hasEveryCommit(me, sync), !iAmForced else { return nil }
        let others = sync.standbys.filter { !same($0, me) }
        let votes = others.filter { name in
            o.peers.reports.contains { report in
                same(report.name, name) && report.answer.map { $0.lsn > .zero && !isAhead($0) && !isAttached($0, sync) }
                    ?? false
            }
        }.count
        let needed = isVoter(me, sync) ? sync.quorum : sync.quorum + 1
        return usableRound != nil && votes >= needed || needed == 0 ? nil : .tooFewVotes(votes, of: needed)
    }

    private func refusal(by answers: [(name: String, answer: PeerReport.Answer)]) -> RaceVerdict? {
        guard let standby else { return nil }
        for (name, answer) in answers where answer.mayLead && !answer.isWatchdogFailed {
            switch compare(answer, with: standby) {
            case .ahead: return .behind(name, answer.timeline, answer.lsn)
            case .equal where answer.failoverPriority > settings.failoverPriority && leaderlessFor < settings.ttl:
                return .lessPreferred(name, priority: answer.failoverPriority)
            case .equal, .behind: continue
            }
        }
        return nil
    }

    private func isAttached(_ answer: PeerReport.Answer, _ sync: SyncKey) -> Bool {
        guard let upstream = answer.upstream, let leader = sync.leader else { return false }
        return same(upstream, leader)
    }

    /// Some voter lets go of the last leader in a moment, and has a vote then.
    var aVoterIsAttached: Bool {
        guard let sync = syncKey else { return false }
        return o.peers.reports.contains { report in report.answer.map { isAttached($0, sync) } ?? false }
    }

    /// This standby would go on acknowledging what the last leader of quorum mode writes.
    var acknowledgesLastLeader: Bool {
        guard isQuorum, let sync = syncKey, let leader = sync.leader, let upstream = standby?.upstream?.name
        else { return false }
        return same(upstream, leader)
    }

    /// An agent that has just started, in a store that names no other member: they may be about to say that they are
    /// there. The failsafe list tells a cluster of one.
    var knowsNobodyYet: Bool {
        guard memory.lastLeader == nil, peersToAsk.isEmpty, let view else { return false }
        return view.failsafe.map { $0.isEmpty || $0.keys.contains { $0 != me } } ?? true
    }

    private enum Place { case ahead, equal, behind }

    private func isAhead(_ answer: PeerReport.Answer) -> Bool {
        standby.map { compare(answer, with: $0) == .ahead } ?? false
    }

    /// Positions compare only on one timeline; a higher timeline is ahead whatever its position.
    private func compare(_ answer: PeerReport.Answer, with standby: ServerObservation.Running) -> Place {
        if comparesTimelines, let theirs = answer.timeline, let mine = standby.timeline, theirs != mine {
            return theirs > mine ? .ahead : .behind
        }
        let theirs = shared(answer.lsn, on: answer.timeline)
        let mine = shared(standby.lsn, on: standby.timeline)
        if theirs > mine { return .ahead }
        return theirs == mine ? .equal : .behind
    }

    /// How much of a log counts: what lies past the point where the cluster's history left its timeline does not.
    private func shared(_ lsn: LSN, on timeline: Timeline?) -> LSN {
        guard let end = view?.history.last(where: { $0.timeline == timeline })?.lsn else { return lsn }
        return min(lsn, end)
    }

    /// The last leader of a failsafe cluster asks the members of the `failsafe` key before it leads on without the
    /// store. A member that had no key of its own then is not asked, and so must not take the lock (as in Patroni).
    var isOutsideFailsafe: Bool {
        guard settings.failsafeMode, let asked = view?.failsafe, !asked.isEmpty else { return false }
        guard asked[me] == nil else { return false }
        // A leader that leads on is in its own list: when all of them say that they are none, there is none.
        return usableRound == nil || !asked.keys.allSatisfy { answer(of: $0).map { !$0.isPrimary } ?? false }
    }

    /// Bytes of the leader's last published position that are not here.
    var lag: ByteCount {
        (lastOptime ?? .zero).bytes(ahead: running.map { shared($0.lsn, on: $0.timeline) } ?? .zero)
    }

    /// This primary's timeline has ended elsewhere, and too much of what came after is not here.
    var isLaggingPrimary: Bool {
        guard let primary, view?.history.contains(where: { $0.timeline == primary.timeline }) ?? false
        else { return false }
        return lag > settings.maximumLagOnFailover
    }

    var isBehindTimeline: Bool {
        guard comparesTimelines, let cluster = view?.timeline, let mine = running?.timeline else { return false }
        return mine < cluster
    }

    /// The timelines of a standby cluster are the remote cluster's.
    private var comparesTimelines: Bool { settings.checkTimeline && settings.standbyCluster == nil }

    /// The request names me, and I am to have everything before I take the lock.
    var iAmTheCandidate: Bool { request?.candidate == me && requestIsActive }
    /// The request gives somebody else the first try.
    var candidateIsAnother: String? {
        guard let candidate = request?.candidate, candidate != me, requestIsActive else { return nil }
        return candidate
    }
}

// MARK: A leader that is asked to give way

extension Situation {
    enum Successor: Equatable {
        case ask
        case awaiting([String])
        case found([String])
        /// Nobody could yet, and somebody could in a moment: who lacks some of the log receives it, and who is on the
        /// last timeline learns of the new one (`wal_retrieve_retry_interval`, 5 s).
        case catchingUp(String)
        case none(String)
    }

    /// For so long a request waits for members that are catching up.
    static let catchUpPatience: Duration = .seconds(6)

    /// Who could take over now, by fresh reports: the named candidate, or anybody.
    var successor: Successor {
        guard let request, let primary else { return .none("there is no request") }
        let wanted = request.candidate.map { name in peersToAsk.filter { $0 == name } } ?? peersToAsk
        guard !wanted.isEmpty else {
            return .none(request.candidate.map { "\($0) is not a member" } ?? "there is no other member")
        }
        // A failover (no leader in the request) may go to a member that lacks commits; a switchover may not.
        if request.leader != nil, let sync = syncKey, !wanted.contains(where: { isVoter($0, sync) }) {
            let list = wanted.joined(separator: ", ")
            return .none("\(list): no synchronous standby (sync lists \(sync.standbys.joined(separator: ", ")))")
        }
        guard let asked = usableRound, asked >= memory.openRequest?.since ?? asked else { return .ask }
        let judged = wanted.map { (name: $0, why: objection(to: $0, primary: primary)) }
        let fit = judged.filter { $0.why == nil }.map(\.name)
        let objections = judged.compactMap { entry in entry.why.map { "\(entry.name) \($0.text)" } }
            .joined(separator: "; ")
        if !fit.isEmpty, request.candidate != nil || votesSuffice(fit) { return .found(fit) }
        let silent = wanted.filter { answer(of: $0) == nil }
        if !o.peers.isComplete, !silent.isEmpty { return .awaiting(silent) }
        if !fit.isEmpty { return .none("too few synchronous standbys answer (\(fit.joined(separator: ", ")))") }
        let mayPass = judged.contains { $0.why?.passes ?? false }
        return mayPass && waitsForCatchUp ? .catchingUp(objections) : .none(objections)
    }

    private var waitsForCatchUp: Bool {
        guard let since = memory.openRequest?.catchingUpSince else { return true }
        return now - since < Self.catchUpPatience
    }

    /// Without a named candidate one of them must be able to win the race of quorum mode.
    private func votesSuffice(_ fit: [String]) -> Bool {
        guard isQuorum, let sync = syncKey else { return true }
        return fit.filter { isVoter($0, sync) }.count > sync.quorum
    }

    private struct Objection: Equatable {
        var text: String
        /// Time alone may remove it.
        var passes = false
    }

    private func objection(to name: String, primary: ServerObservation.Running) -> Objection? {
        guard let answer = answer(of: name) else { return Objection(text: "does not answer") }
        if answer.isPrimary { return Objection(text: "runs as a primary") }
        if !answer.mayLead { return Objection(text: "may not lead (nofailover)") }
        if answer.isWatchdogFailed { return Objection(text: "has no watchdog") }
        if answer.isReplayPaused { return Objection(text: "has its replay paused") }
        if request?.leader != nil, let sync = syncKey, !isVoter(name, sync) {
            return Objection(text: "is no synchronous standby")
        }
        if let theirs = answer.timeline, let mine = primary.timeline, settings.checkTimeline, theirs < mine {
            return Objection(text: "is on timeline \(theirs), the leader on \(mine)", passes: true)
        }
        // An answer may be as old as a member's last look at its server; what we send it is known as of now.
        let sent = primary.connections.filter { $0.name.lowercased() == name.lowercased() }.compactMap(\.acknowledged)
        let lag = primary.lsn.bytes(ahead: max(answer.lsn, sent.max() ?? .zero))
        if lag > settings.maximumLagOnFailover {
            return Objection(
                text: "is \(lag) behind, more than the \(settings.maximumLagOnFailover) allowed", passes: true)
        }
        return nil
    }
}
