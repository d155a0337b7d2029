import Planning
import PostgresModel
import Shell

/// A running standby gets another login and another slot for the same stream, by a reload: its walreceiver connects
/// anew, and nobody who reads from the standby notices. What ALTER SYSTEM has set stands above every file, so it is
/// taken out of postgresql.auto.conf, which comes back byte for byte.
struct UpstreamStep: Step {
    var change: UpstreamChange

    /// How long the walreceiver may take: it tries again every five seconds (wal_retrieve_retry_interval).
    private static let patience = Duration.seconds(40)

    func isDone(_ context: StepContext) async throws -> Bool {
        guard try await context.isWritten(change.file) else { return false }
        return try await streamsAsWanted(context)
    }

    func apply(_ context: StepContext) async throws {
        try await context.expectUnchanged(change.postmaster, on: context.host)
        try await refuseForeign(context)
        try await context.willMake("file", change.file.path)
        try await context.write(change.file)
        if let include = change.include { try await context.apply(include, keep: kept(include.path, context)) }
        try await reset(context)
        do {
            let errors = try await context.fileErrors(change.server)
            guard errors.isEmpty else {
                throw ExecutionError(
                    .commandFailed, host: context.host,
                    "PostgreSQL finds errors in its configuration files: \(errors)",
                    remedy: "Put the named file in order and run the same command again.")
            }
            try await context.reload(change.server)
            _ = try await context.poll(
                "a stream from \(change.primaryHost) by the slot \(change.slot)", within: Self.patience
            ) { try await streamsAsWanted(context) ? true : nil }
        } catch let error as ExecutionError where [.timeout, .commandFailed].contains(error.code) {
            var error = error
            try await takeBack(context)
            error.message += ". The standby's settings of before were put back, and it streams as it did"
            throw error
        }
        sayWhatIsLeft(context)
        try await context.expectUnchanged(change.postmaster, on: context.host)
    }

    private func kept(_ path: String, _ context: StepContext) -> String {
        "\(context.layout.state)/\(lastPart(path)).before"
    }

    /// `before`: postgresql.auto.conf before us; `after`: its digest after us.
    private func altered(_ context: StepContext) -> String { "\(context.layout.state)/altered" }

    private func refuseForeign(_ context: StepContext) async throws {
        if await context.made("file").contains(change.file.path) { return }
        let path = quoted(change.file.path)
        let head = try await context.run("reading \(change.file.path)", "[ ! -e \(path) ] || head -c 40 -- \(path)")
        guard head.isEmpty || head.hasPrefix("# Written by pgadopt") else {
            throw ExecutionError(
                .conflict, host: context.host, "\(change.file.path) exists and is not ours", remedy: "Move it away.")
        }
    }

    private func streamsAsWanted(_ context: StepContext) async throws -> Bool {
        try await context.sql(
            """
            SELECT s.sourcefile, r.status, r.slot_name FROM pg_settings s, pg_stat_wal_receiver r
            WHERE s.name = 'primary_conninfo';
            """, on: context.host, change.server, purpose: "asking where it streams from")
            == "\(change.file.path)|streaming|\(change.slot)"
    }

    // MARK: ALTER SYSTEM

    /// The copy of before stays on the host, readable by root only: a connection string may hold a password.
    private func reset(_ context: StepContext) async throws {
        guard let path = change.overridingFile, !change.overridden.isEmpty else { return }
        try await context.willMake("reset", path)
        try await context.run(
            "keeping \(path)",
            StepContext.fileFunctions + """
                d=\(quoted(altered(context)))
                directory "$d" root 0700
                if ! [ -e "$d/before" ]; then
                    cp -p -- \(quoted(path)) "$d/before.new"; sync "$d/before.new" 2>/dev/null || sync
                    mv -f -- "$d/before.new" "$d/before"
                fi
                """)
        let statements = change.overridden.map { "ALTER SYSTEM RESET \(sqlIdentifier($0));" }.joined(separator: "\n")
        _ = try await context.sql(
            statements, on: context.host, change.server,
            purpose: "taking \(change.overridden.joined(separator: " and ")) out of \(path)")
        try await context.run(
            "looking at \(path)",
            StepContext.fileFunctions + "digest \(quoted(path)) > \(quoted(altered(context) + "/after"))")
    }

