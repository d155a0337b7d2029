import Cluster
import JSON
import Timekeeping

/// Decides what a request gets. Pure: the answers to reads, or the command to carry out.
public enum APIRoute: Equatable, Sendable {
    case answer(APIResponse)
    case command(APICommand)
}

extension APISnapshot {
    /// - Parameters:
    ///   - now: the moment against which the lock's deadline is judged.
    ///   - wallTime: against which schedules are judged.
    public func route(
        _ request: APIRequest, at now: BootInstant, wallTime: WallTime = WallTime(microseconds: 0)
    ) -> APIRoute {
        switch request.method {
        case "GET": .answer(read(request, at: now))
        case "HEAD", "OPTIONS": .answer(.empty(status: read(request, at: now).status))
        default: change(request, wallTime: wallTime)
        }
    }

    private func read(_ request: APIRequest, at now: BootInstant) -> APIResponse {
        switch request.word {
        case "patroni": return .json(statusJSON(at: now))
        case "cluster":
            guard let cluster else { return .text("the store has not been read yet", status: 503) }
            return .json(cluster.clusterJSON(scope: scope))
        case "history": return .json(cluster.map { HistoryEntry.json($0.history) } ?? .array([]))
        case "config":
            guard let config = cluster?.config, config.modRevision != 0 else { return .empty(status: 502) }
            return .json(config.value)
        case "failsafe":
            guard let members = cluster?.failsafe else { return .empty(status: 502) }
            var list = JSONObject()
            for name in members.keys.sorted() { list[name] = members[name].map(JSON.string) }
            return .json(.object(list))
        case "metrics":
            return APIResponse(status: 200, contentType: "text/plain", body: metrics(at: now))
        case "liveness": return .empty(status: isLive(at: now) ? 200 : 503)
        case "readiness": return .empty(status: isReady(query: request.query, at: now) ? 200 : 503)
        default:
            let passed = HealthCheck(path: request.path).map { passes($0, query: request.query, at: now) } ?? false
            return .json(statusJSON(at: now), status: passed ? 200 : 503)
        }
    }

    private func change(_ request: APIRequest, wallTime: WallTime) -> APIRoute {
        switch (request.method, request.word) {
        case ("PATCH", "config"): return patchConfig(request)
        case ("PUT", "config"): return replaceConfig(request)
        case ("POST", "reload"): return .command(.reload)
        case ("POST", "restart"): return restart(request, wallTime: wallTime)
        case ("DELETE", "restart"): return .command(.deleteRestart)
        case ("POST", "reinitialize"): return reinitialize(request)
        case ("POST", "switchover"): return handOver(request, asked: .switchover, wallTime: wallTime)
        case ("POST", "failover"): return handOver(request, asked: .failover, wallTime: wallTime)
        case ("DELETE", "switchover"):
            guard cluster?.failover?.scheduledAt != nil else { return .answer(.noSwitchoverScheduled) }
            return .command(.deleteSwitchover)
        case ("POST", "failsafe"): return failsafe(request)
        case ("POST", "mpp"), ("POST", "citus"):
            // To say OK, as Patroni does without Citus, would make a worker wait for what never happens.
            return .answer(.text("Citus is not supported", status: 501))
        case ("POST", "sigterm"):
            // Patroni's answer on everything but its Windows tests: nothing happens.
            return .answer(.text("shutdown scheduled", status: 202))
        default:
            return .answer(.text("Unsupported method ('\(request.method.harmless)')", status: 501))
        }
    }
}

extension String {
    /// What a client sent, fit to be shown: short, and nothing that a browser would take for markup.
    var harmless: String {
        var out = ""
        for scalar in unicodeScalars.prefix(100) {
            switch scalar {
            case "<", ">", "&", "\"": out += "?"
            case let control where control.value < 0x20 || control.value == 0x7F: out += "?"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
