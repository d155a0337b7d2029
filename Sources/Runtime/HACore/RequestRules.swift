import Timekeeping

/// We lead and are asked to give way: the `failover` key, seen by the leader.
enum RequestRules {
    static let all: [Rule] = [
        Rule(
            60, "request.done", .requests,
            when: "we lead, and the request names us as the candidate",
            then: "clear it: it is done",
            { $0.iHoldTheLock && $0.iAmPrimary && $0.request?.candidate == $0.me },
            { s, _ in clear(s, "done: \(s.me) leads") }),
        Rule(
            61, "request.stale", .requests,
            when: "we lead, and the request names another member as the leader",
            then: "clear it: the leader has changed since",
            { s in s.iHoldTheLock && s.iAmPrimary && s.request?.leader.map { $0 != s.me } ?? false },
            { s, _ in clear(s, "the leader is \(s.me) now") }),
        Rule(
            62, "request.schedule-past", .requests,
            when: "we lead, and the request's moment is past by more than 1.5 loop_wait, or cannot be read",
            then: "clear it: nobody reckons with it any more",
            { $0.iHoldTheLock && $0.iAmPrimary && $0.whyNotScheduled != nil },
            { s, _ in clear(s, s.whyNotScheduled ?? "") }),
        Rule(
            63, "request.failed", .requests,
            when: "we lead, and the demotion for the request has failed",
            then: "clear the request and lead on",
            { $0.iHoldTheLock && $0.iAmPrimary && $0.request != nil && $0.failedHandOver != nil },
            { s, memory in
                let message = s.failedHandOver?.message ?? ""
                memory.failures[.demote] = nil
                return clear(s, "the demotion failed: \(message)")
            }),
        Rule(
            64, "request.ask", .requests,
            when: "we lead, a request is open, and nobody's state is known",
            then: "ask the other members where they are",
            { $0.canSwitch && $0.successor == .ask },
            { s, _ in Outcome(.askPeers, reason: "\(s.requestText): asking the members where they are") }),
        Rule(
            65, "request.awaiting", .requests,
            when: "we lead, a request is open, and answers are missing",
            then: "wait for them and lead on",
            { s in if s.canSwitch, case .awaiting = s.successor { true } else { false } },
            { s, _ in
                Outcome(
                    reason: "\(s.requestText): waiting for the members' answers",
                    wake: s.usableRound.map { $0 + Situation.reportLifetime })
            }),
        Rule(
            66, "request.impossible", .requests,
            when: "we lead, a request is open, and no member could take over",
            then: "clear the request with the reason of each",
            { s in if s.canSwitch, case .none = s.successor { true } else { false } },
            { s, _ in
                guard case .none(let why) = s.successor else { return clear(s, "impossible") }
                return clear(s, "impossible: \(why)")
            }),
        Rule(
            67, "request.begin", .requests,
            when: "we lead, a request is open, and a member could take over",
            then: "checkpoint and stop the server; the lock follows when it is down",
            { s in if s.canSwitch, case .found = s.successor { true } else { false } },
            { s, memory in
                guard case .found(let names) = s.successor else { return Outcome(reason: "nobody to hand over to") }
                memory.begunRequest = s.request?.modRevision
                return Outcome(
                    .begin(.demote(.switchover(candidate: s.request?.candidate))),
                    reason: "\(s.requestText): stopping to hand over to \(names.joined(separator: " or "))")
            }),
        Rule(
            68, "request.catching-up", .requests,
            when: "we lead, a request is open, and a member could take over if it had caught up, for 6 s",
            then: "lead on, and ask again after a second",
            { s in if s.canSwitch, case .catchingUp = s.successor { true } else { false } },
            { s, memory in
                guard case .catchingUp(let why) = s.successor else { return Outcome(reason: s.requestText) }
                if memory.openRequest?.catchingUpSince == nil { memory.openRequest?.catchingUpSince = s.now }
                return s.askingAgain("\(s.requestText): \(why)")
            }),
    ]

    private static func clear(_ s: Situation, _ why: String) -> Outcome {
        Outcome(.clearFailover(reason: why), reason: "\(s.requestText) cleared: \(why)")
    }
}

extension Situation {
    /// A demotion that failed before the request was seen was for another reason.
    fileprivate var failedHandOver: Memory.Failure? {
        guard let failure = failure(of: .demote), let opened = memory.openRequest?.since, failure.at >= opened
        else { return nil }
        return failure
    }

    fileprivate var canSwitch: Bool { iHoldTheLock && iAmPrimary && remote == nil && requestIsForMe }

    fileprivate var whyNotScheduled: String? {
        switch requestSchedule {
        case .stale(let late): "its moment is past by \(late.text)"
        case .unreadable(let text): "its moment \"\(text)\" cannot be read"
        case .now, .later, .unknown: nil
        }
    }
}
