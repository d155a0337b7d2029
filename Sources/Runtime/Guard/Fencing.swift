import Glibc
import Kernel

/// The postmaster under guard, with what is needed to stop it and everything it started.
///
/// Nothing here waits for a disk: /proc is memory, and a working directory is compared by the kernel's name for it.
struct Fencing {
    let postmaster: ProcessHandle
    /// Where the postmaster works: its data directory. What outlives it is found by this.
    private let directory: String?
    /// Children seen so far, held by pidfd so that they are hit even when the postmaster is gone.
    private var children: [ProcessIdentity: ProcessHandle] = [:]

    init(_ identity: ProcessIdentity) throws(KernelError) {
        postmaster = try ProcessHandle(identity)
        directory = linkTarget("/proc/\(identity.pid)/cwd")
    }

    /// Immediate shutdown. The children get the signal from us as well: a postmaster that is stopped or hung
    /// cannot pass it on.
    mutating func quit() {
        // Before the signal: once the postmaster is gone, nothing tells whose child a process was.
        gather()
        send(SIGQUIT, to: postmaster)
        for child in children.values { send(SIGQUIT, to: child) }
    }

    /// Kills the postmaster and everything left of it.
    mutating func kill() {
        // Stopped first, so that it starts no child between the look at /proc and its death.
        send(SIGSTOP, to: postmaster)
        gather()
        send(SIGKILL, to: postmaster)
        for child in children.values { send(SIGKILL, to: child) }
    }

    /// After the postmaster's end: kills what it left behind.
    mutating func sweep() {
        gather()
        for child in children.values { send(SIGKILL, to: child) }
    }

    /// Does all of the above but the signals, so that their code and data are in memory before they are needed.
    static func rehearse() {
        guard let me = ProcessIdentity(running: getpid()), var fencing = try? Fencing(me) else { return }
        fencing.gather()
        try? fencing.postmaster.send(signal: 0)
        for child in fencing.children.values { try? child.send(signal: 0) }
    }

    private mutating func gather() {
        let table = ProcessTable.now()
        for identity in table.descendants(of: postmaster.identity.pid) + orphans(in: table)
        where children[identity] == nil {
            // One that has ended meanwhile is no failure.
            if let handle = try? ProcessHandle(identity) { children[identity] = handle }
        }
    }

    /// PostgreSQL's processes in this directory that no postmaster looks after. A successor of ours and its
    /// children are left alone: it does not call itself a child, and theirs is a living parent in the directory.
    private func orphans(in table: ProcessTable) -> [ProcessIdentity] {
        guard let directory, directory != "/" else { return [] }
        let here = table.working(in: directory).filter { $0.identity != postmaster.identity }
        let pids = Set(here.map(\.identity.pid))
        return here.filter { !pids.contains($0.parent) && isTitledAsChild($0.identity.pid) }.map(\.identity)
    }

    /// PostgreSQL's children rewrite their command line to `postgres: what they are` (ps_status.c); the postmaster
    /// keeps its own.
    private func isTitledAsChild(_ pid: Int32) -> Bool {
        guard let line = try? readSmallFile("/proc/\(pid)/cmdline", limit: 64) else { return false }
        return line.starts(with: "postgres: ".utf8)
    }

    private func send(_ signal: Int32, to process: ProcessHandle) {
        // It may have ended; that is what we want. A lack of permission shows in the state: it never ends.
        try? process.send(signal: signal)
    }
}
