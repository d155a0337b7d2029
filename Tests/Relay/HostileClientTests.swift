import Glibc
import Logging
import Relay
import Testing
import Timekeeping

/// Strangers on the relay's port: none of them needs a server, and none may hold the relay.
@Suite(.serialized) struct HostileClientTests {
    /// A plain socket, blocking, with a limit of five seconds for each answer.
    private final class Stranger {
        let descriptor: Int32

        init(_ port: Int) throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var limit = timeval(tv_sec: 5, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(UInt16(port).bigEndian)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            try #require(result == 0)
        }

        deinit { close(descriptor) }

        func say(_ bytes: [UInt8]) { _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

        /// Nil: nothing came in time. Empty: the connection was ended.
        func hear() -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            if count < 0 { return errno == ECONNRESET ? [] : nil }
            return Array(bytes.prefix(count))
        }

        /// Everything until the end of the connection; nil: it was not ended in time.
        func hearOut() -> [UInt8]? {
            var all: [UInt8] = []
            while let part = hear() {
                if part.isEmpty { return all }
                all += part
            }
            return nil
        }
    }

    private func quick() -> RelayLimits {
        var limits = RelayLimits()
        limits.startTime = .milliseconds(400)
        limits.waiting = 4
        return limits
    }

    private func text(_ bytes: [UInt8]?) -> String { bytes.map { String(decoding: $0, as: UTF8.self) } ?? "(nothing)" }

    @Test func garbageEndsTheConnectionWithoutAWord() async throws {
        try await withServer { server in
            try await server.relayed { _, port in
                for garbage in [Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF, 1, 2]] {
                    let stranger = try Stranger(port)
                    stranger.say(garbage)
                    #expect(stranger.hearOut() == [])
                }
                let old = try Stranger(port)
                old.say(packet(2 << 16, Array(repeating: 0, count: 284)))
                #expect(old.hearOut() == [])
            }
        }
    }

    @Test func clearTextIsRefusedInWords() async throws {
        try await withServer { server in
            try await server.relayed { _, port in
                let stranger = try Stranger(port)
                stranger.say(startup([("user", "repl"), ("replication", "true")]))
                #expect(text(stranger.hearOut()).contains("speaks TLS with client certificates only"))
                // As libpq does with gssencmode=prefer.
                let other = try Stranger(port)
                other.say(gssRequest)
                #expect(other.hear() == Array("N".utf8))
                other.say(startup([("user", "repl"), ("replication", "true")]))
                #expect(text(other.hearOut()).contains("speaks TLS"))
                let insistent = try Stranger(port)
                insistent.say(gssRequest + gssRequest)
                #expect(insistent.hearOut() == Array("N".utf8))
            }
        }
    }

    @Test func aRequestToCancelGetsNoAnswer() async throws {
        try await withServer { server in
            try await server.relayed { _, port in
                let stranger = try Stranger(port)
                stranger.say(cancelRequest)
                #expect(stranger.hearOut() == [])
            }
        }
    }

    /// What is sent before the handshake must not count as if it had come inside it.
    @Test func bytesBehindTheRequestForTLSAreRefused() async throws {
        try await withServer { server in
            try await server.relayed { _, port in
                let stranger = try Stranger(port)
                stranger.say(sslRequest + startup([("user", "repl"), ("replication", "true")]))
                #expect(stranger.hearOut() == [])
            }
        }
    }

    @Test func silentAndSlowClientsAreLetGo() async throws {
        try await withServer { server in
            try await server.relayed(quick()) { _, port in
                let begin = RelayedServer.clock.now
                let silent = try Stranger(port)
                let half = try Stranger(port)
                half.say(Array(startup([("user", "repl")]).prefix(9)))
                let stuck = try Stranger(port)
                stuck.say(sslRequest)
                #expect(stuck.hear() == Array("S".utf8))
                #expect(silent.hearOut() == [])
                #expect(half.hearOut() == [])
                #expect(stuck.hearOut() == [])
                #expect(RelayedServer.clock.now - begin < .seconds(3))
            }
        }
    }

    /// Strangers that only wait cannot keep a replica out.
    @Test func aFloodOfConnectionsMakesRoomForTheNext() async throws {
        try await withServer { server in
            var limits = RelayLimits()
            limits.waiting = 4
            try await server.relayed(limits) { _, port in
                var strangers: [Stranger] = []
                for _ in 0..<40 { strangers.append(try Stranger(port)) }
                let own = server.identify(port)
                #expect(own.status == 0, "\(own.output)")
                #expect(strangers.prefix(30).allSatisfy { $0.hearOut() == [] })
            }
        }
    }

    @Test func moreThanItCarriesIsRefusedInWords() async throws {
        try await withServer { server in
            var limits = RelayLimits()
            limits.carried = 0
            try await server.relayed(limits) { _, port in
                let own = server.identify(port)
                #expect(own.output.contains("the relay carries 0 connections already"), "\(own.output)")
            }
        }
    }
}
