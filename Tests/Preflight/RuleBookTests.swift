import Foundation
import Preflight
import Testing

struct RuleBookTests {
    private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../docs/checks.md").standardizedFileURL

    /// `PGADOPT_WRITE_DOCS=1 swift test --filter RuleBookTests` writes the file anew.
    @Test func `docs/checks.md is what the tables say`() throws {
        if ProcessInfo.processInfo.environment["PGADOPT_WRITE_DOCS"] != nil {
            try ruleBookMarkdown().write(to: Self.file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: Self.file, encoding: .utf8) == ruleBookMarkdown())
    }

    @Test func `at least 110 of the 130 entries of the catalogue are checked, the others have a reason`() {
        #expect(catalogue.map(\.number) == Array(1...130))
        let names = Set(allRules.map(\.name))
        var covered = 0
        for entry in catalogue {
            switch entry.coverage {
            case .rules(let rules):
                covered += 1
                #expect(!rules.isEmpty && names.isSuperset(of: rules), "\(entry)")
            case .left(let reason): #expect(reason.count > 30, "\(entry)")
            }
        }
        #expect(covered >= 110)
    }
}
