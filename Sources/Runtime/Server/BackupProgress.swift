import PostgresModel

/// How far a base backup is, as pg_basebackup tells it about once a second.
public struct BackupProgress: Equatable, Sendable {
    public var done: ByteCount
    /// Grows while the source's tables grow.
    public var total: ByteCount

    public init(done: ByteCount, total: ByteCount) {
        self.done = done
        self.total = total
    }

    /// Reads the last of `  23456/34567 kB (67%), 0/1 tablespace` in a piece of output; nil when there is none.
    init?(parsing text: String) {
        for line in text.split(whereSeparator: { $0 == "\r" || $0 == "\n" || $0 == "\r\n" }).reversed() {
            let words = line.split(separator: " ")
            guard words.count >= 2, words[1] == "kB" else { continue }
            let numbers = words[0].split(separator: "/").compactMap { Int64($0) }
            guard numbers.count == 2 else { continue }
            self.init(done: ByteCount(numbers[0] << 10), total: ByteCount(numbers[1] << 10))
            return
        }
        return nil
    }
}

/// A finished clone.
public struct CloneOutcome: Equatable, Sendable {
    /// Directories of the former data directory, moved aside: old path to new path. Nothing was deleted.
    public var movedAside: [String: String]

    public init(movedAside: [String: String]) { self.movedAside = movedAside }
}
