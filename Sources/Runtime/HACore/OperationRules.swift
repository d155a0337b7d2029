import Timekeeping

/// Work under way: one operation at a time.
enum OperationRules {
    static let all: [Rule] = [
        Rule(
            221, "reinit.forced", .operation,
            when: "a new copy is asked for by force, another member leads, and other work is under way",
            then: "give that work up",
            { s in
                guard let request = s.o.requests.reinitialise, request.isForced, s.canReinitialise,
                    let operation = s.runningOperation
                else { return false }
                return operation.kind != .reinitialise && operation.kind != .demote
            },
            { s, _ in
                Outcome(.cancelOperation, reason: "a new copy was asked for by force: giving up \(s.workText)")
            }),
        Rule(
            267, "operation.stop-overdue", .operation,
            when: "in synchronous mode, an orderly stop of the leader takes longer than primary_stop_timeout",
            then: "stop at once: a synchronous standby has every commit",
            { $0.stopIsOverdue },
            { s, _ in
                Outcome(
                    .cancelOperation,
                    reason: "\(s.workText) takes longer than primary_stop_timeout "
                        + "(\(s.settings.primaryStopTimeout.text)): stopping at once")
            }),
        Rule(
            43, "operation.start-overdue", .operation,
            when: "we hold the lock, the start takes longer than primary_start_timeout (a restart: than its own "
                + "timeout), and a member could lead",
            then: "give the start up; the lock goes to the other member next",
            { s in
                guard !s.isPaused, s.iHoldTheLock, !s.couldLead.isEmpty else { return false }
                switch s.runningOperation {
                case .start: return s.startIsOverdue
                case .restart: return s.restartIsOverdue
                case .some: return false
                case nil: return s.isStarting && (s.startIsOverdue || s.failure(of: .restart) != nil)
                }
            },
            { s, _ in
                let reason = "\(s.whyOverdue), and \(s.couldLead.joined(separator: ", ")) could lead"
                return s.isBusy
                    ? Outcome(.cancelOperation, reason: "giving up the start: \(reason)")
                    : Outcome(.begin(.demote(.immediate)), reason: "stopping the server: \(reason)")
            }),
        Rule(
            44, "operation.source-gone", .operation,
            when: "a base backup runs from a member that is neither the leader nor a running member to copy from",
            then: "give it up; the next one comes from the new leader",
            { s in
                guard case .clone(let source) = s.runningOperation else { return false }
                return s.leaderIsAnother && s.leaderName != source.name
                    && !(s.view?.member(source.name).map { s.isCloneSource($0) } ?? false)
            },
            { s, _ in
                Outcome(.cancelOperation, reason: "\(s.workText): the leader is \(s.leaderName) now")
            }),
        Rule(
            45, "operation.running", .operation,
            when: "an operation is under way",
            then: "wait for its end",
            { $0.isBusy },
            { s, _ in
                let start = s.iHoldTheLock ? s.operationLimit : nil
                return Outcome(reason: "\(s.workText) under way", wake: start)
            }),
    ]
}

extension Situation {
    fileprivate var workText: String { runningOperation?.text ?? "the work" }
    private var runningSince: BootInstant? { if case .running(_, let since) = o.operation { since } else { nil } }

    fileprivate var restartIsOverdue: Bool { restartLimit.map { $0 <= now } ?? false }
    private var restartLimit: BootInstant? {
        guard case .restart(let cause) = runningOperation else { return nil }
        return runningSince.map { $0 + (cause.timeout ?? settings.primaryStartTimeout) }
    }

    fileprivate var whyOverdue: String {
        if case .restart(let cause) = runningOperation, let timeout = cause.timeout {
            return "not up within the restart's timeout (\(timeout.text))"
        }
        if !isBusy, !startIsOverdue, let failure = failure(of: .restart) {
            return "not up after the restart (\(failure.message))"
        }
        return "not up within primary_start_timeout (\(settings.primaryStartTimeout.text))"
    }

    fileprivate var stopIsOverdue: Bool { stopLimit.map { $0 <= now } ?? false }
    private var stopLimit: BootInstant? {
        guard syncKey != nil, settings.primaryStopTimeout > .zero, !synchronousCandidates.isEmpty else { return nil }
        switch runningOperation {
        case .demote(.switchover), .demote(.offline), .stop(.fast):
            return runningSince.map { $0 + settings.primaryStopTimeout }
        default: return nil
        }
    }

    /// When the running work has taken too long.
    fileprivate var operationLimit: BootInstant? {
        [restartLimit, stopLimit].compactMap { $0 }.filter { $0 > now }.min()
    }
}
