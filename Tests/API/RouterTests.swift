import API
import Cluster
import JSON
import PostgresModel
import Testing
import Timekeeping

@Suite struct RouterTests {
    @Test(arguments: [
        ("/", 200, 503), ("/primary", 200, 503), ("/master", 200, 503), ("/read-write", 200, 503),
        ("/leader", 200, 503), ("/replica", 503, 200), ("/replica/", 503, 200), ("/xreplica", 503, 200),
        ("/read-only", 200, 200), ("/async", 503, 200), ("/asynchronous", 503, 200), ("/sync", 503, 503),
        ("/async/", 503, 503), ("//", 503, 503), ("http://h1:8008/replica?lag=1", 503, 200),
        ("/read-only-sync", 200, 503),
        ("/health", 200, 200), ("/liveness", 200, 200), ("/readiness", 200, 200), ("/patroni", 200, 200),
        ("/cluster", 200, 200), ("/config", 200, 200), ("/history", 200, 200), ("/standby-leader", 503, 503),
        ("/nonsense", 503, 503), ("/replica?tag_x=y", 503, 503), ("/primary?tag_x=y", 200, 503),
    ])
    func answersPrimaryAndReplica(target: String, onPrimary: Int, onReplica: Int) {
        #expect(status(primary(), target) == onPrimary)
        #expect(status(replica(), target) == onReplica)
    }

    @Test func aLeaseThatRanOutIsNoPrimary() {
        #expect(status(primary(), "/primary", at: moment + .seconds(6)) == 503)
    }

    @Test func aLeaderWhoseServerIsDownIsNoPrimary() {
        var snapshot = primary()
        snapshot.isRunningPrimary = false
        snapshot.state = .crashed
        #expect(status(snapshot, "/primary") == 503)
        #expect(status(snapshot, "/health") == 503)
    }

    @Test func lagAndReplicationStateFilterReplicas() {
        let behind = replica(replayed: 1000)
        #expect(status(behind, "/replica") == 200)
        #expect(status(behind, "/replica?lag=3999") == 503)
        #expect(status(behind, "/replica?lag=4kB") == 200)
        #expect(status(behind, "/replica?replication_state=streaming") == 200)
        #expect(status(behind, "/replica?replication_state=in%20archive%20recovery") == 503)
        #expect(status(behind, "/readiness?lag=100") == 503)
    }

    @Test func tagsFilterReplicas() {
        var snapshot = replica()
        snapshot.tags = ["dc": "east", "spare": true]
        #expect(status(snapshot, "/replica?tag_dc=east&tag_spare=true") == 200)
        #expect(status(snapshot, "/replica?tag_dc=west") == 503)
        snapshot.tags["noloadbalance"] = true
        #expect(status(snapshot, "/replica") == 503)
    }

    @Test(arguments: ["HEAD", "OPTIONS"], ["/primary", "/replica", "/liveness", "/readiness", "/patroni", "/nonsense"])
    func headAndOptionsHaveTheStatusAndNoBody(method: String, target: String) {
        for snapshot in [primary(), replica()] {
            let expected = status(snapshot, target)
            let answer = snapshot.route(APIRequest(method: method, target: target), at: moment)
            #expect(answer == .answer(.empty(status: expected)))
        }
    }

    @Test func livenessEndsWithTheDecisions() {
        #expect(status(primary(), "/liveness", at: moment + .seconds(13)) == 503)
        #expect(status(replica(), "/liveness", at: moment + .seconds(13)) == 200)
        #expect(status(replica(), "/liveness", at: moment + .seconds(25)) == 503)
    }

    @Test func statusBodyOfAPrimary() throws {
        guard case .answer(let response) = primary().route(APIRequest(method: "GET", target: "/patroni"), at: moment)
        else { return #expect(Bool(false), "a read became a command") }
        let body = try JSON(parsing: response.body)
        #expect(body["role"] == "primary")
        #expect(body["xlog"] == ["location": 5000])
        #expect(body["patroni"] == ["version": "4.1.5", "scope": "orders", "name": "h1"])
        #expect(body["cluster_unlocked"] == nil)
        #expect(body.object?.keys.prefix(4) == ["state", "role", "server_version", "xlog"])
    }

    @Test(arguments: [
        (#"{"leader":["h1"],"candidate":"h2"}"#, 400),
        (#"{"leader":"h1","candidate":"h1"}"#, 400), (#"{"candidate":"h2"}"#, 400), ("", 411), ("[1]", 400),
        ("{}", 400),
        (#"{"leader":"h2"}"#, 412), (#"{"leader":"h1","candidate":"h9"}"#, 412), ("{\"leader\":7}", 400),
    ])
    func refusesImpossibleSwitchovers(body: String, expected: Int) {
        let request = APIRequest(method: "POST", target: "/switchover", body: Array(body.utf8))
        guard case .answer(let response) = primary().route(request, at: moment) else {
            return #expect(Bool(false), "accepted")
        }
        #expect(response.status == expected)
    }

    @Test func commands() {
        func command(_ method: String, _ target: String, _ body: String = "") -> APIRoute {
            replica().route(APIRequest(method: method, target: target, body: Array(body.utf8)), at: moment)
        }
        #expect(command("POST", "/switchover", #"{"leader":"h1","candidate":"h2"}"#)
            == .command(.switchover(leader: "h1", candidate: "h2", scheduledAt: nil)))
        #expect(command("POST", "/failover", #"{"candidate":"h2"}"#) == .command(.failover(candidate: "h2")))
        #expect(command("PATCH", "/config", #"{"pause":true}"#) == .command(.patchConfig(["pause": true])))
        #expect(command("POST", "/reload") == .command(.reload))
        #expect(status(replica(), "/x", method: "BREW") == 501)
        #expect(status(replica(), "/primary", method: "POST") == 501)
    }
}
