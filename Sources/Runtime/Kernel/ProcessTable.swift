import Glibc

/// The processes of the host, read from /proc once.
public struct ProcessTable: Sendable {
    public var processes: [ProcessStat]

    /// Reads /proc. Processes that end meanwhile are left out.
    public static func now() -> ProcessTable { ProcessTable(processes: allPIDs().compactMap(ProcessStat.init(pid:))) }

    /// The living descendants of `pid`, nearest first. PostgreSQL's own children are the first level;
    /// what they started (archive commands) comes after.
    public func descendants(of pid: Int32) -> [ProcessIdentity] {
        var found: [ProcessIdentity] = []
        var level: Set<Int32> = [pid]
        var seen: Set<Int32> = [pid]
        while !level.isEmpty {
            let next = processes.filter { level.contains($0.parent) && !seen.contains($0.identity.pid) }
            found += next.filter { !$0.isDead }.map(\.identity)
            level = Set(next.map(\.identity.pid))
            seen.formUnion(level)
        }
        return found
    }

    /// The living direct children of `pid`.
    public func children(of pid: Int32) -> [ProcessIdentity] {
        processes.filter { $0.parent == pid && !$0.isDead }.map(\.identity)
    }

    /// The living processes that work in `directory`. Processes of other users are invisible without root.
    /// - Parameter directory: as `linkTarget("/proc/PID/cwd")` tells it.
    public func working(in directory: String) -> [ProcessStat] {
        processes.filter { !$0.isDead && linkTarget("/proc/\($0.identity.pid)/cwd") == directory }
    }

    private static func allPIDs() -> [Int32] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var pids: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let pid = Int32(name) { pids.append(pid) }
        }
        return pids
    }
}

/// Clock ticks a second, the unit of `ProcessIdentity.startTicks`.
public let clockTicksPerSecond = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
