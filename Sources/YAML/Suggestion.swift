/// The candidate a person most likely meant, nil when none is near. Case, `-` and `_` count as the same letter;
/// one mistake in three letters is near.
public func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let wanted = folded(word)
    guard wanted.count <= 64 else { return nil }
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
        let target = folded(candidate)
        let distance = editDistance(wanted, target)
        guard distance <= max(1, min(wanted.count, target.count) / 3) else { continue }
        if distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.candidate
}

private func folded(_ word: String) -> [Character] { word.lowercased().map { $0 == "-" ? "_" : $0 } }

/// Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b`.
func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var cost = min(previous[j + 1] + 1, row[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforePrevious[j - 1] + 1) }
            row.append(cost)
        }
        beforePrevious = previous
        previous = row
    }
    return previous[b.count]
}
