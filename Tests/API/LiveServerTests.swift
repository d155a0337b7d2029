import API
import JSON
import NIOCore
import NIOPosix
import Testing

/// The same answers over a socket.
@Suite struct LiveServerTests {
    private let client = APIClient(group: MultiThreadedEventLoopGroup.singleton)

    @Test func answersOverHTTP() async throws {
        try await serving { _, port in
            let url = "http://127.0.0.1:\(port)"
            let answer = try await client.request("GET", url + "/primary", deadline: .seconds(5))
            #expect(answer.status == 200)
            #expect(try JSON(parsing: answer.body)["role"] == "primary")
            let change = try await client.request("POST", url + "/reload", body: "{}", deadline: .seconds(5))
            #expect(change.status == 202)
        }
    }

    @Test func oneConnectionTakesManyRequests() async throws {
        try await serving { _, port in
            let raw = try await RawClient.connect(port: port)
            try await raw.send("GET /primary HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = await raw.hear("HTTP/1.1 200 OK")
            try await raw.send("GET /replica HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await raw.hear("\"pgadopt\"", times: 2).contains("HTTP/1.1 503 Service Unavailable"))
            await raw.close()
        }
    }

    @Test func pipelinedRequestsAreAnsweredInTheirOrder() async throws {
        try await serving { _, port in
            let words = ["/primary", "POST", "/replica", "POST", "/liveness", "/nonsense"]
            let text = words.map { word in
                word == "POST"
                    ? "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
                    : "GET \(word) HTTP/1.1\r\nHost: x\r\n\r\n"
            }.joined()
            let raw = try await RawClient.connect(port: port)
            try await raw.send(String(repeating: text, count: 30))
            let heard = await raw.hear("HTTP/1.1 ", times: 6 * 30)
            let codes = heard.split(separator: "HTTP/1.1 ").map { String($0.prefix(3)) }
            #expect(codes == Array(repeating: ["200", "202", "503", "202", "200", "503"], count: 30).flatMap(\.self))
            await raw.close()
        }
    }

    @Test func aClientThatHasSaidAllStillGetsItsAnswer() async throws {
        try await serving { _, port in
            for request in ["GET /primary HTTP/1.1\r\nHost: x\r\n\r\n", "POST /reload HTTP/1.1\r\nHost: x\r\n\r\n"] {
                let raw = try await RawClient.connect(port: port)
                try await raw.send(request)
                try? await raw.channel.close(mode: .output)
                #expect(await raw.everything().hasPrefix("HTTP/1.1 20"))
            }
        }
    }

    @Test func oldAndPoliteClients() async throws {
        try await serving { _, port in
            let old = try await exchange(port, "GET /primary HTTP/1.0\r\n\r\n")
            #expect(old.hasPrefix("HTTP/1.0 200 OK\r\n"))
            #expect(old.contains("Content-Type: application/json\r\n"))
            let head = try await exchange(port, "HEAD /primary HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("\r\n\r\n"))
            let options = try await exchange(port, "OPTIONS /replica HTTP/1.0\r\n\r\n")
            #expect(options.hasPrefix("HTTP/1.0 503 Service Unavailable\r\n"))
            let patient = try await RawClient.connect(port: port)
            try await patient.send(
                "PATCH /config HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
            #expect(await patient.hear("\r\n\r\n").hasPrefix("HTTP/1.1 100 Continue"))
            try await patient.send("{\"ttl\":9}")
            #expect(await patient.hear("patchConfig").contains("HTTP/1.1 202"))
            await patient.close()
        }
    }

    @Test func theHeadersOfTheConfigurationAreSent() async throws {
        let extra = try #require(HTTPExtraHeader(name: "X-Frame-Options", value: "deny"))
        let options = APIServer.Options(extraHeaders: [extra], serverTokens: .minimal(version: "4.1.5"))
        try await serving(options: options) { server, port in
            let request = "GET /health HTTP/1.0\r\n\r\n"
            let answer = try await exchange(port, request)
            #expect(answer.contains("\r\nX-Frame-Options: deny\r\n"))
            #expect(answer.contains("\r\nServer: Patroni/4.1.5\r\n"))
            #expect(answer.contains(" GMT\r\n"))
            try server.apply(APIServer.Options(serverTokens: .productOnly))
            #expect(try await exchange(port, request).contains("\r\nServer: Patroni\r\n"))
        }
    }

    @Test func aNewSnapshotIsAnsweredFromAtOnce() async throws {
        try await serving { server, port in
            let raw = try await RawClient.connect(port: port)
            for count in 1...3 {
                var snapshot = primary()
                snapshot.decision = "decision \(count)"
                server.publish(snapshot)
                try await raw.send("GET /primary HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(await raw.hear("\"pgadopt\"", times: count).contains("decision \(count)"))
            }
            await raw.close()
        }
    }

    @Test func aDeadPeerCostsNoMoreThanTheDeadline() async throws {
        // A port that accepts and never answers.
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        await #expect(throws: APIClientError.self) {
            _ = try await client.request("GET", "http://127.0.0.1:\(port)/patroni", deadline: .milliseconds(200))
        }
        try await silent.close()
    }

    @Test(arguments: ["https://x/", "ftp://x/", "http://", "http://:80/", "http://h:99999/", "x"])
    func refusesURL(_ url: String) async {
        await #expect(throws: APIClientError.self) { _ = try await client.request("GET", url, deadline: .seconds(1)) }
    }
}
