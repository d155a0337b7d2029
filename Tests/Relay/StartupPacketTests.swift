import Relay
import Testing

/// A message with its length before it.
func packet(_ code: UInt32, _ body: [UInt8] = [], length: UInt32? = nil) -> [UInt8] {
    func bytes(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
    return bytes(length ?? UInt32(body.count + 8)) + bytes(code) + body
}

/// A StartupMessage of protocol 3.0 with these parameters.
func startup(_ parameters: [(String, String)], version: UInt32 = 3 << 16) -> [UInt8] {
    let text = parameters.map { "\($0.0)\0\($0.1)\0" }.joined() + "\0"
    return packet(version, Array(text.utf8))
}

let sslRequest = packet(1234 << 16 | 5679)
let gssRequest = packet(1234 << 16 | 5680)
let cancelRequest = packet(1234 << 16 | 5678, [0, 0, 18, 103, 1, 2, 3, 4])

@Suite struct StartupPacketTests {
    private func parsed(_ bytes: [UInt8]) throws -> StartupPacket? { try StartupPacket.parse(bytes)?.packet }

    private func refusal(_ bytes: [UInt8]) -> String? {
        do {
            _ = try StartupPacket.parse(bytes)
            return nil
        } catch {
            return error.code == .malformed ? error.message : "another code: \(error)"
        }
    }

    @Test func requestsAndStartupsAreTold() throws {
        #expect(try parsed(sslRequest) == .tls)
        #expect(try parsed(gssRequest) == .gssEncryption)
        #expect(try parsed(cancelRequest) == .cancel)
        #expect(try parsed(startup([("user", "repl"), ("replication", "true")]))
            == .startup(.init(["user": "repl", "replication": "true"])))
    }

    @Test func aMinorVersionAndOptionsOfTheProtocolArePassed() throws {
        let bytes = startup([("user", "repl"), ("_pq_.something", "1")], version: 3 << 16 | 2)
        #expect(try parsed(bytes) == .startup(.init(minorVersion: 2, ["user": "repl", "_pq_.something": "1"])))
    }

    @Test func theLengthIsThatOfTheMessageAlone() throws {
        let bytes = startup([("user", "repl")])
        #expect(try StartupPacket.parse(bytes + [1, 2, 3])?.length == bytes.count)
    }

    /// However the bytes drip in, nothing is decided before the message is whole.
    @Test func everyPrefixAsksForMore() throws {
        for message in [sslRequest, cancelRequest, startup([("user", "repl"), ("replication", "true")])] {
            for count in message.indices { #expect(try StartupPacket.parse(message[..<count]) == nil) }
        }
    }

    @Test(arguments: [0, 7, 10_001, 0x1603_0100, 0xFFFF_FFFF] as [UInt32])
    func aWrongLengthIsRefusedAtTheFirstFourBytes(_ length: UInt32) {
        #expect(refusal(Array(packet(0, length: length).prefix(4)))?.contains("its length is \(length) bytes") == true)
    }

    @Test func textOfOtherProtocolsIsRefused() {
        for text in ["GET / HTTP/1.1\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\u{16}\u{3}\u{1}\u{2}hello"] {
            #expect(refusal(Array(text.utf8)) != nil)
        }
    }

    @Test func otherProtocolsVersionsAreRefused() {
        #expect(refusal(packet(2 << 16, [0])) == "protocol 2.0 is not PostgreSQL's protocol 3")
        #expect(refusal(packet(1234 << 16 | 5677)) != nil)
        #expect(refusal(packet(1234 << 16 | 5679, [0])) != nil)
        #expect(refusal(packet(1234 << 16 | 5678, [0, 0])) != nil)
    }

    @Test func brokenParametersAreRefused() {
        let version: UInt32 = 3 << 16
        #expect(refusal(packet(version)) == "the startup packet ends in the middle of a parameter")
        #expect(refusal(packet(version, Array("user\0repl".utf8))) != nil)
        #expect(refusal(packet(version, Array("user\0".utf8))) != nil)
        #expect(refusal(packet(version, Array("user\0repl\0\0more\0".utf8)))
            == "the startup packet goes on after its end")
        #expect(refusal(packet(version, [0xFF, 0, 0x31, 0, 0])) == "the startup packet holds text that is not UTF-8")
    }

    /// The server keeps a part of each of two values: of `database` and then `true`, the database.
    @Test func aParameterThatComesTwiceIsRefused() {
        #expect(refusal(startup([("user", "repl"), ("replication", "database"), ("replication", "true")]))
            == "the startup packet names 'replication' twice")
    }

    /// Whatever comes, the parser ends, and what it takes is within its limits.
    @Test func noiseNeverBreaksTheParser() throws {
        var seed: UInt64 = 42
        func random() -> UInt64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return seed >> 33
        }
        let model = startup([("user", "repl"), ("replication", "true"), ("application_name", "h2")])
        for _ in 0..<20_000 {
            var bytes = random() % 2 == 0 ? model : (0..<random() % 64).map { _ in UInt8(truncatingIfNeeded: random()) }
            for _ in 0..<random() % 4 where !bytes.isEmpty {
                bytes[Int(random()) % bytes.count] = UInt8(truncatingIfNeeded: random())
            }
            if let (_, length) = try? StartupPacket.parse(bytes) {
                #expect(length <= bytes.count && length <= StartupPacket.maximumLength)
            }
        }
    }
}

