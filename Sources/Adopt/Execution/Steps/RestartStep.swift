import Planning
import Shell

/// One restart of PostgreSQL in the window that people approved, by the service that owns it.
struct RestartStep: Step {
    var change: RestartChange

    /// What the journal calls the file that the server's output went to.
    static let output = "output"
    /// What the journal says before the server is stopped.
    static let stopped = "stopped"

    func isDone(_ context: StepContext) async throws -> Bool { (try? await missing(context))?.isEmpty == true }

    func apply(_ context: StepContext) async throws {
        if try await isDone(context) { return }
        // A server that this step stopped is started at once, whatever the time is.
        if try await !wasLeftStopped(context) {
            try Self.refuse(change, outside: context.environment.timestamp(), context.host)
        }
        try await proveStart(context)
        try await rememberOutput(context)
        try await context.willMake(Self.stopped, String(change.postmaster.pid))
        try await context.run(
            "restarting PostgreSQL", await restartCommand(context),
            as: change.unit == nil ? .user(change.server.osUser) : .root, deadline: .seconds(600))
        _ = try await context.poll("PostgreSQL with its new settings", within: .seconds(120), every: .seconds(1)) {
            (try? await missing(context))?.isEmpty == true ? true : nil
        }
        context.note("PostgreSQL runs again with its new settings; make the adoption's plan now: pgadopt plan")
    }

    /// - Parameter now: RFC 3339, UTC.
    static func refuse(_ change: RestartChange, outside now: String, _ host: String) throws {
        guard let time = UTCTime(now), change.window.contains(time) else {
            throw ExecutionError(
                .blocked, host: host,
                "it is \(now); the restart is approved for \(change.window.start) to \(change.window.end) only",
                remedy: "Nothing was restarted. Run the same command inside that time, or plan with another window.")
        }
    }

    /// True: an earlier run was killed between the stop and the start.
    private func wasLeftStopped(_ context: StepContext) async throws -> Bool {
        if await context.made(Self.stopped).isEmpty { return false }
        let words = ["\(change.server.binDirectory)/pg_ctl", "status", "-D", change.dataDirectory]
        let result = try await context.tryRun(
            "cd / && exec \(commandLine(words))", as: .user(change.server.osUser))
        // pg_ctl's documentation: 3 when the server does not run.
        return result.status == 3
    }

    /// Where the server writes its output, read while it runs; nil where that is no file.
    private func rememberOutput(_ context: StepContext) async throws {
        if change.unit != nil { return }
        let file = try await context.run(
            "reading where the server's output goes",
            """
            l=$(readlink /proc/\(change.postmaster.pid)/fd/2 2>/dev/null || :)
            if [ -f "$l" ]; then printf %s "$l"; fi
            """,
            as: .user(change.server.osUser))
        if !file.isEmpty { try await context.willMake(Self.output, file) }
    }

    /// A server that could not start again must not be stopped: the new files are read by a `postgres` that only
    /// prints one value.
    private func proveStart(_ context: StepContext) async throws {
        for setting in change.settings {
            var words = ["\(change.server.binDirectory)/postgres", "-D", change.dataDirectory]
            if let file = change.configFile { words += ["-c", "config_file=\(file)"] }
            let value = try await context.run(
                "reading the new configuration", "cd / && exec \(commandLine(words + ["-C", setting.name]))",
                as: .user(change.server.osUser))
            guard value.split(separator: "\n").last.map(String.init) == setting.new else {
                throw ExecutionError(
                    .conflict, host: context.host,
                    "after a restart \(setting.name) would be \(value.split(separator: "\n").last ?? "unknown"), "
                        + "not \(setting.new): something overrides our include file",
                    remedy: "Nothing was restarted. ALTER SYSTEM RESET \(setting.name), or look at the last line that "
                        + "sets it, then run the same command again.")
            }
        }
    }

    private func restartCommand(_ context: StepContext) async -> String {
        if let unit = change.unit { return "exec systemctl restart \(quoted(unit))" }
        // The server writes its output where it wrote it before; without a file it would hold our connection open.
        let words = [
            "\(change.server.binDirectory)/pg_ctl", "restart", "-D", change.dataDirectory, "-m", "fast", "-w", "-t", "300",
            "-l", await context.made(Self.output).last ?? "/dev/null",
        ]
        return "cd / && exec \(commandLine(words))"
    }

    /// Settings that have not their new value in the running server.
    private func missing(_ context: StepContext) async throws -> String {
        let pairs = change.settings.map { "(\(sqlLiteral($0.name)), \(sqlLiteral($0.new)))" }.joined(separator: ", ")
        return try await context.sql(
            "SELECT w.name FROM (VALUES \(pairs)) w(name, value) "
                + "WHERE current_setting(w.name) IS DISTINCT FROM w.value;",
            on: context.host, change.server, purpose: "reading the settings")
    }

    /// The values of before come back with the next restart, which is not ours to make.
    func undo(_ context: StepContext) async throws {}
}
