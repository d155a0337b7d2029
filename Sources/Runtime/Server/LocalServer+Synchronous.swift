import Kernel
import PostgresClient
import PostgresModel
import Timekeeping

/// One row of pg_stat_replication.
public struct StandbyConnection: Hashable, Sendable {
    /// The standby's application_name.
    public var name: String
    /// startup, catchup, streaming, backup, stopping.
    public var state: String
    /// async, potential, sync, quorum.
    public var syncState: String
    public var sent: LSN?
    public var written: LSN?
    public var flushed: LSN?
    public var replayed: LSN?

    public init(
        name: String, state: String, syncState: String, sent: LSN? = nil, written: LSN? = nil, flushed: LSN? = nil,
        replayed: LSN? = nil
    ) {
        self.name = name
        self.state = state
        self.syncState = syncState
        self.sent = sent
        self.written = written
        self.flushed = flushed
        self.replayed = replayed
    }
}

/// Who streams from this server, and what commits wait for.
public struct ReplicationView: Equatable, Sendable {
    public var standbys: [StandbyConnection]
    /// `synchronous_standby_names` in force.
    public var synchronousStandbyNames: String
    /// `synchronous_commit` of the server: which position of a standby acknowledges a commit.
    public var synchronousCommit: String
    /// The primary's flush position when this was read; nil on a standby.
    public var flushed: LSN?

    public init(
        standbys: [StandbyConnection], synchronousStandbyNames: String, synchronousCommit: String, flushed: LSN?
    ) {
        self.standbys = standbys
        self.synchronousStandbyNames = synchronousStandbyNames
        self.synchronousCommit = synchronousCommit
        self.flushed = flushed
    }

    /// How far a standby must be for a commit to be acknowledged by it: its written, flushed or replayed position.
    public func acknowledged(_ standby: StandbyConnection) -> LSN? {
        switch synchronousCommit {
        case "remote_write": standby.written
        case "remote_apply": standby.replayed
        default: standby.flushed
        }
    }
}

extension LocalServer {
    /// One round trip.
    public func replication(by deadline: BootInstant) async throws -> ReplicationView {
        let rows = try await query(Self.replicationSQL, by: deadline)
        func lsn(_ text: String?) -> LSN? { text.flatMap { LSN($0) } }
        let standbys = rows.rows.compactMap { row -> StandbyConnection? in
            guard let name = row[0] else { return nil }
            return StandbyConnection(
                name: name, state: row[1] ?? "", syncState: row[2] ?? "async", sent: lsn(row[3]),
                written: lsn(row[4]), flushed: lsn(row[5]), replayed: lsn(row[6]))
        }
        return ReplicationView(
            standbys: standbys, synchronousStandbyNames: rows.value("names") ?? "",
            synchronousCommit: rows.value("commit") ?? "on", flushed: lsn(rows.value("flushed")))
    }

    /// Sets `synchronous_standby_names` and returns when the whole server goes by it: this session has the value, the
    /// wal senders of the named standbys take part and those of others do not, and the checkpointer, which tells
    /// committing sessions whether to wait at all, has been idle since.
    /// - Parameters:
    ///   - names: the setting's text, in PostgreSQL's grammar; nil: the owner's own value counts again.
    ///   - members: the names in it, to be looked for among the wal senders; empty for `*` or none.
    /// - Throws: `overridden` when another place stands above our include file; `deadline`.
    public func setSynchronousStandbys(
        _ names: String?, members: [String], by deadline: BootInstant
    ) async throws {
        let isChanged = try rewriteInclude { $0.synchronousStandbyNames = names }
        let before = try await query("select pg_catalog.current_setting('synchronous_standby_names')", by: deadline)
        if !isChanged, names == nil || before.scalar == names { return }
        try await reload(by: deadline)
        guard let names else { return }
        let lower = Set(members.map { $0.lowercased() })
        var idleLooks = 0
        while true {
            let now = try await query(Self.synchronousSQL, by: deadline)
            let isTaken = now.value("names") == names && takesPart(now.value("senders"), lower, all: members.isEmpty)
            let isIdle = now.value("checkpointer") == "CheckpointerMain" || now.value("checkpointer") == "CheckpointWriteDelay"
            idleLooks = isTaken && isIdle ? idleLooks + 1 : 0
            // The second look is a moment later: the signal of the reload has reached the checkpointer by then.
            if idleLooks > 1 { return }
            guard clock.now < deadline else { throw notTaken(names, now) }
            try await clock.sleep(until: min(deadline, clock.now + .milliseconds(20)), tolerance: nil)
        }
    }

    /// `senders`: `name priority` a line.
    private func takesPart(_ senders: String?, _ members: Set<String>, all: Bool) -> Bool {
        if all { return true }
        return (senders ?? "").split(separator: "\n").allSatisfy { line in
            guard let blank = line.lastIndex(of: " ") else { return true }
            let isNamed = members.contains(line[..<blank].lowercased())
            return isNamed == (line[line.index(after: blank)...] != "0")
        }
    }

    private func notTaken(_ names: String, _ now: QueryResult) -> ServerError {
        guard now.value("names") != names else {
            return ServerError(.deadline, "synchronous_standby_names = '\(names)' has not reached all of the server in time")
        }
        return ServerError(
            .overridden,
            "synchronous_standby_names comes from \(now.value("source") ?? "another source") and not from "
                + "\(settings.includeFile); remove the setting there (ALTER SYSTEM RESET synchronous_standby_names)")
    }

    private static let replicationSQL = """
        select r.application_name, r.state, r.sync_state, r.sent_lsn, r.write_lsn, r.flush_lsn, r.replay_lsn,
          s.names, s.commit, s.flushed
        from (select pg_catalog.current_setting('synchronous_standby_names') as names,
            pg_catalog.current_setting('synchronous_commit') as commit,
            case when pg_catalog.pg_is_in_recovery() then null
              else pg_catalog.pg_current_wal_flush_lsn() end as flushed) s
          left join pg_catalog.pg_stat_replication r on true
        order by r.application_name
        """

    private static let synchronousSQL = """
        select pg_catalog.current_setting('synchronous_standby_names') as names,
          (select p.sourcefile from pg_catalog.pg_settings p where p.name = 'synchronous_standby_names') as source,
          (select a.wait_event from pg_catalog.pg_stat_activity a where a.backend_type = 'checkpointer') as checkpointer,
          (select pg_catalog.string_agg(r.application_name || ' ' || r.sync_priority, E'\\n')
            from pg_catalog.pg_stat_replication r where r.state = 'streaming') as senders
        """
}
