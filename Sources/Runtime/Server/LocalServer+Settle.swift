import Glibc
import Kernel
import Timekeeping

extension LocalServer {
    /// After a postmaster's death: waits until nothing of it is left that would keep a new one from starting.
    /// PostgreSQL refuses while a child of the old postmaster uses the shared memory, and while the pid in
    /// postmaster.pid exists, be it as a zombie that its parent has not fetched yet.
    /// Orphans end by themselves when they next wait for something; those in the middle of a query do not, and their
    /// query cannot be answered any more: SIGQUIT at once, SIGKILL after a second.
    func settle(by deadline: BootInstant) async throws {
        let directory = realPath(settings.dataDirectory)
        let began = clock.now
        let end = min(deadline, began + .seconds(10))
        var asked: Set<ProcessIdentity> = []
        while true {
            let orphans = ProcessTable.now().working(in: directory).map(\.identity).filter(isChildOfPostmaster)
            let zombie = postmasterFile().flatMap { ProcessStat(pid: $0.pid) }.map(\.isDead) ?? false
            if orphans.isEmpty, !zombie { return }
            let patienceIsOver = clock.now > began + .seconds(1)
            for orphan in orphans where patienceIsOver || asked.insert(orphan).inserted {
                try? ProcessHandle(orphan).send(signal: patienceIsOver ? SIGKILL : SIGQUIT)
            }
            guard clock.now < end else {
                let left = zombie ? "its zombie" : "\(orphans.count) of its processes"
                throw ServerError(
                    .deadline, "the old postmaster of \(directory) is dead, but \(left) will not go: PostgreSQL cannot "
                        + "start before")
            }
            try await clock.sleep(until: clock.now + .milliseconds(5), tolerance: nil)
        }
    }

    /// PostgreSQL's children rewrite their command line to `postgres: what they are` (ps_status.c).
    private nonisolated func isChildOfPostmaster(_ process: ProcessIdentity) -> Bool {
        guard let line = try? readSmallFile("/proc/\(process.pid)/cmdline", limit: 64) else { return false }
        return line.starts(with: "postgres: ".utf8)
    }
}
