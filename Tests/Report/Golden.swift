import FoundationEssentials
import Testing

/// Compares with `Tests/Report/Golden/NAME`. `PGADOPT_GOLDEN=write swift test --filter ReportTests` writes
/// the files anew; review the difference like code.
func expectGolden(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let directory = String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex))
    let path = "\(directory)/Golden/\(name)"
    if ProcessInfo.processInfo.environment["PGADOPT_GOLDEN"] == "write" {
        try Data(text.utf8).write(to: URL(filePath: path))
    }
    let expected = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    #expect(text == expected, "differs from \(name)", sourceLocation: sourceLocation)
}
