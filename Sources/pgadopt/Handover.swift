import API
import ArgumentParser
import Inventory
import JSON
import NIOPosix

/// Asks the leader to hand the lead over, again and again while it refuses: a member that has just become a standby
/// takes a moment until it may be a candidate. Returns when it is done.
/// - Throws: ValidationError with the leader's own words, after a minute.
func handLead(of spec: ClusterSpec, from: String, to: String) async throws {
    guard let host = spec.hosts.first(where: { $0.name == from }) else {
        throw ValidationError("\(from) leads \(spec.name) and is not in the inventory")
    }
    let url = "http://\(host.address):\(spec.replicas.restPort)/switchover"
    let wish: JSONObject = ["leader": .string(from), "candidate": .string(to)]
    let client = APIClient(group: MultiThreadedEventLoopGroup.singleton)
    let clock = ContinuousClock()
    let limit = clock.now + .seconds(60)
    while true {
        let words: String
        do {
            let answer = try await client.request("POST", url, body: JSON.object(wish).text, deadline: .seconds(60))
            if answer.status == 200 { return }
            words = String(decoding: answer.body, as: UTF8.self)
        } catch {
            words = "\(error)"
        }
        guard clock.now < limit else { throw ValidationError("\(from) did not hand the lead to \(to): \(words)") }
        try await clock.sleep(for: .milliseconds(500))
    }
}

/// Waits until a former leader streams from the new one: until then its server is being stopped, rewound or started.
/// - Throws: `ValidationError` after two minutes, with what its agent last answered.
func awaitStreaming(of spec: ClusterSpec, _ name: String) async throws {
    guard let host = spec.hosts.first(where: { $0.name == name }) else { return }
    let url = "http://\(host.address):\(spec.replicas.restPort)/replica?replication_state=streaming"
    let client = APIClient(group: MultiThreadedEventLoopGroup.singleton)
    let clock = ContinuousClock()
    let limit = clock.now + .seconds(120)
    while true {
        var words = "no answer"
        if let answer = try? await client.request("GET", url, deadline: .seconds(5)) {
            if answer.status == 200 { return }
            words = String(decoding: answer.body, as: UTF8.self)
        }
        guard clock.now < limit else {
            throw ValidationError(
                "\(name) gave the lead away and does not stream; nothing else was done. Its agent says: \(words)")
        }
        try await clock.sleep(for: .milliseconds(500))
    }
}
