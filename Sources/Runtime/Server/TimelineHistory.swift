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

    /// - Parameters:
    ///   - end: the end of our log. Former primary: the end of its shutdown checkpoint record; standby: the last
    ///     replayed or received byte, whichever is further.
    public static func between(local: Timeline, end: LSN, leader: TimelineHistory) -> Divergence {
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
