import Cluster
import JSON
import PostgresModel

/// The checks of requests that change something, in the order and with the texts of the compatibility sheet (c.4, c.7).
extension APISnapshot {
    // MARK: Bodies

    private enum Body {
        case fields(JSONObject)
        case refused(APIResponse)
    }

    /// - Parameter isOptional: no body at all, or an empty one, is an empty object.
    private func body(_ request: APIRequest, isOptional: Bool = false) -> Body {
        if isOptional, request.body.isEmpty { return .fields([:]) }
        guard request.declaresBody else { return .refused(.text("Length Required", status: 411)) }
        do throws(JSONError) {
            guard case .object(let fields) = try JSON(parsing: request.body) else {
                return .refused(.text("Bad Request: the body must be a JSON object", status: 400))
            }
            guard isOptional || !fields.isEmpty else {
                return .refused(.text("Bad Request: the JSON object is empty", status: 400))
            }
            return .fields(fields)
        } catch {
            return .refused(.text("Bad Request: the body is not JSON: \(error.description.harmless)", status: 400))
        }
    }

    // MARK: Configuration

    func patchConfig(_ request: APIRequest) -> APIRoute {
        switch body(request) {
        case .refused(let answer): return .answer(answer)
        case .fields(let fields):
            guard let config = cluster?.config, config.modRevision != 0 else {
                return .answer(.text("there is no configuration in the store", status: 503))
            }
            return .command(.patchConfig(.object(fields)))
        }
    }

    func replaceConfig(_ request: APIRequest) -> APIRoute {
        switch body(request) {
        case .refused(let answer): .answer(answer)
        case .fields(let fields): .command(.replaceConfig(.object(fields)))
        }
    }

    // MARK: Restart and reinitialize

    func restart(_ request: APIRequest, wallTime: WallTime) -> APIRoute {
        let fields: JSONObject
        switch body(request, isOptional: true) {
        case .refused(let answer): return .answer(answer)
        case .fields(let given): fields = given
        }
        if isPaused, fields["schedule"] != nil {
            return .answer(.text("Can't schedule restart in the paused state", status: 500))
        }
        var wish = RestartRequest()
        var schedule: WallTime?
        for (key, value) in fields {
            if let refusal = take(key, value, into: &wish, schedule: &schedule, wallTime: wallTime) {
                return .answer(refusal)
            }
        }
        return .command(schedule.map { .scheduleRestart(wish, at: $0) } ?? .restart(wish))
    }

    private func take(
        _ key: String, _ value: JSON, into wish: inout RestartRequest, schedule: inout WallTime?, wallTime: WallTime
    ) -> APIResponse? {
        switch key {
        case "schedule":
            switch Self.schedule(value, of: "restart", wallTime: wallTime) {
            case .success(let time): schedule = time
            case .failure(let refusal): return refusal.answer
            }
        case "role":
            let role = value.string.flatMap(MemberRole.init(rawValue:))
            guard let role, [.primary, .standbyLeader, .replica].contains(role) else {
                return .text("PostgreSQL role should be either primary, standby_leader, or replica", status: 400)
            }
            wish.role = role
        case "postgres_version":
            guard let version = value.string.flatMap(ServerVersion.init(filter:)) else {
                return .text("Invalid PostgreSQL version: \((value.string ?? value.text).harmless)", status: 400)
            }
            wish.olderThan = version
        case "timeout":
            guard let seconds = Self.seconds(value), seconds > 0 else {
                return .text("Timeout should be a positive number of seconds", status: 400)
            }
            wish.timeout = .seconds(seconds)
        case "restart_pending": wish.onlyIfPending = Self.isTrue(value)
        default: return .text("Unknown filter for the scheduled restart: \(key.harmless)", status: 400)
        }
        return nil
    }

    func reinitialize(_ request: APIRequest) -> APIRoute {
        switch body(request, isOptional: true) {
        case .refused(let answer): return .answer(answer)
        case .fields(let fields):
            guard let leader = cluster?.leader?.name else { return .answer(.noLeaderToReinitializeFrom) }
            guard leader != name else { return .answer(.leaderCannotReinitialize) }
            return .command(.reinitialize(
                force: Self.isTrue(fields["force"]), fromLeader: Self.isTrue(fields["from_leader"])))
        }
    }

    // MARK: Failsafe

