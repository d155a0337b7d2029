import HACore
import Testing

/// The scripts in Scenarios/: what happens, and what the core decides. To write the decisions anew:
/// `UPDATE_GOLDEN=1 swift test --filter HACoreTests`, then read the diff.
@Suite(.serialized) struct ScenarioTests {
    static let folder = "Tests/HACore/Scenarios"

    @Test func `Every script's decisions are those that were reviewed`() throws {
        for name in try Golden.names(in: Self.folder, ending: ".txt") {
            let path = "\(Self.folder)/\(name)"
            let (text, _) = try Self.replay(Golden.read(path), name: name)
            try Golden.check(text, against: path)
        }
    }

    @Test func `Every rule and every upkeep row is reached by some script`() throws {
        var reached: Set<Int> = []
        var actions: Set<String> = []
        for name in try Golden.names(in: Self.folder, ending: ".txt") {
            for decision in try Self.replay(Golden.read("\(Self.folder)/\(name)"), name: name).decisions {
                reached.insert(decision.rule.number)
                actions.formUnion(decision.actions.map { String($0.text.prefix { $0 != " " }) })
            }
        }
        let missing = RuleBook.rules.filter { !reached.contains($0.id.number) }.map(\.id.description)
        #expect(missing.isEmpty, "no script reaches \(missing)")
        let expected: Set = [
            "armGuard", "disarmGuard", "keepSlots", "writeInitialize", "restoreConfig", "writeSync", "removeSync",
            "setSynchronousStandbys", "claimInitialize", "removeInitialize", "stopStreaming", "clearRestart",
            "clearReinitialise", "clearFailover", "cancelOperation", "releaseLock",
        ]
        #expect(expected.subtracting(actions).isEmpty)
    }

    /// The script with the decisions of now after each `decide`.
    static func replay(_ script: String, name: String) throws -> (text: String, decisions: [Decision]) {
        var world = ScenarioWorld()
        var lines: [String] = []
        var decisions: [Decision] = []
        for (number, raw) in script.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = String(raw)
            if line.hasPrefix("| ") { continue }
            lines.append(line)
            if line.isEmpty || line.hasPrefix("#") { continue }
            do {
                if let decision = try world.run(line) {
                    decisions.append(decision)
                    lines += decision.lines.map { "| \($0)" }
                }
            } catch {
                Issue.record("\(name):\(number + 1): \(error)")
            }
        }
        return (lines.joined(separator: "\n"), decisions)
    }
}

@Suite struct RuleBookTests {
    @Test func `docs/ha-rules.md shows the table as it is`() throws {
        try Golden.check(RuleBook.markdown, against: "docs/ha-rules.md")
    }

    @Test func `Numbers and names are unique`() {
        let ids = RuleBook.rules.map(\.id)
        #expect(Set(ids.map(\.name)).count == ids.count)
        #expect(Set(ids.map(\.number)).count == ids.count)
    }

    @Test func `Phases follow each other in the order of the diagram`() {
        let order = RuleBook.rules.map { rule in Phase.allCases.firstIndex(of: rule.phase) ?? 0 }
        #expect(order == order.sorted())
    }
}
