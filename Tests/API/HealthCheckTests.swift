import API
import Cluster
import JSON
import PostgresModel
import Testing
import Timekeeping

/// What the checks of synchronous replication, outages, pause and standby clusters answer (compatibility sheet c.3).
@Suite struct HealthCheckTests {
    private func synchronous(_ mode: JSON, standbys: [String] = ["h2"], name: String = "h2") -> APISnapshot {
        var snapshot = name == "h1" ? primary() : replica()
        snapshot.name = name
        var cluster = view()
        cluster.config?.value = ["synchronous_mode": mode]
        cluster.sync = SyncKey(modRevision: 5, leader: "h1", standbys: standbys)
        snapshot.cluster = cluster
        return snapshot
    }

    @Test(arguments: [
        ("/sync", 200, 503), ("/synchronous", 200, 503), ("/quorum", 503, 503), ("/async", 503, 200),
        ("/read-only-sync", 200, 503), ("/read-only-synchronous", 200, 503), ("/read-only-quorum", 503, 503),
        ("/replica", 200, 200), ("/read-only", 200, 200),
    ])
    func synchronousStandbyAndAnother(target: String, listed: Int, unlisted: Int) {
        #expect(status(synchronous(true), target) == listed)
        #expect(status(synchronous(true, standbys: ["h3"]), target) == unlisted)
    }

