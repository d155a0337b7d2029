import API
import ArgumentParser
import Inventory
import JSON
import NIOPosix

/// Asks the leader to hand the lead over, again and again while it refuses: a member that has just become a standby
/// takes a moment until it may be a candidate. Returns when it is done.
/// - Throws: ValidationError with the leader's own words, after a minute.
func handLead(of spec: ClusterSpec, from: String, to: String) async throws {
    let wish: JSONObject = ["leader": .string(from), "candidate": .string(to)]
    guard spec.hosts.contains(where: { $0.name == from }) else {
        throw ValidationError("\(from) leads \(spec.name) and is not in the inventory")
    }
    if let words = try await askUntilItAgrees(
        spec, from, "POST", "/switchover", body: JSON.object(wish).text, each: .seconds(60), within: .seconds(60))
    {
        throw ValidationError("\(from) did not hand the lead to \(to): \(words)")
    }
}

/// Waits until a former leader streams from the new one: until then its server is being stopped, rewound or started.
/// - Throws: `ValidationError` after two minutes, with what its agent last answered.
func awaitStreaming(of spec: ClusterSpec, _ name: String) async throws {
    if let words = try await askUntilItAgrees(
        spec, name, "GET", "/replica?replication_state=streaming", each: .seconds(5), within: .seconds(120))
    {
        throw ValidationError(
            "\(name) gave the lead away and does not stream; nothing else was done. Its agent says: \(words)")
    }
}

/// Sends a request to a member's agent until it answers 200; a host that the inventory does not name is not asked.
/// - Returns: nil when it did, else its last words when the time is up.
private func askUntilItAgrees(
    _ spec: ClusterSpec, _ name: String, _ method: String, _ path: String, body: String? = nil, each: Duration,
    within limit: Duration
) async throws -> String? {
    guard let host = spec.hosts.first(where: { $0.name == name }) else { return nil }
    let url = "http://\(host.address):\(spec.replicas.restPort)\(path)"
    let client = APIClient(group: MultiThreadedEventLoopGroup.singleton)
    let clock = ContinuousClock()
    let end = clock.now + limit
    while true {
        let words: String
        do {
            let answer = try await client.request(method, url, body: body, deadline: each)
            if answer.status == 200 { return nil }
            words = String(decoding: answer.body, as: UTF8.self)
        } catch {
            words = "\(error)"
        }
        guard clock.now < end else { return words }
        try await clock.sleep(for: .milliseconds(500))
    }
}