    /// The file of before; where somebody has altered the system since, only our settings' lines come back into it.
    private func restore(_ context: StepContext) async throws {
        guard let path = change.overridingFile, await context.made("reset").contains(path) else { return }
        let names = change.overridden.joined(separator: "\\|")
        try await context.run(
            "restoring \(path)",
            StepContext.fileFunctions + """
                p=\(quoted(path)); d=\(quoted(altered(context))); t="$p.pgadopt.$$"
                if ! [ -e "$d/before" ]; then exit 0; fi
                now=$(digest "$p")
                if [ "$now" = "$(digest "$d/before")" ]; then exit 0; fi
                trap 'rm -f -- "$t"' EXIT
                if [ "$now" = "$(cat "$d/after" 2>/dev/null)" ]; then cp -p -- "$d/before" "$t"; else
                    cp -p -- "$p" "$t"
                    { sed -e '/^[[:blank:]]*\\(\(names)\\)[[:blank:]]*=/d' "$p"
                      grep -e '^[[:blank:]]*\\(\(names)\\)[[:blank:]]*=' "$d/before" || :; } > "$t"
                fi
                sync "$t" 2>/dev/null || sync
                mv -f -- "$t" "$p"
                trap - EXIT
                """)
    }

    /// It is the owner's, so it stays as it is: only they know whether anything else was to use it.
    private func sayWhatIsLeft(_ context: StepContext) {
        guard let former = change.former, let slot = former.slot else { return }
        context.note(
            "the slot \(slot) on \(former.host) is not ours and stays; nobody reads it now, so it keeps WAL "
                + "(\(former.limit)). When nothing else needs it: \(former.dropCommand ?? "")")
    }

    // MARK: Back

    func undo(_ context: StepContext) async throws {
        guard await context.made("file").contains(change.file.path) else { return }
        try await giveFormerSlotBack(context)
        try await takeBack(context)
        await awaitFormerStream(context)
    }

    /// The settings of before name it. Its owner may have dropped it meanwhile, as the plan told them.
    private func giveFormerSlotBack(_ context: StepContext) async throws {
        guard let former = change.former, let slot = former.slot else { return }
        let name = sqlLiteral(slot)
        _ = try await context.sql(
            """
            SELECT pg_create_physical_replication_slot(\(name)) WHERE NOT EXISTS (
                SELECT FROM pg_replication_slots WHERE slot_name = \(name));
            """, on: former.host, former.server, purpose: "giving the slot \(slot) back")
        // `lost`: version 13 and later; the column is not there before.
        let status = try? await context.sql(
            "SELECT wal_status FROM pg_replication_slots WHERE slot_name = \(name);", on: former.host, former.server,
            purpose: "looking at the slot \(slot)")
        if status == "lost" {
            context.note(
                "the slot \(slot) on \(former.host) has lost WAL and cannot be used: drop it and create it again")
        }
    }

    private func takeBack(_ context: StepContext) async throws {
        try await restore(context)
        if let include = change.include { try await context.undo(include) }
        try await context.remove(change.file.path)
        // A standby that is down reads its files when it starts.
        if try await runs(context) { try await context.reload(change.server) }
    }

    private func runs(_ context: StepContext) async throws -> Bool {
        try await context.tryRun(
            "p=\(quoted(change.dataDirectory + "/postmaster.pid")); [ -e \"$p\" ] && kill -0 \"$(head -n 1 \"$p\")\""
        ).succeeded
    }

    /// Our slot can be dropped only when the walreceiver has left it.
    private func awaitFormerStream(_ context: StepContext) async {
        let deadline = context.environment.now() + Self.patience
        while context.environment.now() < deadline {
            let answer = try? await context.sql(
                "SELECT status, slot_name IS DISTINCT FROM \(sqlLiteral(change.slot)) FROM pg_stat_wal_receiver;",
                on: context.host, change.server, purpose: "asking where it streams from")
            if answer == "streaming|t" { return }
            guard (try? await context.environment.sleep(.milliseconds(200))) != nil else { return }
        }
        context.note("the standby has its settings of before and does not stream yet: look at its log")
    }
}
