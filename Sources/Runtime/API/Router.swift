import Cluster
import JSON
import Timekeeping

/// Decides what a request gets. Pure: the answers to reads, or the command to carry out.
public enum APIRoute: Equatable, Sendable {
    case answer(APIResponse)
    case command(APICommand)
}

extension APISnapshot {
    /// - Parameter now: the moment against which the lock's deadline is judged.
    public func route(_ request: APIRequest, at now: BootInstant) -> APIRoute {
        let word = request.path.split(separator: "/").first.map(String.init) ?? ""
        switch (request.method, word) {
        case ("GET", "patroni"): return .answer(.json(statusJSON(at: now)))
        case ("GET", "cluster"): return .answer(clusterResponse())
        case ("GET", "history"):
            return .answer(.json(cluster.map { HistoryEntry.json($0.history) } ?? .array([])))
        case ("GET", "config"):
            guard let config = cluster?.config else { return .answer(.empty(status: 502)) }
            return .answer(.json(config.value))
        case ("GET", "failsafe"):
            guard let members = cluster?.failsafe else { return .answer(.empty(status: 502)) }
            return .answer(.json(.object(members.sorted { $0.key < $1.key }.reduce(into: JSONObject()) {
                $0[$1.key] = .string($1.value)
            })))
        case ("GET", "liveness"): return .answer(.empty(status: isLive(at: now) ? 200 : 503))
        case ("GET", "readiness"):
            return .answer(.empty(status: isReady(query: request.query, at: now) ? 200 : 503))
        case ("GET", _), ("HEAD", _), ("OPTIONS", _):
            let passed = HealthCheck(path: request.path).map { passes($0, query: request.query, at: now) } ?? false
            let status = passed ? 200 : 503
            guard request.method == "GET" else { return .answer(.empty(status: status)) }
            return .answer(.json(statusJSON(at: now), status: status))
        case ("DELETE", "switchover"): return .command(.deleteSwitchover)
        case ("POST", "reload"): return .command(.reload)
        case ("POST", "switchover"), ("POST", "failover"), ("POST", "failsafe"), ("PATCH", "config"):
            return change(request, word: word)
        default:
            return .answer(.text("Unsupported method ('\(request.method)' for \(request.path))", status: 501))
        }
    }

    private func clusterResponse() -> APIResponse {
        guard let cluster else { return .text("the store has not been read yet", status: 503) }
        return .json(cluster.clusterJSON(scope: scope))
    }

    private func change(_ request: APIRequest, word: String) -> APIRoute {
        guard let body = try? JSON(parsing: request.body), case .object(let fields) = body, !fields.isEmpty else {
            return .answer(.text("the body must be a JSON object that is not empty", status: 400))
        }
        let candidate = fields["candidate"]?.string ?? fields["member"]?.string
        switch word {
        case "config":
            return cluster?.config == nil
                ? .answer(.text("there is no configuration in the store yet", status: 503))
                : .command(.patchConfig(body))
        case "failsafe":
            guard let leader = fields["name"]?.string, let url = fields["api_url"]?.string else {
                return .answer(.text("the body needs name and api_url", status: 400))
            }
            return .command(.failsafe(FailsafeClaim(leader: leader, apiURL: url)))
        case "failover" where fields["leader"] == nil:
            guard let candidate else {
                return .answer(.text("Failover could be performed only to a specific candidate", status: 400))
            }
            return refusal(leader: nil, candidate: candidate).map { .answer($0) }
                ?? .command(.failover(candidate: candidate))
        default:
            guard let leader = fields["leader"]?.string else {
                return .answer(.text("Switchover could be performed only from a specific leader", status: 400))
            }
            let time = fields["scheduled_at"]?.string.map { text in Result { try WallTime(parsing: text) } }
            if case .failure = time { return .answer(.text("scheduled_at needs an ISO 8601 time with zone", status: 422)) }
            return refusal(leader: leader, candidate: candidate).map { .answer($0) }
                ?? .command(.switchover(leader: leader, candidate: candidate, scheduledAt: try? time?.get()))
        }
    }

    /// Patroni's checks of c.7 that a snapshot can make; nil: nothing speaks against it.
    private func refusal(leader: String?, candidate: String?) -> APIResponse? {
        if isPaused, candidate == nil {
            return .text("Switchover is possible only to a specific candidate in a paused state", status: 400)
        }
        if let leader, leader == candidate {
            return .text("Switchover target and source are the same", status: 400)
        }
        guard let cluster else { return .text("the store has not been read yet", status: 503) }
        if let leader, cluster.leader?.name != leader { return .text("leader name does not match", status: 412) }
        if let candidate, cluster.member(candidate) == nil { return .text("candidate does not exists", status: 412) }
        if !cluster.members.contains(where: { $0.name != cluster.leader?.name }) {
            return .text("switchover is not possible: cluster does not have members except leader", status: 412)
        }
        return nil
    }
}
