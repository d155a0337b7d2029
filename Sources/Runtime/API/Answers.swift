import PostgresModel

/// The sentences of commands, word for word where patronictl or its users match them (Patroni 4.1, compatibility
/// sheet c.4 and c.7).
extension APIResponse {
    // Restart
    public static let restarted = text("restarted successfully", status: 200)
    public static let restartScheduled = text("Restart scheduled", status: 202)
    public static let anotherRestartScheduled = text("Another restart is already scheduled", status: 409)
    public static let restartConditionsNotSatisfied = text("restart conditions are not satisfied", status: 503)
    public static let stillStarting = text("postgres is still starting", status: 503)
    public static let restartFailed = text("restart failed", status: 503)
    public static let restartDeleted = text("scheduled restart deleted", status: 200)
    public static let noRestartScheduled = text("no restarts are scheduled", status: 404)

    // Reinitialize
    public static let reinitializeStarted = text("reinitialize started", status: 200)
    public static let leaderCannotReinitialize = text("I am the leader, can not reinitialize", status: 503)
    public static let noLeaderToReinitializeFrom = text("Cluster has no leader, can not reinitialize", status: 503)

    /// - Parameter operation: what runs, such as `restart` or `reinitialize`; patronictl looks at the end of the
    ///   sentence.
    public static func alreadyInProgress(_ operation: String) -> Self {
        text("\(operation) already in progress", status: 503)
    }

    // Switchover and failover
    public enum HandOver: String, Sendable {
        case switchover, failover

        /// `switch` or `fail`.
        var verb: String { String(rawValue.dropLast(4)) }
        var title: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
    }

    /// The lock has moved to `leader`; `wanted` is who should have got it.
    public static func switchedOver(_ action: HandOver, to leader: String, wanted: String?) -> Self {
        if let wanted, wanted != leader {
            let verb = action.verb.prefix(1).uppercased() + action.verb.dropFirst()
            return text("\(verb)ed over to \"\(leader)\" instead of \"\(wanted)\"", status: 200)
        }
        return text("Successfully \(action.verb)ed over to \"\(leader)\"", status: 200)
    }
    /// The wish is gone and the leader is the same.
    /// - Parameter reason: where this member knows it, which is where it leads. Patroni's answer ends before it.
    public static func handOverFailed(_ action: HandOver, reason: String?) -> Self {
        text("\(action.title) failed" + (reason.map { ": \($0)" } ?? ""), status: 503)
    }
    /// Nothing was seen in the time that a request may take.
    public static func handOverUnknown(_ action: HandOver, after: Duration) -> Self {
        text(
            "\(action.title) status unknown after \(after.components.seconds) seconds; "
                + "operation may still be in progress", status: 503)
    }
    /// Every candidate was asked and none may lead.
    public static func noGoodCandidates(_ action: HandOver) -> Self {
        text("\(action.rawValue) is not possible: no good candidates have been found", status: 412)
    }
    public static let switchoverScheduled = text("Switchover scheduled", status: 202)
    public static let failoverKeyNotWritten = text("failed to write failover key into DCS", status: 503)
    public static let switchoverDeleted = text("scheduled switchover deleted", status: 200)
    public static let noSwitchoverScheduled = text("no switchover is scheduled", status: 404)

    // Failsafe
    /// - Parameter lsn: how far this member's log reaches; the leader advances slots by it.
    public static func failsafeAccepted(lsn: LSN?) -> Self {
        var answer = text("Accepted", status: 200)
        if let lsn { answer.headers["lsn"] = String(lsn.rawValue) }
        return answer
    }
    public static let runningAsLeader = text("Running as a leader", status: 500)

    /// Nothing was decided yet.
    static let starting = text("the agent is starting", status: 503)
    public static let reloadScheduled = text("reload scheduled", status: 202)
}
