/// One branch of the write-ahead log. PostgreSQL gives branches numbers, and two servers may give the same one;
/// the simulator knows which is which.
final class Branch {
    let number: UInt32
    let parent: Branch?
    /// Where it left its parent.
    let start: UInt64
    /// End of the last commit acknowledged to a client on this branch.
    var acknowledged: UInt64
    /// The furthest position that a server on this branch got into the store's `status`.
    var published: UInt64 = 0

    init(number: UInt32, parent: Branch?, start: UInt64) {
        self.number = number
        self.parent = parent
        self.start = start
        acknowledged = start
    }

    /// This branch, or one on whose end it stands, has the number and the beginning of another one there.
    func isTwin(of other: Branch) -> Bool {
        zip(path, other.path).contains { $0 !== $1 && $0.number == $1.number && $0.start == $1.start }
    }

    /// From the first branch to this one.
    var path: [Branch] { (parent?.path ?? []) + [self] }
}

/// The end of a server's log.
struct LogEnd {
    var branch: Branch
    var position: UInt64

    /// Up to where the two logs are the same.
    func common(with other: LogEnd) -> UInt64 {
        if branch === other.branch { return min(position, other.position) }
        let mine = branch.path
        let theirs = other.branch.path
        var shared = 0
        while shared < mine.count, shared < theirs.count, mine[shared] === theirs[shared] { shared += 1 }
        let myLimit = shared < mine.count ? mine[shared].start : position
        let theirLimit = shared < theirs.count ? theirs[shared].start : other.position
        return min(myLimit, theirLimit)
    }

    func isPart(of other: LogEnd) -> Bool { common(with: other) >= position }

    /// This log, followed along `other` (of which it is a part) up to `position`.
    func followed(along other: LogEnd, to position: UInt64) -> LogEnd {
        let branch = other.branch.path.last { $0.start <= position } ?? self.branch
        return LogEnd(branch: branch, position: position)
    }
}
