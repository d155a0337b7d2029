import Facts
import Foundation
import Inventory
import Preflight
import Testing

/// The checks over the facts of real servers, recorded by `scripts/record-facts`.
struct RecordedFactsTests {
    private func host(_ name: String, _ file: String, primary: Bool) throws -> HostFacts {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Facts/Data/\(file).json").standardizedFileURL
        var facts = try JSONDecoder().decode(HostFacts.self, from: Data(contentsOf: url))
        facts.host = name
        facts.system.machineID = "id of \(name)"
        if !primary {
            facts.servers = []
            facts.target?.content = .absent
            facts.target?.control = nil
        }
        return facts
    }

    private func findings(primary: String, replica: String) throws -> [Finding] {
        let spec = ClusterSpec(
            name: "shop",
            hosts: [
                HostSpec(name: "p", role: .primary, address: "10.0.0.1", ssh: SSHSpec(host: "p")),
                HostSpec(name: "a", role: .replica, address: "10.0.0.2", ssh: SSHSpec(host: "a")),
            ], store: StoreSpec(endpoints: ["10.0.0.1:2379"]))
        let facts = ClusterFacts(
            cluster: "shop",
            hosts: [try host("p", primary, primary: true), try host("a", replica, primary: false)],
            store: StoreFacts(), takenAt: "2026-01-01T00:00:00Z")
        return evaluate(facts, spec)
    }

    @Test(arguments: [
        "bullseye-postgresql13", "bookworm-postgresql15", "rpm-layout-postgresql16", "trixie-postgresql17",
        "hand-made-postgresql18",
    ])
    func `what was planted in a server is found, and nothing is made up`(_ name: String) throws {
        let findings = try findings(primary: name, replica: name).filter { $0.host == "p" && $0.verdict != .ok }
        let names = Set(findings.map(\.name))
        let planted: Set = [
            "settings.duplicates", "settings.managed", "settings.pending-restart", "settings.drift",
            "archive.command",
            "slots.logical", "objects.unlogged", "durability.synchronous-commit", "jobs.host-bound", "wal.slot-cap",
        ]
        #expect(planted.subtracting(names) == [])
        // These would be false alarms here.
        let wrong: Set = [
            "primary.single", "survey.complete", "settings.parse", "hba.parse", "wal.level", "durability.fsync",
            "recovery.leftovers", "roles.superuser", "directory.permissions", "collation.stored", "crash.recent",
            "corruption.checksums", "vacuum.wraparound", "os.selinux", "hba.local",
        ]
        #expect(names.intersection(wrong) == [], "\(findings.filter { wrong.contains($0.name) }.map(\.summary))")
    }

    @Test func `another release as the replica is refused for its version, and its order of words is the same`()
        throws
    {
        let findings = try findings(primary: "bookworm-postgresql15", replica: "trixie-postgresql17").filter {
            $0.host == "a"
        }
        func verdict(_ name: String) -> Finding.Verdict? { findings.first { $0.name == name }?.verdict }
        #expect(verdict("pg.version.target") == .fail)
        #expect(verdict("libc.version") == .warn)
        #expect(verdict("os.release") == .warn)
        #expect(verdict("collation.probe") == .ok)
    }
}
