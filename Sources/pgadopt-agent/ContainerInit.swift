import Glibc

/// Process 1 of a container. The agent proper is started as a child; this process passes signals on and reaps
/// whatever is left without a parent, among them PostgreSQL's own processes.
struct ContainerInit {
    /// Written before a stop is passed on: for a container it is the host that stops.
    var hostStops: String

    /// The child's exit code as a shell tells it, when it has ended. To be called while the process has one thread.
    func run() -> Int32 {
        var all = sigset_t()
        sigfillset(&all)
        var before = sigset_t()
        // Blocked before the child exists, so that none is lost; waited for below.
        pthread_sigmask(SIG_BLOCK, &all, &before)
        unlink(hostStops)
        guard let child = spawn(signalMask: before) else {
            complain("the agent cannot be started as a child of process 1: \(String(cString: strerror(errno)))")
            return 1
        }
        while true {
            var signal: Int32 = 0
            guard sigwait(&all, &signal) == 0 else { continue }
            if signal == SIGCHLD {
                if let code = reap(child) { return code }
            } else {
                if signal == SIGTERM || signal == SIGINT { announceStop() }
                kill(child, signal)
            }
        }
    }

    /// This program again, with its arguments and environment.
    private func spawn(signalMask: sigset_t) -> pid_t? {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var mask = signalMask
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var child: pid_t = 0
        let failure = posix_spawn(&child, "/proc/self/exe", nil, &attributes, CommandLine.unsafeArgv, environ)
        guard failure == 0 else {
            errno = failure
            return nil
        }
        return child
    }

    /// Every process that has ended; the child's exit code when it is among them.
    private func reap(_ child: pid_t) -> Int32? {
        var code: Int32?
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            guard pid > 0 else { return code }
            if pid == child { code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F) }
        }
    }

    private func announceStop() {
        let file = open(hostStops, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        if file >= 0 { close(file) }
    }
}
