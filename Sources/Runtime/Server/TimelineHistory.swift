import PostgresModel

/// A timeline's history file: where each earlier timeline ended.
public struct TimelineHistory: Equatable, Sendable {
    public struct Entry: Equatable, Sendable {
        public var timeline: Timeline
        /// The switch point: the next timeline's first byte.
        public var end: LSN

        public init(timeline: Timeline, end: LSN) {
            self.timeline = timeline
            self.end = end
        }
    }

    public var timeline: Timeline
    public var entries: [Entry]

    public init(timeline: Timeline, entries: [Entry]) {
        self.timeline = timeline
        self.entries = entries
    }

    /// The text of `0000000N.history` or of TIMELINE_HISTORY: timeline, switch point and reason on a line.
    public init(timeline: Timeline, parsing text: String) {
        self.timeline = timeline
        entries = text.split(separator: "\n").compactMap { line in
            let fields = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
            guard fields.count >= 2, let number = UInt32(fields[0]), let end = LSN(fields[1]) else { return nil }
            return Entry(timeline: Timeline(number), end: end)
        }
    }

    /// Where `timeline` ended; nil when it is not an ancestor.
    public func end(of timeline: Timeline) -> LSN? { entries.first { $0.timeline == timeline }?.end }
}

/// Whether a server can follow a leader as it is.
public enum Divergence: Equatable, Sendable {
    /// It can.
    case none
    /// It has log the leader has not: pg_rewind, or a fresh copy.
    case rewindNeeded(reason: String)
    /// It is on a later timeline than the leader: the leader is not the newest.
    case ahead(local: Timeline, leader: Timeline)
    /// Both are on a timeline of this number, and they are two: neither streaming nor pg_rewind notices.
    case sameNumber(Timeline, local: LSN, leader: LSN)

    /// - Parameters:
    ///   - end: the end of our log. Former primary: the end of its shutdown checkpoint record; standby: the last
    ///     replayed or received byte, whichever is further.
    ///   - origin: the newest timeline in our pg_wal, and where it began.
    public static func between(
        local: Timeline, end: LSN, leader: TimelineHistory, origin: (timeline: Timeline, start: LSN)? = nil
    ) -> Divergence {
        if let origin, origin.timeline <= leader.timeline,
            let theirs = leader.end(of: Timeline(origin.timeline.rawValue &- 1)), theirs != origin.start
        {
            if origin.timeline == leader.timeline {
                return .sameNumber(origin.timeline, local: origin.start, leader: theirs)
            }
            return .rewindNeeded(
                reason: "timeline \(origin.timeline) began at \(origin.start) here and at \(theirs) at the leader")
        }
        if local == leader.timeline { return .none }
        if local > leader.timeline { return .ahead(local: local, leader: leader.timeline) }
        guard let switchPoint = leader.end(of: local) else {
            return .rewindNeeded(
                reason: "our timeline \(local) is not in the history of the leader's timeline \(leader.timeline)")
        }
        if end > switchPoint {
            return .rewindNeeded(
                reason: "our log ends at \(end), the leader left timeline \(local) at \(switchPoint)")
        }
        return .none
    }
}
