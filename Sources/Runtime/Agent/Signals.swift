import Dispatch
import Glibc

/// SIGTERM, SIGINT and SIGHUP as events.
enum Signals {
    /// Calls back until cancelled. SIGTERM while the host goes down ends the server too; otherwise only the agent.
    static func watch(end: @escaping @Sendable (Agent.Ending) async -> Void, reload: @escaping @Sendable () async -> Void) async {
        let (events, continuation) = AsyncStream.makeStream(of: Int32.self)
        let queue = DispatchQueue(label: "pgadopt.signals")
        let sources = [SIGTERM, SIGINT, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
        for await number in events {
            if number == SIGHUP {
                await reload()
            } else {
                await end(hostIsGoingDown() ? .shutdown : .leave)
            }
        }
        for source in sources { source.cancel() }
    }

    /// systemd stops units for two reasons that call for opposite behaviour: the host goes down (stop PostgreSQL
    /// in order, hand over), or only the agent is restarted or upgraded (disturb nobody).
    private static func hostIsGoingDown() -> Bool {
        // systemd-logind leaves this file while a shutdown runs; the runlevel target's job says it for a plain reboot.
        if access("/run/systemd/shutdown/scheduled", F_OK) == 0 { return true }
        return systemState() == "stopping"
    }

    private static func systemState() -> String {
        guard let pipe = popen("systemctl is-system-running 2>/dev/null", "r") else { return "" }
        defer { pclose(pipe) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, 64, pipe) != nil else { return "" }
        return String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
