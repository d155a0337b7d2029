import Dispatch
import Glibc

/// SIGTERM, SIGINT and SIGHUP as events.
enum Signals {
    /// When it is set in the environment, SIGUSR2 deadlocks the agent: the tests of the guard do so.
    static let debugVariable = "PGADOPT_DEBUG_SIGNALS"

    /// Calls back until cancelled.
    ///
    /// systemd stops units for two reasons that call for opposite behaviour: the host goes down (stop PostgreSQL in
    /// order, hand over), or only the agent is restarted or upgraded (disturb nobody). The unit's ExecStop, which
    /// runs before SIGTERM, makes the file `hostStops` in the first case.
    static func watch(
        hostStops: String, end: @escaping @Sendable (Agent.Ending) async -> Void,
        reload: @escaping @Sendable () async -> Void, deadlock: @escaping @Sendable () async -> Void
    ) async {
        let (events, continuation) = AsyncStream.makeStream(of: Int32.self)
        let queue = DispatchQueue(label: "pgadopt.signals")
        let debug = getenv(debugVariable) == nil ? [] : [SIGUSR2]
        let sources = ([SIGTERM, SIGINT, SIGHUP] + debug).map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
        for await number in events {
            switch number {
            case SIGHUP: await reload()
            case SIGUSR2: await deadlock()
            default: await end(access(hostStops, F_OK) == 0 ? .shutdown : .leave)
            }
        }
        for source in sources { source.cancel() }
    }
}
