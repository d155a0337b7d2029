import API
import JSON
import NIOCore
import NIOPosix
import Testing
import Timekeeping

/// Clients that send nonsense, too much, too slowly or not at all.
@Suite struct MisbehavingClientTests {
    private func limits(_ change: (inout APIServer.Limits) -> Void) -> APIServer.Limits {
        var limits = APIServer.Limits()
        change(&limits)
        return limits
    }

    private func isHealthy(_ port: Int) async throws -> Bool {
        try await exchange(port, "GET /health HTTP/1.0\r\n\r\n").hasPrefix("HTTP/1.0 200")
    }

    @Test(arguments: [
        ("nonsense\r\n\r\n", "400"), ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}", "400"),
        ("GET / HTTP/9.9\r\n\r\n", "400"),
        ("GET /primary HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400"),
        ("POST /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nX: " + String(repeating: "y", count: 20_000) + "\r\n\r\n", "431"),
        ("GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 200) + "\r\n", "431"),
        ("PATCH /config HTTP/1.1\r\nContent-Length: 100000\r\n\r\n{", "413"),
        ("PATCH /config HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11000\r\n"
            + String(repeating: "x", count: 0x11000), "413"),
        ("PATCH /config HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "411"),
        ("PATCH /config HTTP/1.1\r\nContent-Length: 1\r\nConnection: close\r\n\r\n{", "400"),
        ("POST /failover HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\n\u{7F}{}", "400"),
        ("BREW /pot HTTP/1.1\r\nConnection: close\r\n\r\n", "4"),
        ("TRACE / HTTP/1.1\r\nConnection: close\r\n\r\n", "501"),
    ])
    func getOneAnswer(request: String, code: String) async throws {
        try await serving(limits { $0.requestTime = .milliseconds(500) }) { _, port in
            let answer = try await exchange(port, request)
            #expect(answer.hasPrefix("HTTP/1.1 \(code)"), "\(answer.prefix(40))")
            #expect(try await isHealthy(port))
        }
    }

    @Test(arguments: ["", "G", "GET /primary HTTP/1.1\r\nHo", "PATCH /config HTTP/1.1\r\nContent-Length: 5\r\n\r\n{"])
    func aHalfSentRequestIsClosed(request: String) async throws {
        try await serving(limits { $0.requestTime = .milliseconds(100) }) { _, port in
            let raw = try await RawClient.connect(port: port)
            if !request.isEmpty { try await raw.send(request) }
            #expect(await raw.everything().isEmpty)
        }
    }

    @Test func drippingBytesDoesNotBuyTime() async throws {
        try await serving(limits { $0.requestTime = .milliseconds(150) }) { _, port in
            let raw = try await RawClient.connect(port: port)
            try await raw.send("GET /primary HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = await raw.hear("HTTP/1.1 200")
            // The second request of a connection drips as well: nothing but its first byte starts the time.
            let dripping = Task {
                while !Task.isCancelled {
                    try await raw.send("x")
                    await Task.yield()
                }
            }
            _ = await raw.everything()
            dripping.cancel()
            #expect(try await isHealthy(port))
        }
    }

    @Test func aConnectionThatIsIdleForTooLongIsClosed() async throws {
        try await serving(limits { $0.idleTime = .milliseconds(100) }) { _, port in
            let raw = try await RawClient.connect(port: port)
            try await raw.send("GET /primary HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await raw.everything().hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func aClientThatTakesNoAnswersIsClosed() async throws {
        let limits = limits {
            $0.writeTime = .milliseconds(200)
            $0.idleTime = .seconds(600)
            $0.requestTime = .seconds(600)
        }
        try await serving(limits) { _, port in
            let raw = try await RawClient.connect(port: port, reads: false)
            let requests = String(repeating: "GET /patroni HTTP/1.1\r\nHost: x\r\n\r\n", count: 1000)
            await #expect(throws: (any Error).self) {
                // More than the sockets of both sides hold: at last the server must have had enough.
                for _ in 0..<1000 { try await raw.send(requests) }
            }
            #expect(try await isHealthy(port))
            await raw.close()
        }
    }

    @Test func aCrowdOfSilentClientsDoesNotShutTheDoor() async throws {
        try await serving(limits { $0.connections = 8 }) { _, port in
            var crowd: [RawClient] = []
            for index in 0..<40 {
                let client = try await RawClient.connect(port: port)
                if index.isMultiple(of: 2) { try? await client.send("GET /pri") }
                crowd.append(client)
                if index.isMultiple(of: 10) { #expect(try await isHealthy(port)) }
            }
            #expect(try await isHealthy(port))
            // The first of the crowd made room.
            _ = await crowd[0].everything()
            for client in crowd { await client.close() }
        }
    }

    /// Bodies, targets and methods made of pieces of real ones, cut and mutated: every one gets an answer and
    /// none becomes a command that its body does not carry.
    @Test func fuzzedRequestsAreRoutedOrRefused() throws {
        var random = Numbers(seed: 4711)
        let pieces = [
            "{", "}", "[", "]", ":", ",", "\"leader\"", "\"candidate\"", "\"h1\"", "\"h2\"", "null", "true",
            "1e999", "-1",
            "\"scheduled_at\"", "\"2030-01-01T00:00:00+00:00\"", "\"schedule\"", "\"role\"", "\"timeout\"",
            "99999999999999999999",
            "\"restart_pending\"", "\"postgres_version\"", "\"15.4\"", "\"\\ud800\"", "\"name\"", "\"api_url\"",
            "\"slots\"",
            "\u{0}", "\u{FEFF}", " ", "\"force\"", "\"ttl\"", "{\"a\":", "[[[[[[[[",
        ]
        let targets = [
            "/switchover", "/failover", "/restart", "/reinitialize", "/config", "/failsafe", "/reload", "/", "//", "*",
            "/replica?lag=", "/replica?lag=1&tag_%zz=%", "/readiness?mode=", "?", "/%", "http://", "http://x",
            "/sync?%00",
            "/replica?lag=99999999999999999999GB", "/replica?lag=-9223372036854775808", "/metrics?x",
            "/liveness/../config",
        ]
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "", "get"]
        var commands = 0
        for _ in 0..<20_000 {
            var body = (0..<random.next(12)).map { _ in pieces[random.next(pieces.count)] }.joined()
            if random.next(3) == 0 {
                body = #"{"leader":"h1","candidate":"h2"}"#
                let at = body.index(body.startIndex, offsetBy: random.next(body.count))
                body.replaceSubrange(at...at, with: pieces[random.next(pieces.count)])
            }
            var bytes = Array(body.utf8)
            if !bytes.isEmpty, random.next(4) == 0 { bytes[random.next(bytes.count)] = UInt8(random.next(256)) }
            let request = APIRequest(
                method: methods[random.next(methods.count)],
                target: targets[random.next(targets.count)] + (random.next(5) == 0 ? String(random.next(9)) : ""),
                body: bytes, declaresBody: random.next(8) != 0)
            let snapshot = random.next(2) == 0 ? primary() : replica()
            switch snapshot.route(request, at: moment + .seconds(random.next(30))) {
            case .answer(let answer): #expect((200...599).contains(answer.status))
            case .command(let command):
                commands += 1
                #expect(!["GET", "HEAD", "OPTIONS"].contains(request.method))
                if case .switchover(let leader, _, _) = command {
                    #expect(try JSON(parsing: bytes)["leader"]?.string == leader)
                }
            }
        }
        #expect(commands > 100)
    }

    /// Byte streams against a real connection: cut, doubled and flipped requests.
    @Test func fuzzedBytesLeaveTheServerWell() async throws {
        let seeds = [
            "GET /primary HTTP/1.1\r\nHost: x\r\n\r\n",
            "PATCH /config HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"ttl\":9}",
            "POST /switchover HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "GET /a?b=c HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Basic x\r\n\r\n",
        ]
        try await serving(limits { $0.requestTime = .milliseconds(50); $0.idleTime = .milliseconds(50) }) { _, port in
            var random = Numbers(seed: 99)
            for round in 0..<300 {
                var bytes = Array((seeds[random.next(seeds.count)] + seeds[random.next(seeds.count)]).utf8)
                for _ in 0..<random.next(6) where !bytes.isEmpty {
                    switch random.next(3) {
                    case 0: bytes[random.next(bytes.count)] = UInt8(random.next(256))
                    case 1: bytes.removeSubrange(random.next(bytes.count)...)
                    default: bytes.insert(contentsOf: Array("\r\n: 0;"[...].utf8), at: random.next(bytes.count))
                    }
                }
                let raw = try await RawClient.connect(port: port)
                try? await raw.channel.writeAndFlush(ByteBuffer(bytes: bytes))
                if random.next(2) == 0 { try? await raw.channel.close(mode: .output) }
                if round.isMultiple(of: 10) { _ = await raw.everything() } else { await raw.close() }
            }
            #expect(try await isHealthy(port))
        }
    }
}

/// A small generator: the same inputs in every run.
private struct Numbers {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
}