    func failsafe(_ request: APIRequest) -> APIRoute {
        switch body(request) {
        case .refused(let answer): return .answer(answer)
        case .fields(let fields):
            guard let leader = fields["name"]?.string, !leader.isEmpty, let url = fields["api_url"]?.string else {
                return .answer(.text("Bad Request: name and api_url are needed", status: 400))
            }
            var slots: [String: LSN] = [:]
            for (slot, position) in fields["slots"]?.object ?? [:] {
                if let number = position.int, number >= 0 { slots[slot] = LSN(rawValue: UInt64(number)) }
            }
            return .command(.failsafe(FailsafeClaim(
                leader: leader, connURL: fields["conn_url"]?.string, apiURL: url, slots: slots)))
        }
    }

    // MARK: Switchover and failover

    func handOver(_ request: APIRequest, asked: APIResponse.HandOver, wallTime: WallTime) -> APIRoute {
        let fields: JSONObject
        switch body(request) {
        case .refused(let answer): return .answer(answer)
        case .fields(let given): fields = given
        }
        for key in ["leader", "candidate", "member"] {
            if let value = fields[key], !value.isNull, value.string == nil {
                return .answer(.text("Bad Request: \(key) must be a text", status: 400))
            }
        }
        func text(_ key: String) -> String? { fields[key]?.string.flatMap { $0.isEmpty ? nil : $0 } }
        let (leader, candidate) = (text("leader"), text("candidate") ?? text("member"))
        func refused(_ sentence: String) -> APIRoute { .answer(.text(sentence, status: 400)) }
        if asked == .failover, candidate == nil {
            return refused("Failover could be performed only to a specific candidate")
        }
        if asked == .switchover, leader == nil {
            return refused("Switchover could be performed only from a specific leader")
        }
        var time: WallTime?
        if let given = fields["scheduled_at"], !given.isNull, given != "" {
            if asked == .failover { return refused("Failover can't be scheduled") }
            if isPaused { return refused("Can't schedule switchover in the paused state") }
            switch Self.schedule(given, of: "switchover", wallTime: wallTime) {
            case .success(let at): time = at
            case .failure(let refusal): return .answer(refusal.answer)
            }
        }
        if isPaused, candidate == nil {
            return refused("Switchover is possible only to a specific candidate in a paused state")
        }
        if leader == candidate { return refused("Switchover target and source are the same") }
        // A failover that names the leader is a switchover (Patroni).
        let action = leader == nil ? APIResponse.HandOver.failover : .switchover
        if time == nil, let reason = impossibility(of: action, leader: leader, candidate: candidate) {
            return .answer(.text(reason, status: 412))
        }
        if let leader { return .command(.switchover(leader: leader, candidate: candidate, scheduledAt: time)) }
        return candidate.map { .command(.failover(candidate: $0)) } ?? refused("no candidate")
    }

    /// Patroni's checks that need no question to other members; nil: nothing speaks against it.
    private func impossibility(of action: APIResponse.HandOver, leader: String?, candidate: String?) -> String? {
        guard let cluster else { return "\(action.rawValue) is not possible: the store has not been read yet" }
        if let leader, cluster.leader?.name != leader { return "leader name does not match" }
        let synchronous = cluster.members.filter { cluster.displayRole(of: $0) == "sync_standby" }.map(\.name)
        if let candidate {
            if action == .switchover, cluster.isStrictlySynchronous, !synchronous.contains(candidate) {
                return "candidate name does not match with sync_standby"
            }
            return cluster.member(candidate) == nil ? "candidate does not exists" : nil
        }
        if cluster.isStrictlySynchronous {
            return synchronous.isEmpty ? "\(action.rawValue) is not possible: can not find sync_standby" : nil
        }
        return cluster.members.contains { $0.name != cluster.leader?.name && $0.apiURL != nil }
            ? nil : "\(action.rawValue) is not possible: cluster does not have members except leader"
    }
}

extension ClusterView {
    /// `synchronous_mode` is on and not `quorum`: only a standby named in `sync` may take over.
    var isStrictlySynchronous: Bool {
        guard let mode = config?.value["synchronous_mode"] else { return false }
        if let flag = mode.bool { return flag }
        return ["on", "true", "yes", "1"].contains(mode.string?.lowercased() ?? "")
    }
}
