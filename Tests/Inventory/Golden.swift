import FoundationEssentials
import Testing

/// The text of a file beside these tests.
func file(_ path: String) -> String {
    let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: path)
    return (try? String(decoding: Data(contentsOf: url), as: UTF8.self)) ?? ""
}

/// Compares with `Golden/NAME`. `PGADOPT_GOLDEN=write swift test --filter InventoryTests` writes the files anew.
func expectGolden(_ name: String, _ actual: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    if ProcessInfo.processInfo.environment["PGADOPT_GOLDEN"] == "write" {
        let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
        try Data(actual.utf8).write(to: url)
    }
    #expect(actual == file("Golden/\(name)"), "\(name) differs", sourceLocation: sourceLocation)
}
