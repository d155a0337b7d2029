import Testing

@testable import Etcd

@Suite struct ProtobufTests {
    @Test func numbersOfEveryLengthComeBack() throws {
        for value in [Int64(1), 127, 128, 300, -1, .max, .min, 1 << 35] {
            var writer = ProtobufWriter()
            writer.field(3, value)
            var reader = ProtobufReader(writer.bytes)
            let field = try #require(try reader.next())
            #expect(field.number == 3)
            #expect(try field.int64() == value)
            #expect(try reader.next() == nil)
        }
    }

    @Test(arguments: [
        [0x08],  // tag without value
        [0x08, 0xff],  // number cut off
        [0x08] + Array(repeating: 0xff, count: 10) + [1],  // longer than 64 bits
        [0x0a, 0x05, 1, 2],  // length beyond the end
        [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],  // length beyond Int
        [0x0b],  // group
        [0x00],  // field 0
        [0x09, 1, 2, 3],  // fixed64 cut off
    ] as [[UInt8]])
    func malformedBytesAreRefused(_ bytes: [UInt8]) {
        #expect(throws: ProtobufReader.Malformed.self) { try RangeResult(decoding: bytes) }
    }

    @Test func transactionsNestedTooDeeplyAreRefused() {
        var bytes: [UInt8] = []
        for _ in 0..<100 {
            var writer = ProtobufWriter()
            writer.message(3) { $0.required(4, bytes) }
            bytes = writer.bytes
        }
        #expect(throws: ProtobufReader.Malformed.self) { try TransactionResult(decoding: bytes) }
    }

    @Test func unknownFieldsAreSkipped() throws {
        var writer = ProtobufWriter()
        writer.field(99, "from the future")
        writer.field(4, Int64(7))
        #expect(try RangeResult(decoding: writer.bytes).count == 7)
    }

    @Test func compareOfAnAbsentKeyIsWrittenThoughItsValueIsZero() {
        #expect(Compare.absent("k").encoded == [0x1a, 1, 0x6b, 0x10, 1, 0x28, 0])
    }

    @Test func prefixEndsAtTheNextPossibleKey() {
        #expect(KeyRange.prefix("/a/") == KeyRange(key: Array("/a/".utf8), end: Array("/a0".utf8)))
        #expect(KeyRange.prefix("") == KeyRange(key: [0], end: [0]))
    }

    /// Every decoder, on random bytes and on valid messages with flipped, cut and repeated bytes, ends in a value
    /// or in `Malformed`; a crash would end the test run.
    @Test func noBytesCrashTheReader() {
        var random = SplitMix(seed: 42)
        let samples = Self.samples
        for round in 0..<20_000 {
            var bytes: [UInt8]
            if round % 4 == 0 {
                bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in .random(in: 0...255, using: &random) }
            } else {
                bytes = samples[round % samples.count]
                for _ in 0...Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                    let at = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0...3, using: &random) {
                    case 0: bytes[at] = .random(in: 0...255, using: &random)
                    case 1: bytes.removeSubrange(at...)
                    case 2: bytes.insert(contentsOf: bytes[at...], at: at)
                    default: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
                    }
                }
            }
            decodeAll(bytes)
        }
    }

    private func decodeAll(_ bytes: [UInt8]) {
        func decode<M: ResponseMessage>(_ type: M.Type) {
            do { _ = try M(decoding: bytes) } catch {
                if !(error is ProtobufReader.Malformed) { Issue.record("\(type) threw \(error)") }
            }
        }
        decode(RangeResult.self)
        decode(TransactionResult.self)
        decode(WatchResponse.self)
        decode(LeaseGrant.self)
        decode(LeaseKeepAliveResponse.self)
        decode(LeaseTimeToLive.self)
        decode(MemberList.self)
        decode(EtcdStatus.self)
        decode(AuthenticateResponse.self)
    }

    private static let samples: [[UInt8]] = {
        func header(_ writer: inout ProtobufWriter) {
            writer.message(1) {
                $0.field(1, UInt64.max)
                $0.field(3, Int64(77))
                $0.field(4, UInt64(3))
            }
        }
        func keyValue(_ writer: inout ProtobufWriter) {
            writer.field(1, "/service/demo/leader")
            writer.field(2, Int64(8))
            writer.field(5, "n1")
            writer.field(6, Int64(0x694d_a203_710e_6c05))
        }
        var range = ProtobufWriter()
        header(&range)
        for _ in 0..<3 { range.message(2) { keyValue(&$0) } }
        var transaction = ProtobufWriter()
        header(&transaction)
        transaction.field(2, true)
        transaction.message(3) { $0.required(1, range.bytes) }
        let inner = transaction.bytes
        transaction.message(3) { $0.required(4, inner) }
        var watch = ProtobufWriter()
        header(&watch)
        watch.message(11) { $0.message(2) { keyValue(&$0) } }
        var members = ProtobufWriter()
        header(&members)
        members.message(2) {
            $0.field(2, "m0")
            $0.field(4, "http://127.0.0.1:2379")
        }
        return [range.bytes, transaction.bytes, watch.bytes, members.bytes]
    }()
}

/// A small generator with a seed, so that a failure can be had again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
