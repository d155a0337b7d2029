import Foundation
import JSON
import Testing

@testable import Configuration

/// The table of keys in docs/patroni.md is the schema's. To write it anew:
/// `PGADOPT_WRITE_DOCS=1 swift test --filter DocumentationTests`
@Suite struct DocumentationTests {
    private static let path = String(#filePath.prefix(upTo: #filePath.range(of: "Tests/Configuration")!.lowerBound))
        + "docs/patroni.md"
    private static let begin = "<!-- keys: written by DocumentationTests -->\n"
    private static let end = "<!-- end of keys -->\n"

    @Test func theTableOfKeysIsTheSchemas() throws {
        let text = try String(contentsOfFile: Self.path, encoding: .utf8)
        let first = try #require(text.range(of: Self.begin))
        let last = try #require(text.range(of: Self.end))
        let wanted = "\n" + AgentSchema.documentation + "\n"
        if ProcessInfo.processInfo.environment["PGADOPT_WRITE_DOCS"] != nil {
            let new = text.replacingCharacters(in: first.upperBound..<last.lowerBound, with: wanted)
            try new.write(toFile: Self.path, atomically: true, encoding: .utf8)
            return
        }
        #expect(String(text[first.upperBound..<last.lowerBound]) == wanted)
    }

    @Test func everyKeyHasAStateAndAReasonWhereItHasNoEffect() {
        let lines = AgentSchema.documentation.split(separator: "\n").filter { $0.hasPrefix("| `") }
        #expect(lines.count > 150)
        #expect(lines.allSatisfy { $0.hasSuffix("| applied |") || $0.contains("| no effect: ") || $0.contains("| refused: ") })
    }

    @Test func theListOfTheClustersKeysIsWhatIsRead() {
        var all = JSONObject()
        var section = JSONObject()
        for key in AgentSchema.dynamicKeys.map(\.name) {
            if key.hasPrefix("postgresql.") { section[String(key.dropFirst(11))] = false } else { all[key] = .null }
        }
        all["postgresql"] = .object(section)
        let settings = DynamicConfiguration.read(.object(all)).configuration
        #expect(settings.other.isEmpty && settings.postgresql.other.isEmpty && !settings.postgresql.useSlots)
        // Every field of the type is in the list, by its own name.
        let fields = Mirror(reflecting: settings).children.compactMap(\.label).filter { $0 != "other" }
        #expect(fields.count == all.count)
    }
}
