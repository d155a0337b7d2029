import FoundationEssentials
import Testing

/// Compares text with a file of the repository; `UPDATE_GOLDEN=1` writes the file instead.
enum Golden {
    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static var isUpdating: Bool { ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" }

    static func read(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: repository.appending(path: path)), as: UTF8.self)
    }

    static func check(_ text: String, against path: String) throws {
        if isUpdating { return try Data(text.utf8).write(to: repository.appending(path: path)) }
        let expected = (try? read(path)) ?? ""
        let ours = text.split(separator: "\n", omittingEmptySubsequences: false)
        let theirs = expected.split(separator: "\n", omittingEmptySubsequences: false)
        guard ours != theirs else { return }
        let line = zip(ours, theirs).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(ours.count, theirs.count)
        Issue.record(
            """
            \(path):\(line + 1) differs
              file: \(line < theirs.count ? theirs[line] : "(end)")
              now:  \(line < ours.count ? ours[line] : "(end)")
            """)
    }

    static func names(in folder: String, ending: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: repository.appending(path: folder).path)
            .filter { $0.hasSuffix(ending) }.sorted()
    }
}
