import PostgresModel
import Timekeeping

/// What the last probe found: whether the server takes new connections and gets its log onto the disk.
public struct ProbeReport: Equatable, Sendable {
    public enum Outcome: Equatable, Sendable {
        /// No probe has ended yet.
        case unknown
        /// A primary that takes connections and writes.
        case writes
        /// A standby that takes connections. Its replay position need not move.
        case replays(LSN?, isPaused: Bool)
        /// It answers, and neither works nor fails: no room for one more client, starting, stopping. Proves nothing.
        case busy(String)
        /// Nobody listens.
        case absent(String)
        /// It answered that it cannot write, or its disk did; the sentence says why.
        case refused(String)
        /// No answer by the deadline.
        case hangs(Phase)
    }

    /// What got no answer.
    public enum Phase: String, Equatable, Sendable {
        /// The connection was not taken or the login not answered: a frozen postmaster.
        case connecting
        /// A statement that reads nothing and writes nothing.
        case asking
        /// A flush of the log: a hung disk or file system.
        case writing
    }

    public var outcome: Outcome
    /// Since when the outcome is of its kind, counted from the beginning of the first probe that found it.
    public var since: BootInstant
    /// When the last probe ended, or was given up.
    public var at: BootInstant
    /// How long it took.
    public var took: Duration

    public init(outcome: Outcome, since: BootInstant, at: BootInstant, took: Duration) {
        self.outcome = outcome
        self.since = since
        self.at = at
        self.took = took
    }

    /// Since when the server, or its disk, fails; nil while it works or nothing is known.
    public var failsSince: BootInstant? {
        switch outcome {
        case .refused, .hangs: since
        case .unknown, .writes, .replays, .busy, .absent: nil
        }
    }

    /// For people: what is wrong; nil while nothing is.
    public var complaint: String? {
        switch outcome {
        case .unknown, .writes, .replays, .busy: nil
        case .absent(let reason), .refused(let reason): reason
        case .hangs(.connecting): "PostgreSQL takes no new connections"
        case .hangs(.asking): "PostgreSQL does not answer"
        case .hangs(.writing): "PostgreSQL cannot get its log onto the disk"
        }
    }
}

extension ProbeReport.Outcome {
    /// The same kind of outcome, whatever its details: `since` goes on.
    func isLike(_ other: Self) -> Bool {
        switch (self, other) {
        case (.unknown, .unknown), (.writes, .writes), (.replays, .replays), (.busy, .busy), (.absent, .absent),
            (.refused, .refused), (.hangs, .hangs), (.refused, .hangs), (.hangs, .refused):
            true
        default: false
        }
    }
}
