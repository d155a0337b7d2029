import NIOCore
import Testing

@testable import Etcd

@Suite struct FramingTests {
    @Test func messagesCutAnywhereComeOutWhole() throws {
        let allocator = ByteBufferAllocator()
        let messages: [[UInt8]] = [[], [1], Array(repeating: 7, count: 300)]
        let stream = messages.flatMap { Array(GRPCDeframer.frame($0, allocator: allocator).readableBytesView) }
        for size in [1, 2, 3, 7, 64, 1000] {
            var deframer = GRPCDeframer()
            var seen: [[UInt8]] = []
            for start in Swift.stride(from: 0, to: stream.count, by: size) {
                deframer.append(ByteBuffer(bytes: stream[start..<min(start + size, stream.count)]))
                while let message = try deframer.next() { seen.append(message) }
            }
            #expect(seen == messages)
            #expect(deframer.pending == 0)
        }
    }

    @Test func compressedAndHugeMessagesAreRefused() {
        for bytes in [[1, 0, 0, 0, 0], [0, 0xff, 0xff, 0xff, 0xff]] as [[UInt8]] {
            var deframer = GRPCDeframer()
            deframer.append(ByteBuffer(bytes: bytes))
            #expect(throws: GRPCDeframer.Malformed.self) { try deframer.next() }
        }
    }

    @Test func timeoutsFitIntoEightDigits() {
        #expect(GRPCRequest.timeoutText(.milliseconds(1500)) == "1500m")
        #expect(GRPCRequest.timeoutText(.nanoseconds(1)) == "1m")
        #expect(GRPCRequest.timeoutText(.hours(100)) == "360000S")
    }

    @Test func statusTextIsPercentDecoded() {
        #expect(GRPCStatus.percentDecoded("a%20b%C3%A9 100%") == "a bé 100%")
        #expect(GRPCStatus([":status": "200"]) == nil)
        #expect(GRPCStatus([":status": "503"])?.code == 14)
        #expect(GRPCStatus(["grpc-status": "5", "grpc-message": "lease%20not found"])?.message == "lease not found")
    }

    @Test func onlyAnswersThatRuleAWriteOutAreUnambiguous() {
        func effect(_ status: Int, _ text: String) -> EtcdError.Effect {
            EtcdError(status: status, text: text, endpoint: "e").effect
        }
        #expect(effect(14, "etcdserver: request timed out") == .unknown)
        #expect(effect(14, "etcdserver: leader changed") == .unknown)
        #expect(effect(2, "whatever") == .unknown)
        #expect(effect(14, "etcdserver: no leader") == .none)
        #expect(effect(5, "etcdserver: requested lease not found") == .none)
        #expect(effect(7, "etcdserver: permission denied") == .none)
    }

    @Test func aLowerTermOrAnotherClusterIsNoticed() {
        var watermark = TermWatermark()
        func header(_ cluster: UInt64, _ term: UInt64) -> ResponseHeader {
            var header = ResponseHeader()
            header.clusterID = cluster
            header.raftTerm = term
            return header
        }
        #expect(watermark.judge(header(1, 5), isConfirmed: true) == nil)
        #expect(watermark.judge(header(1, 99), isConfirmed: false) == nil)
        #expect(watermark.judge(header(1, 5), isConfirmed: true) == nil, "a cut-off candidate's term is not believed")
        #expect(watermark.judge(header(1, 4), isConfirmed: false)?.0 == .staleServer)
        #expect(watermark.judge(header(2, 9), isConfirmed: true)?.0 == .foreignCluster)
    }

    @Test(arguments: [
        ("10.0.0.1:2379", "10.0.0.1:2379"), ("https://etcd-1:1234/", "etcd-1:1234"), ("etcd", "etcd:2379"),
        ("[fd00::1]:2379", "[fd00::1]:2379"), ("fd00::1", "[fd00::1]:2379"),
    ])
    func endpointsAreReadInEveryUsualForm(text: String, expected: String) throws {
        #expect(try EtcdConfiguration.Endpoint(parsing: text).description == expected)
    }

    @Test(arguments: ["", "host:", "host:0", "host:70000", "[::1", "a b:1", "http://"])
    func brokenEndpointsAreRefused(_ text: String) {
        #expect(throws: EtcdError.self) { try EtcdConfiguration.Endpoint(parsing: text) }
    }

    @Test func passwordsAreNotPrinted() {
        let credentials = EtcdConfiguration.Credentials(name: "root", password: "geheim")
        var dumped = ""
        dump(EtcdConfiguration(endpoints: [], credentials: credentials), to: &dumped)
        #expect(!dumped.contains("geheim"))
        #expect(!"\(EtcdConfiguration(endpoints: [], credentials: credentials))".contains("geheim"))
    }
}
