import Planning
import PostgresModel
import Shell

/// The restore of a backup in the place of pg_basebackup.
extension BaseBackupScript {
    /// Lines that leave the restore's exit code. A directory in which a restore of ours was cut off keeps what is right
    /// in it; pgBackRest tells by one of these two files that it is its own.
    func restore(_ restore: BackrestRestore) -> String {
        let data = quoted(change.dataDirectory)
        var lines = """
            if [ -e \(data)/backup.manifest ] || [ -e \(data)/PG_VERSION ]; then
                LC_ALL=C \(commandLine(restore.command(delta: true))) > "$w/log" 2>&1
            else
                LC_ALL=C \(commandLine(restore.command(delta: false))) > "$w/log" 2>&1
            fi
            """
        guard let place = change.walDirectory.map(quoted) else { return lines }
        // A WAL file lies in the backup's pg_wal only where it was made with archive-copy.
        lines += """

            code=$?
            if [ $code = 0 ] && ! [ -L \(data)/pg_wal ]; then
                find \(place)/ -mindepth 1 -delete
                {
                    find \(data)/pg_wal -mindepth 1 -maxdepth 1 -exec mv -- {} \(place)/ \\;
                    rmdir \(data)/pg_wal && ln -s \(place) \(data)/pg_wal
                    flush \(place)
                } >> "$w/log" 2>&1
                code=$?
            fi
            (exit $code)
            """
        return lines
    }
}

extension BaseBackupStep {
    /// A restore that failed or was cut off goes on in the directory that this step made.
    func canGoOn(_ context: StepContext) async throws -> Bool {
        guard change.restore != nil, await context.made("directory").contains(change.dataDirectory) else {
            return false
        }
        let data = quoted(change.dataDirectory)
        let created = quoted(change.workDirectory + "/created")
        return try await context.tryRun(
            "{ [ -e \(data)/backup.manifest ] || [ -e \(data)/PG_VERSION ]; } "
                + "&& grep -Fxq -- \(data) \(created)"
        ).succeeded
    }

    /// The backup's configuration is that of its day: rules and settings of today, ours among them, come from the
    /// primary. What a server restores by, and streams from, is in no file but ours.
    func freshen(_ context: StepContext) async throws {
        guard let restore = change.restore, !restore.freshFiles.isEmpty else { return }
        let source = context.plan.primary
        let names = restore.freshFiles.map { quoted("./" + $0) }.joined(separator: " ")
        let packed = try await context.shell(source.host).run(
            """
            cd \(quoted(source.dataDirectory)) || exit 1
            set --  \(names)
            for f; do shift; if [ -f "$f" ]; then set -- "$@" "$f"; fi; done
            tar -chf - -- "$@"
            """,
            as: .user(source.osUser), deadline: .seconds(60))
        guard packed.succeeded else {
            throw ExecutionError(
                .commandFailed, host: source.host, "its configuration files cannot be read\(packed.words)")
        }
        try await context.run(
            "bringing the configuration files up to date",
            StepContext.flush + """
            set -eu; cd \(quoted(change.dataDirectory)); umask 077
            tar -xf -
            # A word of pgBackRest's, --type=none or not; standby.signal is ours.
            rm -f recovery.signal
            f=postgresql.auto.conf
            if [ -e $f ]; then
                names='restore_command|recovery_[a-z_]*|primary_conninfo|primary_slot_name'
                grep -v -E "^[[:blank:]]*($names)[[:blank:]]*=" $f > $f.pgadopt || :
                mv -f $f.pgadopt $f
            fi
            for f in \(names); do if [ -f "$f" ]; then flush "$f"; fi; done
            sync . 2>/dev/null || sync
            """,
            as: .user(change.osUser), standardInput: packed.standardOutput, deadline: .seconds(60))
    }

    /// By the log: `restore file ... (16MB, 12.34%) checksum ...`.
    func restoreProgress(_ context: StepContext, _ meter: inout RateMeter) async throws -> StepProgress? {
        let log = try await context.run(
            "looking at the restore",
            "tail -n 20 \(quoted(change.workDirectory + "/log")) 2>/dev/null | grep -o '[0-9.]*%)' | tail -n 1 || :")
        guard let percent = Double(log.prefix { $0 != "%" }) else { return nil }
        let done = Int64(Double(change.size.rawValue) * percent / 100)
        let rate = meter.rate(done, at: context.environment.now())
        let remaining = rate > 0 ? Duration.seconds(max(0, change.size.rawValue - done) / rate) : nil
        return StepProgress(
            bytes: ByteCount(done), total: change.size, rate: rate > 0 ? ByteCount(rate) : nil, remaining: remaining,
            phase: "restoring")
    }

    /// The places of the plan, and those of tablespaces that were made since: the copy fills them too.
    func presentTablespaces(_ context: StepContext) async throws -> [String] {
        let rows = try await context.sql(
            "SELECT pg_tablespace_location(oid) FROM pg_tablespace ORDER BY oid;", on: context.plan.primary.host,
            context.plan.primaryLocal, purpose: "asking for tablespaces")
        let present = rows.split(separator: "\n").map(String.init).filter { $0.hasPrefix("/") }
        return change.tablespaces + present.filter { !change.tablespaces.contains($0) }
    }
}