@Suite struct AdmissionTests {
    private func refusal(_ parameters: [String: String]) -> RelayError? {
        do {
            try StartupParameters(parameters).admit(role: "repl")
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: ["true", "on", "yes", "1", "TRUE"])
    func physicalReplicationByTheRoleIsAdmitted(_ word: String) {
        #expect(refusal(["user": "repl", "replication": word, "database": "replication"]) == nil)
    }

    @Test(arguments: ["database", "false", "off", "0", "", "t", "yes please"])
    func otherReplicationIsRefused(_ word: String) {
        let error = refusal(["user": "repl", "replication": word])
        #expect(error?.code == .notReplication)
        #expect(error?.message.hasSuffix("this connection asks for replication='\(word)'") == true)
    }

    @Test func anOrdinaryConnectionIsRefusedAndToldWhere() {
        let error = refusal(["user": "repl", "database": "shop"])
        #expect(error?.code == .notReplication)
        #expect(error?.message == "the replication relay of pgadopt carries physical replication only, and this "
            + "connection asks for the database 'shop'")
        #expect(error?.hint.contains("over its unix socket") == true)
    }

    @Test func otherRolesAreRefused() {
        for user in ["postgres", "REPL", "repl ", ""] {
            #expect(refusal(["user": user, "replication": "true"])?.code == .wrongRole)
        }
        #expect(refusal(["replication": "true"])?.code == .wrongRole)
    }

    @Test func whatIsRefusedIsShownHarmlessly() {
        let error = refusal(["user": "a\u{1B}[31m" + String(repeating: "x", count: 5000), "replication": "true"])
        #expect(error?.message.contains("'a?[31mxxx") == true)
        #expect((error?.message.count ?? .max) < 200)
    }

    @Test func aRefusalIsAnErrorResponse() {
        let bytes = RelayError(.wrongRole, "no", hint: "ask").response
        #expect(bytes == Array("E".utf8) + [0, 0, 0, 35] + Array("SFATAL\0VFATAL\0C28000\0Mno\0Hask\0\0".utf8))
    }
}

@Suite struct ServerGreetingTests {
    private func message(_ type: Character, _ body: [UInt8]) -> [UInt8] {
        // The length counts itself, but not the type.
        [type.asciiValue ?? 0] + packet(0, length: UInt32(body.count + 4)).prefix(4) + body
    }

    private let sasl: [UInt8] = [0, 0, 0, 10] + Array("SCRAM-SHA-256\0\0".utf8)

    @Test func aQuestionForThePasswordIsWhatIsWantedAndAnErrorIsPassedOn() throws {
        for method: [UInt8] in [sasl, [0, 0, 0, 5, 1, 2, 3, 4], [0, 0, 0, 3]] {
            #expect(try ServerGreeting.parse(message("R", method)) == .asksForPassword)
        }
        #expect(try ServerGreeting.parse(message("E", Array("SFATAL\0\0".utf8))) == .refuses)
    }

    @Test func whatComesBeforeIsPassedOver() throws {
        let negotiation = message("v", [0, 3, 0, 0, 0, 0, 0, 0])
        let bytes = negotiation + message("N", Array("SNOTICE\0\0".utf8)) + message("R", sasl)
        #expect(try ServerGreeting.parse(bytes) == .asksForPassword)
        for count in 0..<(bytes.count - 20) { #expect(try ServerGreeting.parse(bytes[..<count]) == nil) }
    }

    @Test func aServerThatTrustsIsNotBelieved() {
        #expect { try ServerGreeting.parse(message("R", [0, 0, 0, 0])) } throws: {
            ($0 as? RelayError)?.code == .noPassword
        }
        // GSSAPI, SSPI.
        for method: UInt8 in [7, 9] {
            #expect { try ServerGreeting.parse(message("R", [0, 0, 0, method])) } throws: {
                ($0 as? RelayError)?.code == .noPassword
            }
        }
    }

    @Test func whatIsNoServerIsNotBelieved() {
        for bytes in [Array("HTTP/1.1 200 OK".utf8), [82, 0, 0, 0, 3, 1, 1, 1, 1], [0, 0, 0, 0, 0]] {
            #expect { try ServerGreeting.parse(bytes) } throws: { ($0 as? RelayError)?.code == .serverUnavailable }
        }
    }
}
