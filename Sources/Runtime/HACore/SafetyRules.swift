import Timekeeping

/// What must hold whatever else is going on: a server that may be writable without a lock that is surely ours
/// is stopped. In pause mode the operator has taken this over, as in Patroni.
enum SafetyRules {
    static let all: [Rule] = [
        Rule(
            10, "safety.deadline-passed", .safety,
            when: "the server may be writable under our lock and the lease's deadline has passed",
            then: "stop the server at once; a slower operation under way is cancelled first", isUrgent: true,
            { s in !s.isPaused && s.mayBePrimary && s.leadDeadline.map { $0 <= s.now } ?? false },
            { s, memory in
                let late = s.leadDeadline.map { (s.now - $0).text } ?? "0s"
                return fence(s, &memory, because: "the lease's deadline passed \(late) ago")
            }),
        Rule(
            11, "safety.lease-lost", .safety,
            when: "the server may be writable, the lock was ours, our lease is gone, and no failsafe promise holds",
            then: "stop the server at once", isUrgent: true,
            { s in !s.isPaused && s.mayBePrimary && s.memory.leads && s.o.lease == .none && !s.leadsByFailsafe },
            { s, memory in fence(s, &memory, because: "the lease under our lock is gone") }),
        Rule(
            12, "safety.leader-is-another", .safety,
            when: "the server may be writable and another member holds the lock of the same system identifier",
            then: "stop the server at once; it comes back as a standby", isUrgent: true,
            { s in
                !s.isPaused && s.mayBePrimary && s.leaderIsAnother && s.leaderKeyIsSound && s.identity == .matches
            },
            { s, memory in
                if case .demote = s.runningOperation {
                    return Outcome(reason: "being demoted; \(s.leaderName) holds the lock")
                }
                return fence(s, &memory, because: "\(s.leaderName) holds the lock")
            }),
    ]

    private static func fence(_ s: Situation, _ memory: inout Memory, because why: String) -> Outcome {
        switch s.runningOperation {
        case .demote(.immediate), .stop(.immediate):
            return Outcome(reason: "being stopped at once: \(why)")
        case .some(let operation):
            return Outcome(.cancelOperation, reason: "giving up \(operation.text) to stop the server: \(why)")
        case nil:
            return Outcome(.begin(.demote(.immediate)), reason: "demoting at once: \(why)")
        }
    }
}

extension Operation {
    /// For sentences and logs.
    public var text: String {
        switch self {
        case .start(.primary): "start as primary"
        case .start(.standby(nil)): "start as standby"
        case .start(.standby(.some(let upstream))): "start as standby of \(upstream.name)"
        case .stop(let mode): "\(mode.rawValue) stop"
        case .promote: "promotion"
        case .demote(.immediate): "immediate demotion"
        case .demote(.switchover): "demotion for the switchover"
        case .demote(.offline): "demotion while the store is out of reach"
        case .demote(.standbyCluster): "demotion to a standby cluster"
        case .rewind(let source): "pg_rewind from \(source.name)"
        case .clone(let source): "base backup from \(source.name)"
        case .reinitialise(let source): "new copy from \(source.name)"
        case .restart(.asked): "restart"
        case .restart(.scheduled): "scheduled restart"
        case .bootstrap: "making the new cluster"
        }
    }
}
