import Glibc
import Kernel
import Timekeeping

/// "Until then I take part in no race": given to a leader that has lost the store, and kept across restarts of the
/// agent. Moments are on the boot clock, so the file names the boot it speaks of.
struct FailsafePromise: Equatable, Sendable {
    var leader: String
    var until: BootInstant

    init(leader: String, until: BootInstant) {
        self.leader = leader
        self.until = until
    }

    /// Three lines: boot id, moment in nanoseconds, leader.
    /// After a reboot nobody knows how much of the promise is left, so a whole ttl counts again.
    /// Nil: no promise, or one that is over.
    init?(readFrom path: String, now: BootInstant, ttl: Duration, bootID: String = Self.bootID) {
        guard let text = try? readSmallText(path) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 3, let nanoseconds = Int64(lines[1]), !lines[2].isEmpty else { return nil }
        leader = String(lines[2])
        until = lines[0] == bootID ? BootInstant(nanoseconds: nanoseconds) : now + ttl
        guard until > now else { return nil }
    }

    /// On disk when this returns.
    func write(to path: String, bootID: String = Self.bootID) throws(KernelError) {
        try writeWhole(Array("\(bootID)\n\(until.nanoseconds)\n\(leader)\n".utf8), to: path)
    }

    static var bootID: String {
        let text = (try? readSmallText("/proc/sys/kernel/random/boot_id")) ?? ""
        return String(text.prefix { !$0.isNewline })
    }
}
