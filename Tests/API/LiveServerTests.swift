import API
import JSON
import Logging
import NIOCore
import NIOPosix
import Testing

private struct Echo: APIController {
    func perform(_ command: APICommand) async -> APIResponse { .text("\(command)", status: 202) }
}

/// The same answers over a socket, and clients that misbehave.
@Suite struct LiveServerTests {
    private func serving(
        _ limits: APIServer.Limits = .init(), _ body: (_ url: String, _ port: Int, _ client: APIClient) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let server = APIServer(controller: Echo(), limits: limits, now: { moment }, log: Logger(label: "test"))
        server.publish(primary())
        let channel = try await server.start(host: "127.0.0.1", port: 0, on: group)
        let port = try #require(channel.localAddress?.port)
        let client = APIClient(group: group)
        do {
            try await body("http://127.0.0.1:\(port)", port, client)
        } catch {
            try await channel.close()
            throw error
        }
        try await channel.close()
    }

    @Test func answersOverHTTP() async throws {
        try await serving { url, _, client in
            let answer = try await client.request("GET", url + "/primary", deadline: .seconds(5))
            #expect(answer.status == 200)
            #expect(try JSON(parsing: answer.body)["role"] == "primary")
            let change = try await client.request("POST", url + "/reload", body: "{}", deadline: .seconds(5))
            #expect(change.status == 202)
        }
    }

    @Test func refusesALargeBody() async throws {
        try await serving { url, _, client in
            let body = String(repeating: "x", count: 100_000)
            let answer = try await client.request("PATCH", url + "/config", body: body, deadline: .seconds(5))
            #expect(answer.status == 413)
        }
    }

    @Test func closesAHalfSentRequest() async throws {
        var limits = APIServer.Limits()
        limits.requestTime = .milliseconds(100)
        try await serving(limits) { _, port, _ in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: port).get()
            try await channel.writeAndFlush(ByteBuffer(string: "GET /primary HTTP/1.1\r\nHo"))
            try await channel.closeFuture.get()
        }
    }

    @Test func aDeadPeerCostsNoMoreThanTheDeadline() async throws {
        let client = APIClient(group: MultiThreadedEventLoopGroup.singleton)
        // A port that accepts and never answers.
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        await #expect(throws: APIClientError.self) {
            _ = try await client.request("GET", "http://127.0.0.1:\(port)/patroni", deadline: .milliseconds(200))
        }
        try await silent.close()
    }

    @Test(arguments: ["https://x/", "http://", "http://:80/", "http://h:99999/", "x"])
    func refusesURL(_ url: String) async {
        let client = APIClient(group: MultiThreadedEventLoopGroup.singleton)
        await #expect(throws: APIClientError.self) { _ = try await client.request("GET", url, deadline: .seconds(1)) }
    }
}
