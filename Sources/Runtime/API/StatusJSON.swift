import Cluster
import JSON
import Timekeeping

extension APISnapshot {
    /// The body of `/patroni` and of every health check (compatibility sheet c.5), keys in Patroni's order.
    func statusJSON(at now: BootInstant) -> JSON {
        var status = JSONObject()
        status["state"] = .string(state.rawValue)
        if let postmasterStartTime { status["postmaster_start_time"] = .string(postmasterStartTime) }
        status["role"] = .string(role.rawValue)
        if let serverVersion { status["server_version"] = .int(Int64(serverVersion.rawValue)) }
        if let xlog = xlogJSON { status["xlog"] = xlog }
        if isListedSyncStandby { status["sync_standby"] = true }
        if serverVersion != nil { status["timeline"] = timeline.map { .int(Int64($0.rawValue)) } ?? .null }
        if let replicationState { status["replication_state"] = .string(replicationState) }
        if !replication.isEmpty { status["replication"] = .array(replication) }
        if isPaused { status["pause"] = true }
        if cluster?.leader == nil { status["cluster_unlocked"] = true }
        if isFailsafeActive { status["failsafe_mode_is_active"] = true }
        if let storeLastSeen { status["dcs_last_seen"] = .int(storeLastSeen) }
        if !tags.isEmpty { status["tags"] = .object(tags) }
        if let systemIdentifier { status["database_system_identifier"] = .string(systemIdentifier.description) }
        if !pendingRestartReason.isEmpty {
            status["pending_restart"] = true
            status["pending_restart_reason"] = .object(pendingRestartReason)
        }
        status["patroni"] = ["version": .string(version), "scope": .string(scope), "name": .string(name)]
        status["pgadopt"] = ["decision": .string(decision)]
        return .object(status)
    }

    private var xlogJSON: JSON? {
        if isRunningPrimary, let location { return ["location": .int(Int64(clamping: location.rawValue))] }
        guard let received = receivedLocation ?? replayedLocation else { return nil }
        return [
            "received_location": .int(Int64(clamping: received.rawValue)),
            "replayed_location": .int(Int64(clamping: (replayedLocation ?? .zero).rawValue)),
            "replayed_timestamp": replayedTimestamp.map { .string($0) } ?? .null,
            "paused": .bool(isReplayPaused),
        ]
    }

    var isListedSyncStandby: Bool { cluster?.sync?.standbys.contains(name) ?? false }
}
