import FoundationEssentials
import Glibc

/// A file beside the plan on the control host.
public struct LocalJournalFile: JournalFile {
    public let path: String

    public init(path: String) { self.path = path }

    /// The journal that belongs to a plan file: `plan.json` has `plan.journal.jsonl`.
    public static func beside(planFile: String) -> LocalJournalFile {
        let stem = planFile.hasSuffix(".json") ? String(planFile.dropLast(5)) : planFile
        return LocalJournalFile(path: stem + ".journal.jsonl")
    }

    public func read() async throws -> String {
        guard FileManager.default.fileExists(atPath: path) else { return "" }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ExecutionError(.localFile, "the journal \(path) cannot be read")
        }
        return String(decoding: data, as: UTF8.self)
    }

    public func append(_ line: String) async throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        var rest = Array(line.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure() }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw failure() }
    }

    private func failure() -> ExecutionError {
        ExecutionError(
            .localFile, "the journal \(path) cannot be written: \(String(cString: strerror(errno)))",
            remedy: "Nothing is done without a journal. Make room or choose another place for the plan file.")
    }
}
