import Inventory
import Testing

/// Each `Golden/NAME.yaml` is a broken inventory; `NAME.expected` is what a person reads about it.
@Suite struct DiagnosticsTests {
    @Test(arguments: [
        "empty", "comments-only", "tab", "syntax", "two-documents", "unknown-keys", "wrong-types", "roles", "names",
        "addresses", "endpoints", "secrets", "duplicates", "missing", "tags", "two-clusters", "not-a-mapping", "alias",
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
}
