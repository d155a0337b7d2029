import Cluster
import JSON
import PostgresModel
import Timekeeping

extension APISnapshot {
    /// The body of `/metrics` in Prometheus' text format: Patroni's names, types, labels and values (compatibility
    /// sheet c.8), then our own, which begin with `pgadopt_`.
    func metrics(at now: BootInstant) -> String {
        var page = MetricsPage(labels: [("scope", scope), ("name", name)])
        identity(into: &page)
        log(into: &page, at: now)
        cluster(into: &page, at: now)
        own(into: &page, at: now)
        return page.text
    }

    private func identity(into page: inout MetricsPage) {
        let parts = version.split(separator: ".")
        let padded = parts.map { $0.count < 2 ? "0" + $0 : String($0) }.joined()
        page.add("patroni_version", .gauge, "Version whose interface is spoken, two digits a part.", value: padded)
        page.add("patroni_postgres_running", .gauge, "1 while PostgreSQL runs and answers.",
            state == .running && isServerStatusKnown)
        page.add("patroni_postmaster_start_time", .gauge, "When the postmaster started, in seconds since 1970.",
            value: hasServerStatus ? Self.epoch(postmasterStartTime) : "0")
        page.add("patroni_primary", .gauge, "1 on the primary of the cluster.", role == .primary)
    }

    private func log(into page: inout MetricsPage, at now: BootInstant) {
        func position(_ lsn: LSN?, _ shown: Bool) -> String {
            String(hasServerStatus && shown ? lsn?.rawValue ?? 0 : 0)
        }
        let isStandby = !isRunningPrimary
        page.add("patroni_xlog_location", .counter, "Flushed position of the primary's log in bytes; 0 on others.",
            value: position(location, isRunningPrimary))
        page.add("patroni_standby_leader", .gauge, "1 on the leader of a standby cluster.", role == .standbyLeader)
        page.add("patroni_replica", .gauge, "1 on a replica.", role == .replica)
        let synchronous = hasServerStatus ? synchronousRole(at: now) : .none
        page.add("patroni_sync_standby", .gauge, "1 on a synchronous standby.", synchronous == .sync)
        page.add("patroni_quorum_standby", .gauge, "1 on a standby of the quorum.", synchronous == .quorum)
        page.add("patroni_xlog_received_location", .counter, "Position up to which a standby has received, in bytes.",
            value: position(receivedLocation ?? replayedLocation, isStandby))
        page.add("patroni_xlog_replayed_location", .counter, "Position up to which a standby has replayed, in bytes.",
            value: position(replayedLocation, isStandby))
        page.add("patroni_xlog_replayed_timestamp", .gauge, "Commit time of the last replayed transaction, or 0.",
            value: hasServerStatus && isStandby ? Self.epoch(replayedTimestamp) : "0")
        page.add("patroni_xlog_paused", .gauge, "1 while replay is paused.", hasServerStatus && isReplayPaused)
        if hasServerStatus {
            page.add("patroni_postgres_streaming", .gauge, "1 while a standby streams.",
                replicationState == "streaming")
            page.add("patroni_postgres_in_archive_recovery", .gauge, "1 while a standby reads from the archive.",
                replicationState == "in archive recovery")
        }
        page.add("patroni_postgres_server_version", .gauge, "server_version_num of the running server, or 0.",
            value: String(hasServerStatus ? serverVersion?.rawValue ?? 0 : 0))
    }

    private func cluster(into page: inout MetricsPage, at now: BootInstant) {
        page.add("patroni_cluster_unlocked", .gauge, "1 while nobody holds the leader's lock, as far as is known.",
            freshCluster(at: now)?.leader == nil)
        page.add("patroni_failsafe_mode_is_active", .gauge, "1 while the leader stays without the store.",
            isFailsafeActive)
        page.add("patroni_failsafe_mode_enabled", .gauge, "1 when failsafe_mode is on.", isFailsafeEnabled)
        page.add("patroni_failsafe_member", .gauge, "1 when this member is on the failsafe list.",
            isFailsafeEnabled && cluster?.failsafe?[name] != nil)
        page.add("patroni_postgres_timeline", .gauge, "Timeline of the running server, or 0.",
            value: String(hasServerStatus ? timeline?.rawValue ?? 0 : 0))
        page.add("patroni_dcs_last_seen", .gauge, "Last contact with the store, in seconds since 1970.",
            value: String(storeLastSeen ?? 0))
        page.add("patroni_pending_restart", .gauge, "1 while a parameter waits for a restart.",
            !pendingRestartReason.isEmpty)
        page.add("patroni_is_paused", .gauge, "1 while automatic failover is paused.", isPaused)
        let words = Self.stateWords.enumerated().map { "\($0)=\($1)" }.joined(separator: ", ")
        let number = state == .running && !isServerStatusKnown ? -1 : MemberState.allCases.firstIndex(of: state) ?? -1
        page.add("patroni_postgres_state", .gauge, "State of PostgreSQL as a number; -1: not known.",
            remark: "Values: \(words)", value: String(number))
        page.add("patroni_failover_priority", .gauge, "Priority in a leader race; 0: never a leader.",
            value: String(failoverPriority))
    }

    private func own(into page: inout MetricsPage, at now: BootInstant) {
        let left = leaderUntil.map { max(.zero, $0 - now) } ?? .zero
        page.add("pgadopt_leader_lease_remaining_seconds", .gauge,
            "What is left of the leader's lease here; 0: not the leader.",
            value: String(left.inSeconds))
        page.add("pgadopt_last_cycle_age_seconds", .gauge, "Time since the last decision was completed.",
            value: String((now - lastCycle).inSeconds))
        page.add("pgadopt_watchdog_failed", .gauge, "1 while a required watchdog cannot be used.", isWatchdogFailed)
    }

    /// Patroni's words for the numbers 0 to 14, in the order of `MemberState`.
    private static let stateWords = [
        "initdb", "initdb_failed", "custom_bootstrap", "custom_bootstrap_failed", "creating_replica", "running",
        "starting", "bootstrap_starting", "start_failed", "restarting", "restart_failed", "stopping", "stopped",
        "stop_failed", "crashed",
    ]

    private var failoverPriority: Int64 {
        let priority = tags["failover_priority"]?.int ?? 1
        if let never = tags["nofailover"]?.bool { return never ? 0 : max(1, priority) }
        return max(0, priority)
    }

    /// Seconds since 1970 with microseconds; 0 for what cannot be read.
    private static func epoch(_ text: String?) -> String {
        guard let text, let time = try? WallTime(parsing: text) else { return "0" }
        let fraction = String(time.microseconds - time.seconds * 1_000_000)
        return "\(time.seconds)." + String(repeating: "0", count: 6 - fraction.count) + fraction
    }
}

/// A page in Prometheus' text exposition format, version 0.0.4.
struct MetricsPage {
    enum Kind: String { case gauge, counter }

    private(set) var text = ""
    private let labels: String

    init(labels: [(String, String)]) {
        self.labels = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
    }

    mutating func add(_ name: String, _ kind: Kind, _ help: String, remark: String? = nil, value: String) {
        text += "# HELP \(name) \(help)\n"
        if let remark { text += "# \(remark)\n" }
        text += "# TYPE \(name) \(kind.rawValue)\n\(name){\(labels)} \(value)\n"
    }

    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ flag: Bool) {
        add(name, kind, help, value: flag ? "1" : "0")
    }

    private static func escaped(_ value: String) -> String {
        var out = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            case "\n": out += "\\n"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }
}
