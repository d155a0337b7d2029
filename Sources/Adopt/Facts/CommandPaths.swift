/// Absolute paths in a shell command, the part before `%f` or `%p`; the program first.
public func namedPaths(in command: String) -> [String] {
    var paths: [String] = []
    for word in command.split(whereSeparator: { " \"'=;<>|&()".contains($0) }) where word.hasPrefix("/") {
        guard !word.hasPrefix("/dev/"), !word.contains("$"), !word.contains("`") else { continue }
        var path = String(word)
        if let percent = path.firstIndex(of: "%") {
            path = String(path[..<percent])
            while path.count > 1, path.last != "/" { path.removeLast() }
        }
        while path.count > 1, path.last == "/" { path.removeLast() }
        if path.count > 1, !paths.contains(path) { paths.append(path) }
    }
    return paths
}
