import HACore
import Kernel
import PostgresClient
import Timekeeping

extension LocalServer {
    /// Stops and starts the server in the role it has, with a checkpoint before, so that the stop is short. Returns
    /// when it accepts connections again.
    /// - Parameters:
    ///   - stopLimit: how long the orderly stop may take before clients are cut off without a shutdown checkpoint
    ///     (`primary_stop_timeout`); nil: until the deadline.
    ///   - spawned: called when the new postmaster is there, before it accepts connections.
    public func restart(
        by deadline: BootInstant, stopLimit: Duration? = nil, spawned: @Sendable () async -> Void = {}
    ) async throws {
        guard adopt() != nil else { throw ServerError(.wrongState, "PostgreSQL does not run: it cannot be restarted") }
        // A server that cannot write one is restarted all the same.
        do { try await checkpoint(by: deadline) } catch { log.warning("no checkpoint before the restart: \(error)") }
        let isStandby = files.exists("\(settings.dataDirectory)/standby.signal")
        let mode: StartMode = isStandby ? .standby(nil) : .primary
        try await stop(.fast, by: stopLimit.map { min(deadline, clock.now + $0) } ?? deadline)
        try await start(mode, by: deadline, spawned: spawned)
    }

    /// Asks the server to give up what clients' sessions are doing; the sessions stay. Returns how many there were.
    @discardableResult
    public func cancelQueries(by deadline: BootInstant) async throws -> Int {
        let answer = try await query(
            """
            select count(pg_catalog.pg_cancel_backend(a.pid)) from pg_catalog.pg_stat_activity a
            where a.backend_type = 'client backend' and a.state <> 'idle' and a.pid <> pg_catalog.pg_backend_pid()
              and a.application_name not like 'pgadopt-%'
            """, by: deadline)
        return answer.scalar.flatMap { Int($0) } ?? 0
    }

    /// Ends an incomplete recovery by a single-user server, so that the data directory is as after an orderly stop.
    /// Nothing is done to one that is.
    public func recoverCrash(by deadline: BootInstant) async throws {
        if let running = adopt() { throw ServerError(.wrongState, "PostgreSQL runs (\(running)): nothing to recover") }
        try await settle(by: deadline)
        guard try await !controlData(by: deadline).isShutDown else { return }
        try await recoverInSingleUserMode(by: deadline)
        control = nil
        crashedAt = nil
    }
}
