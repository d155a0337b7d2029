import API
import Cluster
import JSON
import PostgresModel
import Testing

@Suite struct MetricsTests {
    private func page(_ snapshot: APISnapshot) -> [String] {
        let request = APIRequest(method: "GET", target: "/metrics")
        guard case .answer(let answer) = snapshot.route(request, at: moment) else {
            return []
        }
        #expect(answer.contentType == "text/plain")
        return answer.body.split(separator: "\n").map(String.init)
    }

    private func values(_ snapshot: APISnapshot) -> [String: String] {
        var values: [String: String] = [:]
        for line in page(snapshot) where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            values[String(parts[0].prefix { $0 != "{" })] = String(parts[1])
        }
        return values
    }

    /// Patroni 4.1's names; dashboards and alerts are written against them.
    private static let names = [
        "patroni_version", "patroni_postgres_running", "patroni_postmaster_start_time", "patroni_primary",
        "patroni_xlog_location", "patroni_standby_leader", "patroni_replica", "patroni_sync_standby",
        "patroni_quorum_standby", "patroni_xlog_received_location", "patroni_xlog_replayed_location",
        "patroni_xlog_replayed_timestamp", "patroni_xlog_paused", "patroni_postgres_streaming",
        "patroni_postgres_in_archive_recovery", "patroni_postgres_server_version", "patroni_cluster_unlocked",
        "patroni_failsafe_mode_is_active", "patroni_postgres_timeline", "patroni_dcs_last_seen",
        "patroni_pending_restart", "patroni_is_paused", "patroni_postgres_state",
    ]

    @Test func everyMetricOfPatroniIsThereWithItsTypeAndLabels() {
        let lines = page(primary())
        for name in Self.names {
            #expect(lines.contains { $0.hasPrefix(#"\#(name){scope="orders",name="h1"} "#) }, "\(name)")
            let kind = name.hasPrefix("patroni_xlog_") && name.hasSuffix("location") ? "counter" : "gauge"
            #expect(lines.contains("# TYPE \(name) \(kind)"), "\(name)")
            #expect(lines.contains { $0.hasPrefix("# HELP \(name) ") }, "\(name)")
        }
    }

    @Test func valuesOfAPrimary() {
        var snapshot = primary()
        snapshot.postmasterStartTime = "2026-11-22 13:27:54.353355+00:00"
        let values = values(snapshot)
        #expect(values["patroni_version"] == "040105")
        #expect(values["patroni_postmaster_start_time"] == "1795354074.353355")
        #expect(values["patroni_primary"] == "1")
        #expect(values["patroni_xlog_location"] == "5000")
        #expect(values["patroni_xlog_replayed_location"] == "0")
        #expect(values["patroni_postgres_state"] == "5")
        #expect(values["patroni_postgres_timeline"] == "1")
        #expect(values["patroni_cluster_unlocked"] == "0")
        #expect(values["pgadopt_leader_lease_remaining_seconds"] == "5.0")
    }

    @Test func valuesOfAStandbyAndOfAStoppedServer() {
        var snapshot = replica()
        snapshot.tags = ["nofailover": true]
        #expect(values(snapshot)["patroni_replica"] == "1")
        #expect(values(snapshot)["patroni_postgres_streaming"] == "1")
        #expect(values(snapshot)["patroni_xlog_received_location"] == "5000")
        #expect(values(snapshot)["patroni_failover_priority"] == "0")
        snapshot.state = .crashed
        #expect(values(snapshot)["patroni_postgres_state"] == "14")
        #expect(values(snapshot)["patroni_postgres_server_version"] == "0")
        #expect(values(snapshot)["patroni_postgres_streaming"] == nil)
        let words = page(snapshot).filter { $0.hasPrefix("# Values: 0=initdb, 1=initdb_failed, ") }
        #expect(words.count == 1 && words[0].hasSuffix(", 14=crashed"))
    }

    @Test func labelsAreEscaped() {
        var snapshot = primary()
        snapshot.scope = #"a"b\c"#
        #expect(page(snapshot).contains { $0.hasPrefix(#"patroni_primary{scope="a\"b\\c",name="h1"} "#) })
    }
}
