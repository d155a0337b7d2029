import Planning
import Shell

/// One restart of PostgreSQL in the window that people approved, by the service that owns it.
struct RestartStep: Step {
    var change: RestartChange

    func isDone(_ context: StepContext) async throws -> Bool { try await missing(context).isEmpty }

    func apply(_ context: StepContext) async throws {
        if (try? await missing(context))?.isEmpty == true { return }
        try refuseOutsideWindow(context)
        try await proveStart(context)
        try await context.run(
            "restarting PostgreSQL", restartCommand, as: change.unit == nil ? .user(change.server.osUser) : .root,
            deadline: .seconds(600))
        _ = try await context.poll("PostgreSQL with its new settings", within: .seconds(120), every: .seconds(1)) {
            (try? await missing(context))?.isEmpty == true ? true : nil
        }
        context.note("PostgreSQL runs again with its new settings; make the adoption's plan now: pgadopt plan")
    }

    private func refuseOutsideWindow(_ context: StepContext) throws {
        let now = context.environment.timestamp()
        guard let time = UTCTime(now), change.window.contains(time) else {
            throw ExecutionError(
                .blocked, host: context.host,
                "it is \(now); the restart is approved for \(change.window.start) to \(change.window.end) only",
                remedy: "Nothing was restarted. Run the same command inside that time, or plan with another window.")
        }
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

    private var restartCommand: String {
        if let unit = change.unit { return "exec systemctl restart \(quoted(unit))" }
        // The server writes its log where it wrote it before; without a file it would hold our connection open.
        let words = ["\(change.server.binDirectory)/pg_ctl", "restart", "-D", change.dataDirectory]
        return """
            cd / && l=$(readlink /proc/\(change.postmaster.pid)/fd/2 2>/dev/null || :)
            [ -f "$l" ] || l=/dev/null
            exec \(commandLine(words)) -m fast -w -t 300 -l "$l"
            """
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
