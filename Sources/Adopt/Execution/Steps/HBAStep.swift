import Planning
import Shell

/// Rules for our roles, on trial until a connection of ours has proved them. A process on the primary, detached
/// from our connection, puts the old file back after ten seconds unless it is told that the proof succeeded: so
/// the change is taken back even when this program or the network dies in the middle.
struct HBAStep: Step {
    var change: HBAChange

    private var before: String { "\(change.stateDirectory)/pg_hba.before" }

    func isDone(_ context: StepContext) async throws -> Bool {
        guard try await context.digest(of: change.edit.path) == change.edit.digestAfter else { return false }
        for probe in change.probes where try await !answers(probe, context) { return false }
        return true
    }

    func apply(_ context: StepContext) async throws {
        try await context.run("making \(change.stateDirectory)", "umask 022; mkdir -p \(quoted(change.stateDirectory))")
        let errorsBefore = try await ruleErrors(context)
        // A name of its own: the process of an earlier run that was killed must not end this trial.
        let trial = "\(change.stateDirectory)/pg_hba.trial.\(hexadecimal(context.environment.randomBytes(4)))"
        // Dead man's switch first: from here on the old file comes back by itself.
        try await startTrial(trial, context)
        do {
            try await context.apply(change.edit, keep: before)
            // pg_hba_file_rules reads the file on disk: errors show before the reload makes it the one in force.
            let errors = try await ruleErrors(context)
            if errors != errorsBefore {
                throw ExecutionError(
                    .commandFailed, host: context.host, "PostgreSQL finds errors in \(change.edit.path): \(errors)")
            }
            try await reload(context)
            try await prove(context)
            try await endTrial(trial, context)
        } catch {
            await revert(trial, context)
            throw error
        }
    }

    private func ruleErrors(_ context: StepContext) async throws -> String {
        try await context.sql(
            "SELECT line_number || ' ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL ORDER BY line_number;",
            on: context.host, change.server, purpose: "checking pg_hba.conf"
        ).replacing("\n", with: "; ")
    }

    private func reload(_ context: StepContext) async throws {
        _ = try await context.sql(
            "SELECT pg_reload_conf();", on: context.host, change.server, purpose: "reloading the configuration")
    }

    /// The file of before comes back when `trial` still exists after ten seconds, unless somebody has edited the
    /// file meanwhile. Ending the trial and reverting both begin by removing `trial`: only one of them can.
    private func startTrial(_ trial: String, _ context: StepContext) async throws {
        let script = """
            sleep 10
            rm \(quoted(trial)) 2>/dev/null || exit 0
            p=\(quoted(change.edit.path))
            if [ "$(sha256sum < "$p" | cut -c 1-64)" = \(change.edit.digestAfter) ]; then
                cp -p \(quoted(before)) "$p.pgadopt.$$" && mv -f "$p.pgadopt.$$" "$p"
                kill -HUP "$(head -n 1 \(quoted((change.dataDirectory ?? context.plan.primary.dataDirectory) + "/postmaster.pid")))"
            fi
            """
        try await context.run(
            "preparing to take pg_hba.conf back",
            """
            set -eu; umask 077
            : > \(quoted(trial))
            setsid sh -c \(quoted(script)) </dev/null >/dev/null 2>&1 &
            """)
    }

    private func prove(_ context: StepContext) async throws {
        _ = try await context.sql("SELECT 1;", on: context.host, change.server, purpose: "the local connection")
        for probe in change.probes {
            // The reload takes a moment to reach the postmaster. Eight seconds: the trial lasts ten.
            let deadline = context.environment.now() + .seconds(7)
            var words = ""
            while true {
                let result = try await connect(probe, context)
                if result.succeeded { break }
                words = result.words
                guard context.environment.now() < deadline else {
                    throw ExecutionError(
                        .commandFailed, host: probe.host,
                        "cannot connect to \(probe.address):\(probe.port) as \(probe.role) with the new rules\(words)",
                        remedy: "The rules were taken back. Look for a firewall between \(probe.host) and "
                            + "\(context.host), and for listen_addresses.")
                }
                try await context.environment.sleep(.milliseconds(200))
            }
        }
    }

    private func answers(_ probe: HBAChange.Probe, _ context: StepContext) async throws -> Bool {
        try await connect(probe, context).succeeded
    }

    private func connect(_ probe: HBAChange.Probe, _ context: StepContext) async throws -> CommandResult {
        let words = [
            "\(probe.binDirectory)/psql", "-X", "-A", "-t", "-w", "-h", probe.address, "-p", String(probe.port), "-U",
            probe.role,
        ] + (probe.replicates == true
            ? ["-d", "dbname=postgres replication=true", "-c", "IDENTIFY_SYSTEM"] : ["-d", "postgres", "-c", "SELECT 1"])
        let command =
            "cd / && exec env PGPASSFILE=\(quoted(probe.passfile)) PGCONNECT_TIMEOUT=3 PGAPPNAME=pgadopt "
            + commandLine(words)
        return try await context.tryRun(on: probe.host, command, as: .user(probe.osUser), deadline: .seconds(6))
    }

    private func endTrial(_ trial: String, _ context: StepContext) async throws {
        let result = try await context.tryRun("rm \(quoted(trial)) 2>/dev/null")
        guard result.succeeded else {
            throw ExecutionError(
                .timeout, host: context.host, "the proof of the new rules took too long and they were taken back")
        }
    }

    private func revert(_ trial: String, _ context: StepContext) async {
        // The trial's process does it when this cannot: cancelled, or the connection gone.
        let task = Task {
            try await context.undo(change.edit)
            try await reload(context)
            _ = try await context.tryRun("rm -f \(quoted(trial))")
        }
        try? await task.value
    }

    func undo(_ context: StepContext) async throws {
        try await context.undo(change.edit)
        try await reload(context)
    }
}
