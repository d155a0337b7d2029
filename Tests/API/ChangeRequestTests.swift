import API
import Cluster
import JSON
import PostgresModel
import Testing
import Timekeeping

/// Every refusal of c.4 and c.7 with its text, and what becomes a command.
@Suite struct ChangeRequestTests {
    private func paused() -> APISnapshot {
        var snapshot = primary()
        snapshot.isPaused = true
        return snapshot
    }

    private func text(_ sentence: String, _ status: Int) -> APIRoute { .answer(.text(sentence, status: status)) }

    @Test(arguments: [
        ("/failover", #"{"leader":"h1"}"#, 400, "Failover could be performed only to a specific candidate"),
        ("/switchover", #"{"candidate":"h2"}"#, 400, "Switchover could be performed only from a specific leader"),
        ("/failover", #"{"candidate":"h2","scheduled_at":"2030-01-01T00:00:00Z"}"#, 400, "Failover can't be scheduled"),
        ("/switchover", #"{"leader":"h1","scheduled_at":"2030-01-01T00:00:00"}"#, 400,
         "Timezone information is mandatory for the scheduled switchover"),
        ("/switchover", #"{"leader":"h1","scheduled_at":"2030-01-01"}"#, 400,
         "Timezone information is mandatory for the scheduled switchover"),
        ("/switchover", #"{"leader":"h1","scheduled_at":"2020-01-01T00:00:00Z"}"#, 422,
         "Cannot schedule switchover in the past"),
        ("/switchover", #"{"leader":"h1","scheduled_at":"tomorrow"}"#, 422,
         "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"),
        ("/switchover", #"{"leader":"h1","scheduled_at":7}"#, 422,
         "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"),
        ("/switchover", #"{"leader":"h1","candidate":"h1"}"#, 400, "Switchover target and source are the same"),
        ("/switchover", #"{"leader":"h2"}"#, 412, "leader name does not match"),
        ("/switchover", #"{"leader":"h1","candidate":"h9"}"#, 412, "candidate does not exists"),
        ("/failover", #"{"candidate":"h9"}"#, 412, "candidate does not exists"),
        ("/failover", #"{"leader":"h3","candidate":"h2"}"#, 412, "leader name does not match"),
    ])
    func refusals(target: String, body: String, status: Int, sentence: String) {
        #expect(change(primary(), "POST", target, body) == text(sentence, status))
    }

    @Test func pauseNeedsACandidateAndNoTime() {
        #expect(change(paused(), "POST", "/switchover", #"{"leader":"h1"}"#)
            == text("Switchover is possible only to a specific candidate in a paused state", 400))
        #expect(change(paused(), "POST", "/switchover", #"{"leader":"h1","scheduled_at":"2030-01-01T00:00:00Z"}"#)
            == text("Can't schedule switchover in the paused state", 400))
        #expect(change(paused(), "POST", "/restart", #"{"schedule":"2030-01-01T00:00:00Z"}"#)
            == text("Can't schedule restart in the paused state", 500))
    }

    @Test func synchronousModeNeedsASynchronousCandidate() {
        var snapshot = primary()
        snapshot.cluster?.config?.value = ["synchronous_mode": "on"]
        #expect(change(snapshot, "POST", "/switchover", #"{"leader":"h1"}"#)
            == text("switchover is not possible: can not find sync_standby", 412))
        snapshot.cluster?.sync = SyncKey(modRevision: 5, leader: "h1", standbys: ["h2"])
        #expect(change(snapshot, "POST", "/switchover", #"{"leader":"h1","candidate":"h3"}"#)
            == text("candidate name does not match with sync_standby", 412))
        #expect(change(snapshot, "POST", "/switchover", #"{"leader":"h1","candidate":"h2"}"#)
            == .command(.switchover(leader: "h1", candidate: "h2", scheduledAt: nil)))
        // A failover is the operator's word: it may go to anybody.
        #expect(change(snapshot, "POST", "/failover", #"{"candidate":"h3"}"#) == .command(.failover(candidate: "h3")))
    }

    @Test func aClusterOfOneCannotSwitchOver() {
        var snapshot = primary()
        snapshot.cluster?.members.removeAll { $0.name != "h1" }
        #expect(change(snapshot, "POST", "/switchover", #"{"leader":"h1"}"#)
            == text("switchover is not possible: cluster does not have members except leader", 412))
    }

    @Test func handOverCommands() {
        #expect(change(primary(), "POST", "/switchover", #"{"leader":"h1","candidate":null,"scheduled_at":null}"#)
            == .command(.switchover(leader: "h1", candidate: nil, scheduledAt: nil)))
        #expect(change(primary(), "POST", "/failover", #"{"leader":"h1","member":"h2"}"#)
            == .command(.switchover(leader: "h1", candidate: "h2", scheduledAt: nil)))
        let time = WallTime(microseconds: 1_893_456_000_000_000, offsetMinutes: 60)
        #expect(change(primary(), "POST", "/switchover", #"{"leader":"h1","scheduled_at":"2030-01-01T01:00:00+01:00"}"#)
            == .command(.switchover(leader: "h1", candidate: nil, scheduledAt: time)))
        #expect(time.description == "2030-01-01T01:00:00+01:00")
        #expect(change(primary(), "DELETE", "/switchover") == text("no switchover is scheduled", 404))
        var scheduled = primary()
        let at = "2030-01-01T00:00:00+00:00"
        scheduled.cluster?.failover = FailoverKey(modRevision: 9, leader: "h1", scheduledAt: at)
        #expect(change(scheduled, "DELETE", "/switchover") == .command(.deleteSwitchover))
    }

    @Test(arguments: [
        (#"{"role":"master"}"#, 400, "PostgreSQL role should be either primary, standby_leader, or replica"),
        (#"{"postgres_version":"15"}"#, 400, "Invalid PostgreSQL version: 15"),
        (#"{"postgres_version":15.4}"#, 400, "Invalid PostgreSQL version: 15.4"),
        (#"{"postgres_version":"9.6"}"#, 400, "Invalid PostgreSQL version: 9.6"),
        (#"{"timeout":0}"#, 400, "Timeout should be a positive number of seconds"),
        (#"{"timeout":"soon"}"#, 400, "Timeout should be a positive number of seconds"),
        (#"{"<b>":1}"#, 400, "Unknown filter for the scheduled restart: ?b?"),
        (#"{"schedule":"2020-01-01T00:00:00Z"}"#, 422, "Cannot schedule restart in the past"),
        (#"{"schedule":"2030-01-01 00:00"}"#, 400, "Timezone information is mandatory for the scheduled restart"),
    ])
    func restartRefusals(body: String, status: Int, sentence: String) {
        #expect(change(primary(), "POST", "/restart", body) == text(sentence, status))
    }

    @Test func restartCommands() {
        #expect(change(primary(), "POST", "/restart") == .command(.restart(RestartRequest())))
        #expect(change(primary(), "POST", "/restart", "{}") == .command(.restart(RestartRequest())))
        let wish = RestartRequest(
            role: .replica, olderThan: ServerVersion(150_004), onlyIfPending: true, timeout: .seconds(90))
        let filters = #""role":"replica","postgres_version":"15.4","timeout":"1.5min","restart_pending":true"#
        #expect(change(primary(), "POST", "/restart", "{\(filters)}") == .command(.restart(wish)))
        #expect(change(primary(), "POST", "/restart", #"{"schedule":"2030-01-01T00:00Z",\#(filters)}"#)
            == .command(.scheduleRestart(wish, at: WallTime(microseconds: 1_893_456_000_000_000))))
        #expect(change(primary(), "DELETE", "/restart") == .command(.deleteRestart))
    }

    @Test func aRestartMatchesByItsFilters() {
        let wish = RestartRequest(role: .replica, olderThan: ServerVersion(150_004), onlyIfPending: true)
        #expect(wish.matches(role: .replica, version: ServerVersion(150_003), isPending: true))
        #expect(!wish.matches(role: .primary, version: ServerVersion(150_003), isPending: true))
        #expect(!wish.matches(role: .replica, version: ServerVersion(150_004), isPending: true))
        #expect(!wish.matches(role: .replica, version: ServerVersion(150_003), isPending: false))
        #expect(RestartRequest().matches(role: .primary, version: nil, isPending: false))
    }

    @Test func reinitialize() {
        #expect(change(primary(), "POST", "/reinitialize") == text("I am the leader, can not reinitialize", 503))
        #expect(change(replica(), "POST", "/reinitialize", #"{"force":"on","from_leader":true}"#)
            == .command(.reinitialize(force: true, fromLeader: true)))
        var leaderless = replica()
        leaderless.cluster = view(leader: nil)
        #expect(change(leaderless, "POST", "/reinitialize") == text("Cluster has no leader, can not reinitialize", 503))
        let broken = change(replica(), "POST", "/reinitialize", "{")
        #expect(broken != .command(.reinitialize(force: false, fromLeader: false)))
    }

    @Test func configuration() {
        #expect(change(primary(), "PATCH", "/config", #"{"ttl":null}"#) == .command(.patchConfig(["ttl": nil])))
        #expect(change(primary(), "PUT", "/config", #"{"ttl":30}"#) == .command(.replaceConfig(["ttl": 30])))
        var bare = primary()
        bare.cluster?.config = nil
        #expect(change(bare, "PATCH", "/config", #"{"ttl":30}"#) == text("there is no configuration in the store", 503))
        #expect(status(bare, "/config") == 502)
        for method in ["PATCH", "PUT"] {
            #expect(status(primary(), "/config", method: method) == 411)
            guard case .answer(let answer) = change(primary(), method, "/config", "{}") else {
                return #expect(Bool(false), "an empty change became a command")
            }
            #expect(answer.status == 400)
        }
    }

    @Test func failsafe() {
        #expect(change(replica(), "POST", "/failsafe",
            #"{"name":"h1","conn_url":"c","api_url":"u","slots":{"h2":77,"bad":-1,"worse":"x"}}"#)
            == .command(.failsafe(FailsafeClaim(
                leader: "h1", connURL: "c", apiURL: "u", slots: ["h2": LSN(rawValue: 77)]))))
        guard case .answer(let answer) = change(replica(), "POST", "/failsafe", #"{"name":""}"#) else {
            return #expect(Bool(false), "a claim without a name became a command")
        }
        #expect(answer.status == 400)
    }

    @Test func whatHasNoEffectSaysSo() {
        #expect(change(primary(), "POST", "/sigterm") == text("shutdown scheduled", 202))
        #expect(change(primary(), "POST", "/citus", "{}") == text("Citus is not supported", 501))
    }

    @Test(arguments: [
        ("2026-11-22T13:28:55.5+00:00", 1_795_354_135_500_000), ("2026-11-22 13:28:55 UTC", 1_795_354_135_000_000),
        ("2026-11-22T13:28:55Z", 1_795_354_135_000_000), ("2026-11-22 14:28:55+01", 1_795_354_135_000_000),
        ("2026-11-22T07:58:55-0530", 1_795_354_135_000_000), ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31 23:59:59.999999Z", -1), ("2024-02-29 00:00Z", 1_709_164_800_000_000),
    ])
    func readsTimes(text: String, microseconds: Int64) throws {
        #expect(try WallTime(parsing: text).microseconds == microseconds)
        #expect(try WallTime(parsing: WallTime(parsing: text).description).microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-13-01T00:00Z", "2026-02-29T00:00Z", "2026-01-01T24:00Z", "2026-01-01T00:00ZZ", "x",
    ])
    func refusesTimes(text: String) {
        #expect(throws: WallTime.Failure.unreadable) { try WallTime(parsing: text) }
    }
}
