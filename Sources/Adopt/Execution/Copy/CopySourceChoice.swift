import Planning
import PostgresModel
import Shell

/// Which server is copied: the replica that the plan names, which spares the primary, if it is fit for that now.
extension BaseBackupStep {
    func primary(_ context: StepContext) -> CopySource {
        CopySource(
            host: change.sourceHost, address: change.sourceAddress, port: change.sourcePort,
            server: context.plan.primaryLocal)
    }

    /// The server of a copy that runs or has ended.
    func source(named host: String?, _ context: StepContext) -> CopySource {
        if let standby = change.standby, standby.host == host { return standby }
        return primary(context)
    }

    /// - Parameter failed: the source of a copy that has failed before; it is not tried twice.
    func choose(afterFailureFrom failed: String? = nil, _ context: StepContext) async throws -> CopySource {
        let primary = primary(context)
        guard let standby = change.standby else { return primary }
        guard let reason = try await unfit(standby, failed, context) else { return standby }
        context.note("\(primary.host) is copied, not \(standby.host): \(reason)")
        return primary
    }

    /// - Returns: why it cannot be copied; nil: it can.
    private func unfit(_ standby: CopySource, _ failed: String?, _ context: StepContext) async throws -> String? {
        if failed == standby.host { return "the copy of \(standby.host) failed before" }
        do {
            if let reason = try await unlike(standby, context) { return reason }
            if let reason = try await behind(standby, context) { return reason }
            return try await unreachable(standby, context)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return (error as? ExecutionError)?.message ?? "\(error)"
        }
    }

    private func unlike(_ standby: CopySource, _ context: StepContext) async throws -> String? {
        let row = try await context.sql(
            """
            SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()),
            current_setting('server_version_num')::int / 10000, (SELECT full_page_writes FROM pg_control_checkpoint()),
            coalesce((SELECT status FROM pg_stat_wal_receiver), 'none');
            """, on: standby.host, standby.server, purpose: "asking whether \(standby.host) can be copied")
        let columns = row.split(separator: "|").map(String.init)
        guard columns.count == 5 else { return "it does not say what it is" }
        if columns[0] != "t" { return "it is no standby" }
        if columns[1] != change.systemIdentifier.description { return "it belongs to another cluster" }
        if columns[2] != String(context.plan.primary.version.major) { return "it runs PostgreSQL \(columns[2])" }
        if columns[3] != "t" { return "full_page_writes was off at its last checkpoint" }
        return columns[4] == "streaming" ? nil : "it does not stream (\(columns[4]))"
    }

    /// The slot on the primary keeps WAL from some position on; a copy that ends before it would miss what is between.
    private func behind(_ standby: CopySource, _ context: StepContext) async throws -> String? {
        let kept = try await context.sql(
            "SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = \(sqlLiteral(change.slot));",
            on: change.sourceHost, context.plan.primaryLocal, purpose: "asking from where the slot keeps WAL")
        guard !kept.isEmpty else { return "the slot \(change.slot) keeps no WAL yet" }
        let question = "SELECT coalesce(pg_last_wal_replay_lsn() >= \(sqlLiteral(kept))::pg_lsn, false);"
        do {
            _ = try await context.poll("its replay up to \(kept)", within: .seconds(60)) { () -> Bool? in
                let answer = try await context.sql(
                    question, on: standby.host, standby.server, purpose: "asking how far \(standby.host) is")
                return answer == "t" ? true : nil
            }
            return nil
        } catch let error as ExecutionError where error.code == .timeout {
            return "it has not replayed up to \(kept), from where the slot keeps WAL, within a minute"
        }
    }

    /// The login of the copy, from the new replica's host.
    private func unreachable(_ standby: CopySource, _ context: StepContext) async throws -> String? {
        var info = script.connection(to: standby)
        info["replication"] = "true"
        info["connect_timeout"] = "10"
        let words = [
            "\(change.binDirectory)/psql", "-X", "-A", "-t", "-w", "-d", info.description, "-c", "IDENTIFY_SYSTEM",
        ]
        let result = try await context.tryRun(
            "cd / && LC_ALL=C PGPASSFILE=\(quoted(change.passfile)) \(commandLine(words))", as: .user(change.osUser))
        if result.succeeded, result.output.hasPrefix(change.systemIdentifier.description) { return nil }
        return "\(change.member) cannot log in there\(result.words)"
    }
}
