import API
import Cluster
import JSON
import PostgresModel
import Timekeeping

let moment = BootInstant(nanoseconds: 1_000_000_000_000)

func view(leader: String? = "h1") -> ClusterView {
    var view = ClusterView(revision: 7, initialize: "7212345678901234567")
    view.leader = leader.map { LeaderKey(name: $0, lease: 1) }
    view.members = ["h1", "h2", "h3"].map { name in
        Member(
            name: name, connURL: "postgres://10.0.0.1:5432/postgres", apiURL: "http://10.0.0.1:8008/patroni",
            state: .running, role: name == leader ? .primary : .replica, timeline: Timeline(1))
    }
    view.config = ConfigKey(modRevision: 3, value: ["ttl": 12])
    view.status = StatusKey(optime: LSN(rawValue: 5000))
    return view
}

func primary() -> APISnapshot {
    APISnapshot(
        scope: "orders", name: "h1", version: "4.1.5", state: .running, role: .primary,
        leaderUntil: moment + .seconds(5), isRunningPrimary: true, serverVersion: ServerVersion(150018),
        timeline: Timeline(1), location: LSN(rawValue: 5000), cluster: view(), clusterConfirmed: moment,
        lastCycle: moment)
}

func replica(replayed: UInt64 = 5000) -> APISnapshot {
    APISnapshot(
        scope: "orders", name: "h2", version: "4.1.5", state: .running, role: .replica,
        serverVersion: ServerVersion(150018), timeline: Timeline(1), receivedLocation: LSN(rawValue: replayed),
        replayedLocation: LSN(rawValue: replayed), replicationState: "streaming", cluster: view(),
        clusterConfirmed: moment, lastCycle: moment)
}

/// The status of an answer; 0 for a command.
func status(_ snapshot: APISnapshot, _ target: String, method: String = "GET", at now: BootInstant = moment) -> Int {
    let request = APIRequest(method: method, target: target)
    guard case .answer(let response) = snapshot.route(request, at: now) else { return 0 }
    return response.status
}

/// The body of an answer that is JSON.
func body(_ snapshot: APISnapshot, _ target: String, at now: BootInstant = moment) -> JSON? {
    let request = APIRequest(method: "GET", target: target)
    guard case .answer(let response) = snapshot.route(request, at: now) else { return nil }
    return try? JSON(parsing: response.body)
}

/// What a change is answered with before anybody carries it out.
func change(
    _ snapshot: APISnapshot, _ method: String, _ target: String, _ body: String = "",
    wallTime: WallTime = WallTime(microseconds: 1_795_354_135_000_000)
) -> APIRoute {
    let request = APIRequest(method: method, target: target, body: Array(body.utf8), declaresBody: true)
    return snapshot.route(request, at: moment, wallTime: wallTime)
}
