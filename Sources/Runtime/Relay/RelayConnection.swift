import NIOCore

/// One client of the relay; on its event loop only.
final class RelayConnection {
    let id: Int
    /// As the log names it.
    let address: String
    let channel: any Channel
    /// The client's end.
    let pipe: RelayPipe

    init(id: Int, channel: any Channel, pipe: RelayPipe) {
        self.id = id
        self.channel = channel
        self.pipe = pipe
        address = channel.remoteAddress?.ipAddress ?? "an unknown address"
    }
}

/// How many connections a relay has, and which of them wait. A value; the relay keeps it behind its lock.
struct RelayTable {
    private struct Entry {
        var channel: any Channel
        var isCarried = false
    }

    private let limits: RelayLimits
    private var entries: [Int: Entry] = [:]
    private var lastID = 0

    init(_ limits: RelayLimits) { self.limits = limits }

    /// Connections that the server has asked for their password.
    var carried: Int { entries.values.count { $0.isCarried } }
    var channels: [any Channel] { entries.values.map(\.channel) }

    /// Takes a new connection in.
    /// - Returns: its number; and the one that has to make room, which has waited longest for its startup packet.
    mutating func add(_ channel: any Channel) -> (id: Int, evicted: (any Channel)?) {
        let waiting = entries.filter { !$0.value.isCarried }
        var evicted: (any Channel)?
        if waiting.count >= limits.waiting, let oldest = waiting.keys.min() {
            evicted = entries.removeValue(forKey: oldest)?.channel
        }
        lastID += 1
        entries[lastID] = Entry(channel: channel)
        return (lastID, evicted)
    }

    /// The server has asked for the password.
    mutating func carry(_ id: Int) { entries[id]?.isCarried = true }

    mutating func remove(_ id: Int) { entries[id] = nil }

    func isWaiting(_ id: Int) -> Bool { entries[id]?.isCarried == false }

    var isFull: Bool { carried >= limits.carried }
}

/// Refusals for the log: strangers must not be able to fill it.
struct RefusalLog {
    private var windowStart = NIODeadline.uptimeNanoseconds(0)
    private var inWindow = 0
    private var suppressed = 0

    /// - Returns: whether this one is logged, and how many were not since the last one that was.
    mutating func note(at now: NIODeadline) -> (isLogged: Bool, suppressed: Int) {
        if now - windowStart > .minutes(1) {
            windowStart = now
            inWindow = 0
        }
        inWindow += 1
        guard inWindow <= 10 else {
            suppressed += 1
            return (false, 0)
        }
        defer { suppressed = 0 }
        return (true, suppressed)
    }
}
