import Shell
import Synchronization

/// Measures how long a switchover takes writes away: one session on the old leader and one on the new one try to write
/// every 20 ms over their local sockets; what counts is the time between the last write that the one acknowledged and
/// the first of the other, both taken on the control host's clock as the answers arrive.
public struct SwitchoverRehearsal: Sendable {
    /// Whose members, shells and clock it uses.
    public var verifier: Verifier

    public init(verifier: Verifier) { self.verifier = verifier }

    /// - Parameter perform: hands the lead over and returns when that has happened.
    /// - Returns: the gap; nil when one of the sessions saw no write, so that nothing was measured.
    public func gap(
        from old: String, to new: String, perform: @escaping @Sendable () async throws -> Void
    ) async throws -> Duration? {
        let writes = Writes()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for host in [old, new] { group.addTask { await write(on: host, writes) } }
            // Both sessions must stand before anything is taken from the leader. One that led a moment ago may still
            // be on its way back.
            try await wait(.seconds(60)) { writes.last(on: old) != nil && writes.hasAnswered(new) }
            try await perform()
            try await wait(.seconds(30)) { writes.first(on: new) != nil }
            group.cancelAll()
            return writes.gap(from: old, to: new)
        }
    }

    private func wait(_ limit: Duration, for condition: () -> Bool) async throws {
        let deadline = verifier.now() + limit
        while !condition(), verifier.now() < deadline { try await verifier.sleep(.milliseconds(20)) }
    }

    /// Until it is cancelled or two minutes are over. A standby answers `no` until it is promoted; the session lives
    /// through the promotion. One that the server ends or refuses is tried again.
    private func write(on host: String, _ writes: Writes) async {
        guard let server = verifier.cluster.server(host), let shell = verifier.shells[host] else { return }
        // A session that a single error ended would miss the promotion.
        let psql = commandLine(verifier.psql(server, stopsAtErrors: false))
        let statement = "SELECT CASE WHEN pg_is_in_recovery() THEN 'no' "
            + "ELSE 'yes' || left(pg_logical_emit_message(true, 'pgadopt', 'switchover')::text, 0) END;"
        let script = """
            cd /
            end=$(($(date +%s) + 120))
            while [ "$(date +%s)" -lt "$end" ]; do
                while [ "$(date +%s)" -lt "$end" ]; do
                    echo \(quoted(statement)) || break; sleep 0.02
                done 2>/dev/null | PGAPPNAME='pgadopt verify' PGCONNECT_TIMEOUT=5 stdbuf -oL \(psql) 2>/dev/null
                sleep 0.1
            done
            """
        _ = try? await shell.run(
            script, as: .user(server.osUser), standardInput: [], deadline: .seconds(150),
            onOutput: { bytes in
                writes.answered(host)
                if String(decoding: bytes, as: UTF8.self).contains("yes") { writes.add(host, verifier.now()) }
            })
    }
}

/// When writes were acknowledged, by host.
final class Writes: Sendable {
    private struct Span {
        var first: Duration
        var last: Duration
    }

    private let spans = Mutex<[String: Span]>([:])
    private let sessions = Mutex<Set<String>>([])

    func answered(_ host: String) { _ = sessions.withLock { $0.insert(host) } }
    func hasAnswered(_ host: String) -> Bool { sessions.withLock { $0.contains(host) } }

    func add(_ host: String, _ time: Duration) {
        spans.withLock { spans in
            if spans[host] == nil { spans[host] = Span(first: time, last: time) }
            spans[host]?.last = time
        }
    }

    func first(on host: String) -> Duration? { spans.withLock { $0[host]?.first } }
    func last(on host: String) -> Duration? { spans.withLock { $0[host]?.last } }

    func gap(from old: String, to new: String) -> Duration? {
        guard let last = last(on: old), let first = first(on: new) else { return nil }
        return first - last
    }
}
