import JSON
import PostgresModel

extension ClusterView {
    /// The body of `GET /cluster`; `patronictl list` and ours show the same facts. Members are in order of name;
    /// lags are bytes behind `status.optime`, or "unknown" when the member did not say where it is.
    public func clusterJSON(scope: String) -> JSON {
        var result: JSONObject = ["members": .array(members.sorted { $0.name < $1.name }.map(memberJSON))]
        if isPaused { result["pause"] = true }
        if let failover, let at = failover.scheduledAt {
            var scheduled: JSONObject = ["at": .string(at)]
            scheduled["from"] = failover.leader.map(JSON.string)
            scheduled["to"] = failover.candidate.map(JSON.string)
            result["scheduled_switchover"] = .object(scheduled)
        }
        result["scope"] = .string(scope)
        return .object(result)
    }

    private func memberJSON(_ member: Member) -> JSON {
        let fields = member.json.object ?? [:]
        let isLeader = member.name == leader?.name
        var result: JSONObject = [
            "name": .string(member.name),
            "role": .string(displayRole(of: member)),
            "state": .string(displayState(of: member)),
        ]
        result["api_url"] = fields["api_url"] ?? .null
        if let (host, port) = member.address {
            result["host"] = .string(host)
            result["port"] = .int(Int64(port))
        }
        for key in ["timeline", "pending_restart", "pending_restart_reason", "scheduled_restart", "tags"] {
            result[key] = fields[key]
        }
        if !isLeader {
            for (prefix, position) in [
                ("receive_", member.receiveLSN), ("replay_", member.replayLSN), ("", member.xlogLocation),
            ] {
                result[prefix + "lag"] = position.map { .int(lag(of: $0).rawValue) } ?? "unknown"
                result[prefix + "lsn"] = position.map { .string($0.description) } ?? "unknown"
            }
        }
        return .object(result)
    }

    /// Bytes that a position is behind the leader's last published one; zero when it is ahead.
    func lag(of position: LSN) -> ByteCount { (status.optime ?? .zero).bytes(ahead: position) }

    /// `leader`, `standby_leader`, `sync_standby`, `quorum_standby` or `replica`: the words of `/cluster`.
    public func displayRole(of member: Member) -> String {
        if member.name == leader?.name { return isStandbyCluster ? "standby_leader" : "leader" }
        switch synchronousMode {
        case .off: return "replica"
        case .on where isSynchronous(member.name): return "sync_standby"
        case .quorum where isSynchronous(member.name): return "quorum_standby"
        case .on, .quorum: return "replica"
        }
    }

    /// The member's state; for members that replicate, how they do (`streaming`, `in archive recovery`).
    public func displayState(of member: Member) -> String {
        if member.name != leader?.name, let state = member.replicationState, !state.isEmpty { return state }
        return member.state?.rawValue ?? member.other["state"]?.string ?? ""
    }

    private func isSynchronous(_ name: String) -> Bool {
        guard let sync, sync.leader != nil else { return false }
        return sync.standbys.contains { $0.lowercased() == name.lowercased() }
    }

    private var synchronousMode: SynchronousMode {
        guard let value = config?.value["synchronous_mode"] else { return .off }
        if let flag = value.bool { return flag ? .on : .off }
        switch value.string?.lowercased() {
        case "quorum": return .quorum
        case "on", "true", "yes", "1": return .on
        default: return .off
        }
    }

    /// `standby_cluster` counts only when it names a host, a port or a restore_command.
    private var isStandbyCluster: Bool {
        guard let section = config?.value["standby_cluster"]?.object else { return false }
        return ["host", "port", "restore_command"].contains { key in
            section[key].map { !$0.isNull && $0.string != "" } ?? false
        }
    }
}
