import Foundation
import Testing

/// `scripts/digest`, which ends every run of the tests: the run's exit code and last line depend on it.
@Suite struct DigestTests {
    private let passed = (1...2000).map {
        "✔ Test aTestWithANameThatIsAsLongAsTheyAreInThisProjectNumber\($0)() passed after \($0).125 seconds."
    }

    /// More names than a pipe holds: 64 KiB.
    @Test func aLongLogIsReadToItsEndAndTheSummaryIsLast() async throws {
        let summary = "✔ Test run with 2000 tests in 158 suites passed after 4000.500 seconds."
        let told = try await digest(passed + [summary])
        #expect(told.status == 0)
        #expect(told.lines.last == summary)
        #expect(told.lines.filter { $0.contains("aTestWithAName") }.count == 12)
        #expect(told.lines.first { $0.contains("aTestWithAName") }?.contains("2000.1 s") == true)
        #expect(!told.lines.contains("What failed:"))
    }

    @Test func aFailureIsToldWithItsReason() async throws {
        let summary = "✘ Test run with 2001 tests in 158 suites failed after 4000.500 seconds with 1 issue."
        let told = try await digest(
            passed + [
                "✘ Test itFails() recorded an issue at LifeTests.swift:7:9: Expectation failed: rows == 3",
                "↳ rows → 2", "✘ Test itFails() failed after 3.000 seconds with 1 issue.", summary,
            ])
        #expect(told.status == 0)
        #expect(told.lines.last == summary)
        let failures = told.lines.drop { $0 != "What failed:" }
        #expect(failures.contains { $0.contains("LifeTests.swift:7:9") })
        #expect(failures.contains("↳ rows → 2"))
    }

    private func digest(_ log: [String]) async throws -> (status: Int32, lines: [String]) {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("digest-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("tests.log")
        try (log.joined(separator: "\n") + "\n").write(to: file, atomically: false, encoding: .utf8)
        let ended = try await Program.run(["scripts/digest", file.path])
        return (ended.status, ended.output.split(separator: "\n").map(String.init))
    }
}
