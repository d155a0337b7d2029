import Testing

@testable import JSON

/// What the API's clients and the store's other writers may send: a fixed number of inputs, the same each time.
@Suite struct FuzzTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            // SplitMix64 (Steele, Lea, Flood 2014).
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    private static let samples = [
        #"{"ttl":30,"loop_wait":10,"postgresql":{"parameters":{"max_connections":100,"wal_log_hints":"on"}},"pause":null}"#,
        #"[[1,67525648,"no recovery target specified","2026-11-22T13:32:47.795241+00:00","n2"]]"#,
        #"{"a":"\ud83d\ude00\n\"\\\/","b":[1.5e-3,-0,true,false,{}],"c":-9223372036854775808}"#,
    ]

    @Test func whatIsReadIsWrittenAndReadAgainAsTheSame() throws {
        var random = Generator(state: 7)
        var read = 0
        for _ in 0..<20_000 {
            var bytes = Array(Self.samples.randomElement(using: &random)!.utf8)
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes[at] = Array("{}[]:,\"\\0e-".utf8).randomElement(using: &random)!
                case 2: bytes.insert(bytes[at], at: at)
                default: if bytes.count > 1 { bytes.removeSubrange(at...) }
                }
                if bytes.isEmpty { bytes = [0x20] }
            }
            guard let value = try? JSON(parsing: bytes) else { continue }
            read += 1
            let text = value.text
            #expect(try JSON(parsing: text).text == text)
        }
        #expect(read > 1000, "most of it is not broken everywhere")
    }
}
