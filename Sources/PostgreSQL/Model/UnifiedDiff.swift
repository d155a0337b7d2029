/// The difference of two texts as `diff -u` writes it, three lines of context; empty when they are equal.
///
/// For configuration files: time and memory grow with the product of the changed parts' lengths. Above four
/// million pairs the changed part is shown as removed and added whole.
public func unifiedDiff(old: String, new: String, oldName: String, newName: String) -> String {
    let a = diffLines(old)
    let b = diffLines(new)
    if a == b { return "" }
    let edits = diffEdits(a, b)
    var text = "--- \(oldName)\n+++ \(newName)\n"
    for hunk in diffHunks(edits) {
        let slice = edits[hunk]
        let before = edits[..<hunk.lowerBound]
        let oldStart = before.count { $0.kind != .added }
        let newStart = before.count { $0.kind != .removed }
        let oldCount = slice.count { $0.kind != .added }
        let newCount = slice.count { $0.kind != .removed }
        text += "@@ -\(diffRange(oldStart, oldCount)) +\(diffRange(newStart, newCount)) @@\n"
        for edit in slice {
            text += edit.kind.rawValue + edit.line
            if !edit.line.hasSuffix("\n") { text += "\n\\ No newline at end of file\n" }
        }
    }
    return text
}

private struct DiffEdit {
    enum Kind: String { case kept = " ", removed = "-", added = "+" }
    var kind: Kind
    var line: String
}

/// Lines with their line ends, so that a missing one at the end is a difference.
private func diffLines(_ text: String) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        line.append(scalar)
        if scalar == "\n" {
            lines.append(String(line))
            line = String.UnicodeScalarView()
        }
    }
    if !line.isEmpty { lines.append(String(line)) }
    return lines
}

private func diffEdits(_ a: [String], _ b: [String]) -> [DiffEdit] {
    var head = 0
    while head < a.count, head < b.count, a[head] == b[head] { head += 1 }
    var tail = 0
    while tail < a.count - head, tail < b.count - head, a[a.count - 1 - tail] == b[b.count - 1 - tail] { tail += 1 }
    let middle = diffMiddle(Array(a[head..<(a.count - tail)]), Array(b[head..<(b.count - tail)]))
    return a[..<head].map { DiffEdit(kind: .kept, line: $0) } + middle
        + a[(a.count - tail)...].map { DiffEdit(kind: .kept, line: $0) }
}

/// Longest common subsequence by the classic table.
private func diffMiddle(_ a: [String], _ b: [String]) -> [DiffEdit] {
    guard !a.isEmpty, !b.isEmpty, a.count * b.count <= 4_000_000 else {
        return a.map { DiffEdit(kind: .removed, line: $0) } + b.map { DiffEdit(kind: .added, line: $0) }
    }
    let width = b.count + 1
    var length = [Int32](repeating: 0, count: (a.count + 1) * width)
    for i in stride(from: a.count - 1, through: 0, by: -1) {
        for j in stride(from: b.count - 1, through: 0, by: -1) {
            length[i * width + j] =
                a[i] == b[j]
                ? length[(i + 1) * width + j + 1] + 1
                : max(length[(i + 1) * width + j], length[i * width + j + 1])
        }
    }
    var edits: [DiffEdit] = []
    var (i, j) = (0, 0)
    while i < a.count || j < b.count {
        if i < a.count, j < b.count, a[i] == b[j] {
            edits.append(DiffEdit(kind: .kept, line: a[i]))
            (i, j) = (i + 1, j + 1)
        } else if j == b.count || (i < a.count && length[(i + 1) * width + j] >= length[i * width + j + 1]) {
            edits.append(DiffEdit(kind: .removed, line: a[i]))
            i += 1
        } else {
            edits.append(DiffEdit(kind: .added, line: b[j]))
            j += 1
        }
    }
    return edits
}

/// Ranges of edits: each change with three kept lines around it, joined where they touch.
private func diffHunks(_ edits: [DiffEdit]) -> [Range<Int>] {
    var hunks: [Range<Int>] = []
    for index in edits.indices where edits[index].kind != .kept {
        let low = max(0, index - 3)
        let high = min(edits.count, index + 4)
        if let last = hunks.last, low <= last.upperBound {
            hunks[hunks.count - 1] = last.lowerBound..<high
        } else {
            hunks.append(low..<high)
        }
    }
    return hunks
}

/// `start,count`, lines from 1; an empty side names the line before it, and a count of 1 is left out.
private func diffRange(_ start: Int, _ count: Int) -> String {
    switch count {
    case 0: "\(start),0"
    case 1: "\(start + 1)"
    default: "\(start + 1),\(count)"
    }
}
