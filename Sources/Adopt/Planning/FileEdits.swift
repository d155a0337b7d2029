import Crypto
import PostgresModel

/// SHA-256 of a text's UTF-8 bytes, hexadecimal.
public func sha256(_ text: String) -> String { sha256(Array(text.utf8)) }

public func sha256(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var hex: [UInt8] = []
    hex.reserveCapacity(64)
    for byte in SHA256.hash(data: bytes) {
        hex.append(digits[Int(byte >> 4)])
        hex.append(digits[Int(byte & 15)])
    }
    return String(decoding: hex, as: UTF8.self)
}

extension FileEdit.Edit {
    /// The text after the edit.
    public func applied(to text: String) -> String {
        switch self {
        case .managedBlock(let lines): return HBAFile(text: text).replacingManagedBlock(with: lines).text
        case .appendLine(let line):
            if text.split(separator: "\n").contains(Substring(line)) { return text }
            return text + (text.isEmpty || text.hasSuffix("\n") ? "" : "\n") + line + "\n"
        }
    }

    /// The text without what the edit added; whatever else has been edited since stays.
    /// - Parameter digestBefore: of the text before the edit, to tell a file that had no newline at its end.
    public func removed(from text: String, digestBefore: String) -> String {
        switch self {
        case .managedBlock: return HBAFile(text: text).removingManagedBlock().text
        case .appendLine(let line):
            let rest = text.split(separator: "\n", omittingEmptySubsequences: false).filter { $0 != Substring(line) }
                .joined(separator: "\n")
            let unended = String(rest.dropLast())
            return sha256(unended) == digestBefore ? unended : rest
        }
    }
}

extension FileEdit {
    /// An edit of a text that the survey has read. The diff shows no values that may be secrets: plans travel.
    public init(path: String, edit: Edit, before: String) {
        let after = edit.applied(to: before)
        self.init(
            path: path, edit: edit, digestBefore: sha256(before), digestAfter: sha256(after),
            diff: unifiedDiff(
                old: redactingSecrets(before), new: redactingSecrets(after), oldName: path, newName: path))
    }

    public var changesNothing: Bool { digestBefore == digestAfter }
}
