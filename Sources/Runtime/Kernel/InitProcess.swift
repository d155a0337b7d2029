import CKernel
import Glibc

/// The duties of a container's first process: it takes in every orphan when that has ended, and signals that are
/// meant for the program reach it.
public enum InitProcess {
    /// Whether this process has them: it is the first of its pid namespace.
    public static var isNeeded: Bool { getpid() == 1 }

    /// Runs a program as a child, passes SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 on to it, reaps whatever
    /// ends, and returns the program's exit status (128 and the signal's number when a signal ended it). Call it
    /// before anything else: no other thread may run, and no other children may be waited for.
    /// - Returns: 127 when the program cannot be run.
    public static func run(_ path: String, _ arguments: [String]) -> Int32 {
        var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for pointer in argv { free(pointer) } }
        return ck_run_as_init(path, &argv)
    }

    /// The same for the program that runs now, with its own arguments; the child is not the first process any more.
    public static func runMyself() -> Int32 {
        run(linkTarget("/proc/self/exe") ?? CommandLine.arguments[0], Array(CommandLine.arguments.dropFirst()))
    }
}