    @Test(arguments: [
        ("/sync", 503), ("/quorum", 200), ("/async", 503), ("/read-only-quorum", 200), ("/read-only-sync", 503),
    ])
    func quorumStandby(target: String, expected: Int) { #expect(status(synchronous("quorum"), target) == expected) }

    @Test func theListCountsOnlyWhileTheModeIsOn() {
        #expect(status(synchronous(false), "/sync") == 503)
        #expect(status(synchronous(false), "/async") == 200)
    }

    @Test func thePrimaryServesTheReadOnlyKinds() {
        let snapshot = synchronous(true, name: "h1")
        for target in ["/read-only-sync", "/read-only-quorum", "/read-only"] {
            #expect(status(snapshot, target) == 200)
        }
        for target in ["/sync", "/async", "/quorum"] { #expect(status(snapshot, target) == 503) }
    }

    @Test func whoIsSynchronousIsNotToldFromAnOldView() {
        let later = moment + .seconds(13)
        for target in ["/sync", "/read-only-sync", "/async"] {
            #expect(status(synchronous(true), target, at: later) == 503)
        }
        #expect(status(replica(), "/async", at: later) == 503)
        #expect(status(replica(), "/replica", at: later) == 200)
    }

    @Test func lagIsJudgedByTheFurtherOfStoreAndReceiver() {
        var snapshot = replica(replayed: 5000)
        #expect(status(snapshot, "/replica?lag=0") == 200)
        snapshot.latestEndLocation = LSN(rawValue: 9000)
        #expect(status(snapshot, "/replica?lag=3999") == 503)
        #expect(status(snapshot, "/replica?lag=4000") == 200)
        #expect(status(snapshot, "/replica?lag=3.9kB") == 503)
        #expect(status(snapshot, "/replica?lag=4kB") == 200)
        #expect(status(snapshot, "/replica?lag=nonsense") == 200)
        #expect(status(snapshot, "/replica?lag=") == 200)
        #expect(status(snapshot, "/async?lag=1") == 503)
        #expect(status(snapshot, "/read-only?lag=1") == 503)
        // The first of a repeated name counts.
        #expect(status(snapshot, "/replica?lag=4000&lag=1") == 200)
    }

    @Test func readiness() {
        var snapshot = replica(replayed: 1000)
        snapshot.receivedLocation = LSN(rawValue: 4900)
        #expect(status(snapshot, "/readiness") == 200)
        #expect(status(snapshot, "/readiness?lag=100") == 503)
        #expect(status(snapshot, "/readiness?lag=100&mode=write") == 200)
        #expect(status(snapshot, "/readiness?lag=100&mode=apply") == 503)
        snapshot.replicationState = "in archive recovery"
        #expect(status(snapshot, "/readiness") == 503)
        snapshot.replicationState = "streaming"
        snapshot.cluster = nil
        #expect(status(snapshot, "/readiness") == 503)
        snapshot.isFailsafeActive = true
        #expect(status(snapshot, "/readiness") == 200)
        snapshot.state = .starting
        #expect(status(snapshot, "/readiness") == 503)
    }

    @Test func inPauseWithoutTheStoreTheRoleSpeaks() {
        var snapshot = primary()
        snapshot.isPaused = true
        snapshot.leaderUntil = nil
        let later = moment + .seconds(13)
        #expect(status(snapshot, "/primary") == 503)
        #expect(status(snapshot, "/primary", at: later) == 200)
        #expect(status(snapshot, "/leader", at: later) == 200)
        #expect(status(snapshot, "/standby-leader", at: later) == 503)
        #expect(status(snapshot, "/liveness", at: moment + .seconds(500)) == 200)
    }

    @Test func standbyLeader() {
        var snapshot = replica()
        snapshot.isStandbyCluster = true
        snapshot.leaderUntil = moment + .seconds(5)
        snapshot.role = .standbyLeader
        for target in ["/standby-leader", "/standby_leader", "/leader", "/read-only", "/readiness"] {
            #expect(status(snapshot, target) == 200)
        }
        for target in ["/primary", "/replica", "/", "/read-write"] { #expect(status(snapshot, target) == 503) }
        snapshot.state = .stopped
        #expect(status(snapshot, "/standby-leader") == 503)
    }

    @Test func aServerThatDoesNotAnswerIsUnknownAndNotHealthy() {
        var snapshot = replica()
        snapshot.isServerStatusKnown = false
        #expect(status(snapshot, "/health") == 503)
        #expect(status(snapshot, "/replica") == 503)
        #expect(body(snapshot, "/patroni")?["state"] == "unknown")
        #expect(body(snapshot, "/patroni")?["xlog"] == nil)
    }

    @Test func statusOfAStandby() {
        var snapshot = synchronous(true)
        snapshot.systemIdentifier = SystemIdentifier("7212345678901234567")
        snapshot.storeLastSeen = 1_795_354_135
        snapshot.pendingRestartReason = ["max_connections": ["old_value": "100", "new_value": "200"]]
        snapshot.isWatchdogFailed = true
        snapshot.logQueueSize = 3
        snapshot.logRecordsLost = 1
        snapshot.scheduledRestart = ScheduledRestart(
            request: RestartRequest(role: .replica, onlyIfPending: true),
            at: WallTime(microseconds: 1_795_354_135_000_000), postmasterStartTime: "x")
        let status = body(snapshot, "/patroni")
        #expect(status?.object?.keys == [
            "state", "role", "server_version", "xlog", "sync_standby", "timeline", "replication_state", "dcs_last_seen",
            "database_system_identifier", "pending_restart", "pending_restart_reason", "patroni", "scheduled_restart",
            "watchdog_failed", "logger_queue_size", "logger_records_lost", "pgadopt",
        ])
        #expect(status?["scheduled_restart"] == [
            "schedule": "2026-11-22T13:28:55+00:00", "role": "replica", "restart_pending": true,
        ])
        #expect(status?["xlog"] == [
            "received_location": 5000, "replayed_location": 5000, "replayed_timestamp": nil, "paused": false,
        ])
    }

    @Test func aStoppedServerHasStateAndRoleOnly() {
        var snapshot = replica()
        snapshot.state = .stopped
        let keys = body(snapshot, "/patroni")?.object?.keys ?? []
        #expect(keys == ["state", "role", "patroni", "pgadopt"])
    }

    @Test func answersAreLaidOutAsPythonDoes() {
        let request = APIRequest(method: "GET", target: "/patroni")
        guard case .answer(let answer) = primary().route(request, at: moment) else {
            return #expect(Bool(false), "a read became a command")
        }
        let start = #"{"state": "running", "role": "primary", "server_version": 150018, "xlog": {"location": 5000}"#
        #expect(answer.body.hasPrefix(start))
    }
}
