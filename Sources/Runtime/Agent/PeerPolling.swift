import API
import Cluster
import HACore
import JSON
import PostgresModel
import Timekeeping

/// Asks the other members for their reports before a leader race (Patroni's `GET /patroni`).
struct PeerPolling: Sendable {
    let client: APIClient
    /// How long one member may take. A live member on a local network answers in milliseconds from its cache;
    /// a dead one costs this much of the failover.
    let deadline: Duration

    /// Asks all at once. `onReport` gets each report as it comes, so that the race need not wait for the dead.
    func ask(_ members: [Member], onReport: @escaping @Sendable (PeerReport) async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            for member in members {
                group.addTask { await onReport(await report(of: member)) }
            }
        }
    }

    /// All reports of one round, in no order.
    func reports(of members: [Member]) async -> [PeerReport] {
        await withTaskGroup(of: PeerReport.self) { group in
            for member in members { group.addTask { await report(of: member) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func report(of member: Member) async -> PeerReport {
        guard let url = member.apiURL,
            let answer = try? await client.request("GET", url, deadline: deadline),
            let status = try? JSON(parsing: answer.body)
        else { return PeerReport(name: member.name, answer: nil) }
        return PeerReport(name: member.name, answer: Self.answer(from: status))
    }

    /// Reads a member's status. Nil when it does not say where its log stands: such a member cannot be compared
    /// and counts as unreachable, as in Patroni.
    static func answer(from status: JSON) -> PeerReport.Answer? {
        guard let log = status["xlog"] ?? status["wal"] else { return nil }
        let role = status["role"]?.string
        let isPrimary = log["location"] != nil || role == "primary" || role == "master"
        let positions = [log["location"], log["received_location"], log["replayed_location"]].compactMap { $0?.int }
        guard let furthest = positions.max(), furthest >= 0 else { return nil }
        let tags = status["tags"]?.object ?? JSONObject()
        let (mayLead, priority) = leadershipTags(tags)
        return PeerReport.Answer(
            isPrimary: isPrimary, lsn: LSN(rawValue: UInt64(furthest)),
            timeline: status["timeline"]?.int.flatMap { UInt32(exactly: $0) }.map { Timeline($0) },
            mayLead: mayLead, failoverPriority: priority,
            isWatchdogFailed: status["watchdog_failed"] == .bool(true), isReplayPaused: log["paused"] == .bool(true),
            upstream: status["pgadopt"]?["upstream"]?.string)
    }
}

/// What the tags `nofailover` and `failover_priority` say; `nofailover` wins where both are set (Patroni d.6).
func leadershipTags(_ tags: JSONObject) -> (mayLead: Bool, priority: Int) {
    let priority = tags["failover_priority"]?.int.flatMap { Int(exactly: $0) } ?? 1
    if let nofailover = tags["nofailover"]?.bool { return (!nofailover, nofailover ? 0 : max(priority, 1)) }
    return (priority > 0, priority)
}
