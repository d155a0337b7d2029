import FoundationEssentials
import Planning
import Testing

@Suite struct PlaybookTests {
    private static func shipped() -> String {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return FileManager.default.contents(atPath: "/\(root)/playbooks/adopt.yaml")
            .map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    @Test func `The file in playbooks and the built-in order are the same`() throws {
        #expect(try Playbook.parse(Self.shipped(), file: "adopt.yaml") == .adopt)
    }

    private func refusal(_ text: String) -> String? {
        do {
            _ = try Playbook.parse(text, file: "my.yaml")
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func `An unknown step is refused at its place with the nearest name`() {
        #expect(
            refusal(Self.shipped().replacing("  - settings ", with: "  - setings  "))?
                .hasPrefix("my.yaml:19:5: unknown step 'setings'; allowed: lock, backup") == true)
        #expect(
            refusal(Self.shipped().replacing("  - settings ", with: "  - setings  "))?
                .hasSuffix("did you mean 'settings'?") == true)
    }

    @Test func `A step before what it needs is refused with the reason`() {
        let text = """
            cluster: [lock, backup, bundle, roles, secrets, hba, settings, store, legacy-unit, agent]
            replica: [slot, base-backup, config-files, legacy-unit, agent, streaming]
            finish: [verify, unlock]
            """
        #expect(
            refusal(text)
                == "my.yaml:1:33: the step 'roles' must come after 'secrets': the roles get the passwords made there")
    }

    @Test func `In a replica's section the primary's step of the same name does not count`() {
        let text = """
            cluster: [lock, backup, bundle, secrets, roles, hba, settings, store, legacy-unit, agent]
            replica: [slot, base-backup, config-files, agent, legacy-unit, streaming]
            finish: [verify, unlock]
            """
        #expect(refusal(text)?.hasPrefix("my.yaml:2:44: the step 'agent' must come after 'legacy-unit'") == true)
    }

    @Test(arguments: [
        ("", "my.yaml:1:1: the playbook is empty"),
        ("- lock", "my.yaml:1:1: a playbook is a mapping of sections"),
        (
            "clusters: []",
            "my.yaml:1:1: unknown section 'clusters'; allowed: cluster, replica, finish; did you mean 'cluster'?"
        ),
        ("cluster: [lock, lock]\nreplica: []\nfinish: []", "my.yaml:1:17: the step 'lock' stands here twice"),
        ("cluster: [slot]\nreplica: []\nfinish: []", "my.yaml:1:11: the step 'slot' does not belong in 'cluster'"),
        ("cluster: [[lock]]\nreplica: []\nfinish: []", "my.yaml:1:11: a step is one word"),
        ("cluster: [lock]\nreplica: []\nfinish: []", "my.yaml:1:10: the step 'backup' is missing from 'cluster'"),
    ])
    func `A playbook that cannot work is refused at its place`(_ text: String, _ start: String) {
        #expect(refusal(text)?.hasPrefix(start) == true, "\(refusal(text) ?? "accepted")")
    }
}
