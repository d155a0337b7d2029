import Cluster
import JSON
import PostgresModel
import Timekeeping

extension APISnapshot {
    /// The body of `/patroni` and of every health check (compatibility sheet c.5), keys in Patroni's order.
    func statusJSON(at now: BootInstant) -> JSON {
        var status = JSONObject()
        status["state"] = .string(state == .running && !isServerStatusKnown ? "unknown" : state.rawValue)
        if hasServerStatus {
            serverStatus(into: &status, at: now)
        } else {
            status["role"] = .string(role.rawValue)
        }
        if isPaused { status["pause"] = true }
        if freshCluster(at: now)?.leader == nil { status["cluster_unlocked"] = true }
        if isFailsafeActive { status["failsafe_mode_is_active"] = true }
        if let storeLastSeen { status["dcs_last_seen"] = .int(storeLastSeen) }
        if !tags.isEmpty { status["tags"] = .object(tags) }
        if let systemIdentifier { status["database_system_identifier"] = .string(systemIdentifier.description) }
        if !pendingRestartReason.isEmpty {
            status["pending_restart"] = true
            status["pending_restart_reason"] = .object(pendingRestartReason)
        }
        status["patroni"] = ["version": .string(version), "scope": .string(scope), "name": .string(name)]
        if let scheduledRestart { status["scheduled_restart"] = .object(scheduledRestart.statusJSON) }
        if isWatchdogFailed { status["watchdog_failed"] = true }
        if logQueueSize > 2 {
            status["logger_queue_size"] = .int(Int64(logQueueSize))
            if logRecordsLost > 0 { status["logger_records_lost"] = .int(Int64(logRecordsLost)) }
        }
        var own: JSONObject = ["decision": .string(decision)]
        if let upstream { own["upstream"] = .string(upstream) }
        status["pgadopt"] = .object(own)
        return .object(status)
    }

    private func serverStatus(into status: inout JSONObject, at now: BootInstant) {
        if let postmasterStartTime { status["postmaster_start_time"] = .string(postmasterStartTime) }
        status["role"] = .string(role.rawValue)
        if let serverVersion { status["server_version"] = .int(Int64(serverVersion.rawValue)) }
        status["xlog"] = xlogJSON
        switch synchronousRole(at: now) {
        case .none: break
        case .sync: status["sync_standby"] = true
        case .quorum: status["quorum_standby"] = true
        }
        status["timeline"] = timeline.map { .int(Int64($0.rawValue)) } ?? .null
        if let replicationState { status["replication_state"] = .string(replicationState) }
        if !replication.isEmpty { status["replication"] = .array(replication) }
    }

    /// Other members take a status without it for a member that cannot be reached.
    private var xlogJSON: JSON? {
        if isRunningPrimary { return location.map { ["location": $0.json] } }
        guard let received = receivedLocation ?? replayedLocation else { return nil }
        return [
            "received_location": received.json,
            "replayed_location": (replayedLocation ?? .zero).json,
            "replayed_timestamp": replayedTimestamp.map { .string($0) } ?? .null,
            "paused": .bool(isReplayPaused),
        ]
    }
}

extension LSN {
    /// The integer form of the wire format.
    var json: JSON { .int(Int64(clamping: rawValue)) }
}
