import Inventory
import Testing

/// Each `Golden/NAME.yaml` is a broken inventory; `NAME.expected` is what a person reads about it.
@Suite struct DiagnosticsTests {
    @Test(arguments: [
        "empty", "comments-only", "tab", "syntax", "two-documents", "unknown-keys", "wrong-types", "roles", "names",
        "addresses", "endpoints", "secrets", "duplicates", "missing", "tags", "two-clusters", "not-a-mapping", "alias",
        "managed",
    ])
    func everyProblemIsReportedAtItsPlace(_ name: String) throws {
        let text = file("Golden/\(name).yaml")
        let reading = Inventory.read(text, path: "\(name).yaml")
        #expect(!reading.problems.isEmpty)
        try expectGolden("\(name).expected", reading.problems.map { "\($0)\n" }.joined())
    }

    @Test func aSecretIsNeverRepeated() {
        let reading = Inventory.read(file("Golden/secrets.yaml"), path: "secrets.yaml")
        #expect(!reading.problems.map(\.description).joined().contains("hunter2"))
    }

    @Test func warningsAloneDoNotStopReading() throws {
        let text = """
            clusters:
              a:
                store: {endpoints: ['[::1]:2379']}
                hosts: {p: {role: primary}, r: {role: replica, tags: {no_failover: true}}}
            """
        let reading = Inventory.read(text, path: "i.yaml")
        #expect(reading.problems.map(\.severity) == [.warning])
        #expect(reading.inventory?.clusters[0].hosts[1].tags == ["no_failover": "true"])
    }

    @Test func bytesThatAreNotTextAreRefusedAtTheirPlace() {
        let reading = Inventory.read(Array("clusters:\n  a: ".utf8) + [0xFF, 0xFE], path: "i.yaml")
        #expect(reading.inventory == nil)
        #expect(reading.problems.map { "\($0.position)" } == ["2:6"])
    }

    /// SplitMix64: the same inputs in every run.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    @Test func mutationsOfTheExampleGiveAnInventoryOrErrorsInOrder() {
        var random = Generator(state: 5)
        let original = Array(file("../../inventory.example.yaml").utf8)
        for _ in 0..<1500 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...60, using: &random)))
                default: bytes.insert(bytes.randomElement(using: &random) ?? 0, at: index)
                }
                if bytes.isEmpty { bytes = original }
            }
            let reading = Inventory.read(bytes, path: "i.yaml")
            #expect((reading.inventory == nil) == reading.problems.contains { $0.severity == .error })
            #expect(reading.problems.map(\.position) == reading.problems.map(\.position).sorted())
            for cluster in reading.inventory?.clusters ?? [] {
                #expect(cluster.hosts.filter { $0.role == .primary }.count == 1)
                #expect(
                    !cluster.replicaHosts.isEmpty && !cluster.store.endpoints.isEmpty,
                    "\(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }
}
