import Planning
import Shell

/// Lets the processes that send a copy give way to the primary's clients.
///
/// A wal sender gets as much of a busy processor as a backend does, and keeps it for milliseconds. With a nice value it
/// takes what the others leave. Not more than this: who waits for a lock that such a process holds waits for its turn,
/// and the idle class made commits wait for 0.13 s where this one did for 0.02 s (`bench/adopt`).
enum SenderPriority {
    /// A tenth of a backend's share.
    static let low = 10
    static let normal = 0

    /// As root on the server's host. A process of another kind, or none, is left alone.
    static func set(_ value: Int, of processes: some Sequence<Int>) -> String {
        """
        for p in \(processes.map(String.init).joined(separator: " ")); do
            title=; { read -r title < "/proc/$p/cmdline"; } 2>/dev/null
            case $title in *wal*sender*) renice -n \(value) -p "$p" >/dev/null 2>&1 || : ;; esac
        done
        """
    }
}
