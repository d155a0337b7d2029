extension HBAFile {
    /// The lines around what pgadopt wrote. PostgreSQL takes the first rule that matches, so the block is at the top.
    public static let blockBegin = "# BEGIN pgadopt (managed; edits between these lines are lost)"
    public static let blockEnd = "# END pgadopt"

    /// The lines of the managed block, without its marks; nil when there is none.
    public var managedLines: [String]? {
        guard let range = managedRange else { return nil }
        // By bytes: as characters, a carriage return and a line feed are one.
        var lines = bytes[range].split(separator: 0x0A, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        if lines.last == "" { lines.removeLast() }
        lines.removeFirst()
        lines.removeLast()
        return lines
    }

    /// A file with these rules in the managed block, at the top. Every other byte stays as it is.
    public func replacingManagedBlock(with lines: [String]) -> HBAFile {
        let rest = removingManagedBlock().bytes
        let block = ([Self.blockBegin] + lines + [Self.blockEnd]).joined(separator: "\n") + "\n"
        return HBAFile(bytes: Array(block.utf8) + rest)
    }

    /// The file as it was before: without the managed block.
    public func removingManagedBlock() -> HBAFile {
        guard let range = managedRange else { return self }
        var rest = bytes
        rest.removeSubrange(range)
        return HBAFile(bytes: rest)
    }

    /// From the begin mark's first byte to behind the end mark's line end. A begin mark without an end mark behind
    /// it is no block: somebody tore it, and guessing where it ends could remove the owner's rules.
    private var managedRange: Range<Int>? {
        var start: Int?
        var position = 0
        while position < bytes.count {
            let end = bytes[position...].firstIndex(of: 0x0A) ?? bytes.count
            let line = bytes[position..<end]
            let next = min(end + 1, bytes.count)
            if line.starts(with: Array("# BEGIN pgadopt".utf8)) { start = position }
            if let start, line.starts(with: Array(Self.blockEnd.utf8)) { return start..<next }
            position = next
        }
        return nil
    }
}
