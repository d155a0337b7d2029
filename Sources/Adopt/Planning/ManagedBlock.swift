import Crypto

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

/// The lines between our two markers in a file of the owner's. Everything outside them stays byte for byte.
public struct ManagedBlock: Equatable, Sendable {
    static let begin = "# BEGIN pgadopt, managed: changes between these two lines are overwritten"
    static let end = "# END pgadopt"

    /// The text with the block at its top, in place of an older block if there is one. Nil: a begin marker
    /// without its end, or several; nobody but a person can tell what belongs to whom then.
    public static func inserting(_ lines: [String], into text: String) -> String? {
        guard let rest = removing(from: text) else { return nil }
        return ([begin] + lines + [end]).joined(separator: "\n") + "\n" + rest
    }

    /// The text without the block; the same text when there is none.
    public static func removing(from text: String) -> String? {
        var kept: [Substring] = []
        var isInside = false
        var blocks = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            switch (line, isInside) {
            case (Substring(begin), false):
                isInside = true
                blocks += 1
            case (Substring(begin), true), (Substring(end), false): return nil
            case (Substring(end), true): isInside = false
            case (_, true): break
            case (_, false): kept.append(line)
            }
        }
        return isInside || blocks > 1 ? nil : kept.joined(separator: "\n")
    }
}

extension FileEdit.Edit {
    /// The text after the edit; nil where ``ManagedBlock`` cannot tell.
    public func applied(to text: String) -> String? {
        switch self {
        case .managedBlock(let lines): return ManagedBlock.inserting(lines, into: text)
        case .appendLine(let line):
            if text.split(separator: "\n").contains(Substring(line)) { return text }
            return text + (text.isEmpty || text.hasSuffix("\n") ? "" : "\n") + line + "\n"
        }
    }
}

extension FileEdit {
    /// An edit of a text that the survey has read.
    public init?(path: String, edit: Edit, before: String) {
        guard let after = edit.applied(to: before) else { return nil }
        self.init(
            path: path, edit: edit, digestBefore: sha256(before), digestAfter: sha256(after),
            diff: unifiedDiff(from: before, to: after, path: path))
    }

    public var changesNothing: Bool { digestBefore == digestAfter }
}

/// A unified diff of two texts that differ in one region, as ours always do, with three lines of context.
/// Lines that look like secrets are masked: plans travel by mail.
func unifiedDiff(from before: String, to after: String, path: String) -> String {
    if before == after { return "" }
    let old = lines(before), new = lines(after)
    var head = 0
    while head < old.count, head < new.count, old[head] == new[head] { head += 1 }
    var tail = 0
    while tail < old.count - head, tail < new.count - head, old[old.count - 1 - tail] == new[new.count - 1 - tail] {
        tail += 1
    }
    let start = max(0, head - 3)
    let oldEnd = min(old.count, old.count - tail + 3), newEnd = min(new.count, new.count - tail + 3)
    var text = "--- \(path)\n+++ \(path)\n"
    text += "@@ -\(range(start, oldEnd)) +\(range(start, newEnd)) @@\n"
    for line in old[start..<head] { text += " \(masked(line))\n" }
    for line in old[head..<(old.count - tail)] { text += "-\(masked(line))\n" }
    for line in new[head..<(new.count - tail)] { text += "+\(masked(line))\n" }
    for line in old[(old.count - tail)..<oldEnd] { text += " \(masked(line))\n" }
    return text
}

private func lines(_ text: String) -> [Substring] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last == "" { lines.removeLast() }
    return lines
}

private func range(_ start: Int, _ end: Int) -> String {
    end == start ? "\(start),0" : "\(start + 1),\(end - start)"
}

private func masked(_ line: Substring) -> String {
    let lower = line.lowercased()
    let isSecret = ["passw", "secret", "token", "access_key"].contains { lower.contains($0) }
    return isSecret ? "(a line that may hold a secret is not shown)" : String(line)
}
