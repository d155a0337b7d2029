import Kernel

/// postmaster.pid of a data directory (miscadmin.h, "LOCK_FILE_LINE_*").
public struct PostmasterFile: Equatable, Sendable {
    public enum Status: String, Sendable { case starting, stopping, ready, standby }

    public var pid: Int32
    public var dataDirectory: String
    /// When the postmaster started, seconds since 1970.
    public var startTime: Int64
    public var port: Int?
    public var socketDirectory: String?
    /// Nil before the postmaster has written it.
    public var status: Status?

    /// Nil when it is not one.
    public init?(parsing text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            String(line.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
        guard lines.count >= 3, let pid = Int32(lines[0]), let start = Int64(lines[2]) else { return nil }
        // A negative pid is a single-user backend.
        self.pid = pid.magnitude > Int32.max.magnitude ? 0 : abs(pid)
        dataDirectory = lines[1]
        startTime = start
        port = lines.count > 3 ? Int(lines[3]) : nil
        socketDirectory = lines.count > 4 && !lines[4].isEmpty ? lines[4] : nil
        status = lines.count > 7 ? Status(rawValue: lines[7]) : nil
    }

    /// The process this file speaks of, if it still runs: a postmaster works in its data directory and its program
    /// is called postgres. A stale file whose pid was used again fails this.
    /// - Parameter directory: the data directory with symbolic links followed.
    public func runningPostmaster(in directory: String) -> ProcessIdentity? {
        guard let identity = ProcessIdentity(running: pid) else { return nil }
        // Unreadable links (another user's process): the name has to do.
        if let work = linkTarget("/proc/\(pid)/cwd"), work != directory { return nil }
        guard let name = ProcessStat(pid: pid)?.name, name == "postgres" || name == "postmaster" else { return nil }
        return identity.isRunning ? identity : nil
    }
}
