@testable import Execution
import AdoptFixtures
import Planning
import Testing

/// A release without the server that was adopted.
@Suite struct LostServerTests {
    private let lost = LostServer(host: "h1", leader: "h2")

    private func acts(_ fate: ReplicaFate) throws -> [ReleaseAction] {
        let plan = try LegacyCluster.plan
        return plan.releaseActs(begun: Set(plan.steps.map(\.id)), replicas: fate, without: lost).map(\.action)
    }

    @Test(arguments: ReplicaFate.allCases) func `Nothing is done on it, and what leads is neither stopped nor removed`(
        _ fate: ReplicaFate
    ) throws {
        let acts = try acts(fate)
        #expect(!acts.contains { $0.host == "h1" })
        let names = acts.map(\.name)
        for name in ["h2/stop-server", "h2/undo-base-backup", "h2/undo-config-files", "h2/undo-slot", "h3/undo-slot"] {
            #expect(!names.contains(name), "\(name)")
        }
        #expect(names.first == "store/pause" && names.contains("h2/undo-agent") && names.contains("h2/hand-back"))
        // Its keys go after the agents have ended.
        let keys = try #require(names.firstIndex(of: "store/forget-keys"))
        #expect(try keys > #require(names.firstIndex(of: "h3/undo-agent")))
        #expect(names.contains("h3/stop-server") == (fate == .remove))
    }

    @Test func `Copies that are kept follow the leader, and their slots stay`() throws {
        let acts = try acts(.keep)
        let kept = acts.compactMap { if case .keepStreaming(let copy, _) = $0 { copy } else { nil } }
        #expect(kept.map(\.member) == ["h3"] && kept.map(\.sourceAddress) == ["10.77.0.2"])
        #expect(acts.contains { if case .dropSlots("h2", _, ["h1", "h2"]) = $0 { true } else { false } })
        #expect(try self.acts(.promote).contains {
            if case .dropSlots("h2", _, ["h1", "h2", "h3"]) = $0 { true } else { false }
        })
    }

    @Test func `What cannot be restored is said`() throws {
        let text = try LegacyCluster.plan.notRestored(without: lost).joined(separator: "\n")
        for word in ["h1 is not touched", "pgadopt_replication and pgadopt_rewind stay", "our block in pg_hba.conf"] {
            #expect(text.contains(word), "\(word)")
        }
    }
}
