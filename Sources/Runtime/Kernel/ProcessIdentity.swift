import Glibc

/// One process for its whole life: a pid alone is reused, a pid with its start time is not.
public struct ProcessIdentity: Hashable, Sendable, CustomStringConvertible {
    public var pid: Int32
    /// When it started, in clock ticks since boot: field 22 of /proc/PID/stat, proc(5).
    public var startTicks: UInt64

    public init(pid: Int32, startTicks: UInt64) {
        self.pid = pid
        self.startTicks = startTicks
    }

    /// The process that has `pid` now; nil when there is none or it is a zombie.
    public init?(running pid: Int32) {
        guard let stat = ProcessStat(pid: pid), !stat.isDead else { return nil }
        self = stat.identity
    }

    /// True while this very process runs; a zombie does not.
    public var isRunning: Bool { ProcessIdentity(running: pid) == self }

    public var description: String { "process \(pid)" }
}

/// The fields of /proc/PID/stat that supervision needs.
public struct ProcessStat: Hashable, Sendable {
    public var identity: ProcessIdentity
    public var parent: Int32
    /// The state letter of proc(5): R, S, D, T, Z, X.
    public var state: Character
    /// The name in parentheses, cut to 15 bytes by the kernel.
    public var name: String

    /// Zombie or dead.
    public var isDead: Bool { state == "Z" || state == "X" }
    /// Stopped by a signal.
    public var isStopped: Bool { state == "T" || state == "t" }

    public init?(pid: Int32) {
        guard let text = try? readSmallText("/proc/\(pid)/stat") else { return nil }
        self.init(parsing: text)
    }

    /// Reads the line of proc(5). The name may contain spaces and parentheses, so the last `)` ends it.
    init?(parsing text: String) {
        guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close,
            let pid = Int32(text[..<open].filter { $0 != " " })
        else { return nil }
        let fields = text[text.index(after: close)...].split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]),
            let start = UInt64(fields[19])
        else { return nil }
        identity = ProcessIdentity(pid: pid, startTicks: start)
        self.parent = parent
        self.state = state
        name = String(text[text.index(after: open)..<close])
    }
}
