import JSON
import Kernel
import PostgresModel
import Timekeeping

/// What the status page and the store's `status` key show beyond what decisions need.
public struct ServerDetails: Equatable, Sendable {
    public var version: ServerVersion?
    /// `YYYY-MM-DD HH:MM:SS.ffffff+00:00`
    public var startTime: String?
    /// Rows of pg_stat_replication in Patroni's form.
    public var replication: [JSON] = []
    /// Slots by name, with the position they keep: restart_lsn of physical, confirmed_flush_lsn of logical ones.
    public var slots: [String: LSN] = [:]
    /// Commit time of the last replayed transaction, in the form of `startTime`; nil on a primary.
    public var replayedTimestamp: String?
    /// `restore_command` is set: a standby that does not stream reads its log from the archive.
    public var readsArchive = false
    /// The running value of `listen_addresses`.
    public var listenAddresses: String?

    public init() {}
}

extension LocalServer {
    /// Empty where the server does not answer.
    public func details(by deadline: BootInstant) async -> ServerDetails {
        var details = ServerDetails()
        guard lastRunning != nil, let row = try? await query(Self.detailsSQL, by: deadline) else { return details }
        details.version = row.value("version").flatMap { Int($0) }.map { ServerVersion($0) }
        details.startTime = row.value("started")
        details.replayedTimestamp = row.value("replayed")
        details.readsArchive = row.value("archive") == "t"
        details.listenAddresses = row.value("addresses")
        details.replication = row.value("replication").flatMap { try? JSON(parsing: $0) }?.array ?? []
        for (name, position) in row.value("slots").flatMap({ try? JSON(parsing: $0) })?.object ?? JSONObject() {
            details.slots[name] = position.string.flatMap { LSN($0) }
        }
        return details
    }

    /// The timelines before the present one, oldest first, with the reason PostgreSQL noted at each switch.
    public func ownHistory() async throws -> [(timeline: Timeline, end: LSN, reason: String)] {
        guard let timeline = lastRunning?.timeline, timeline.rawValue > 1 else { return [] }
        let hex = String(timeline.rawValue, radix: 16, uppercase: true)
        let name = String(repeating: "0", count: 8 - hex.count) + hex + ".history"
        let text = try readSmallText("\(settings.dataDirectory)/pg_wal/\(name)")
        return text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: "\t", maxSplits: 2)
            guard fields.count == 3, let number = UInt32(fields[0]), let end = LSN(fields[1]) else { return nil }
            return (Timeline(number), end, String(fields[2]))
        }
    }

    static let detailsSQL = """
        select pg_catalog.current_setting('server_version_num') as version,
          pg_catalog.to_char(pg_catalog.pg_postmaster_start_time() at time zone 'UTC',
            'YYYY-MM-DD HH24:MI:SS.US+00:00') as started,
          pg_catalog.to_char(pg_catalog.pg_last_xact_replay_timestamp() at time zone 'UTC',
            'YYYY-MM-DD HH24:MI:SS.US+00:00') as replayed,
          coalesce(pg_catalog.current_setting('restore_command', true), '') <> '' as archive,
          pg_catalog.current_setting('listen_addresses') as addresses,
          (select pg_catalog.json_agg(pg_catalog.json_build_object('usename', r.usename,
              'application_name', r.application_name, 'client_addr', r.client_addr, 'state', r.state,
              'sync_state', r.sync_state, 'sync_priority', r.sync_priority))
            from pg_catalog.pg_stat_replication r) as replication,
          (select pg_catalog.json_object_agg(s.slot_name, coalesce(s.confirmed_flush_lsn, s.restart_lsn))
            from pg_catalog.pg_replication_slots s
            where not s.temporary and s.restart_lsn is not null) as slots
        """
}
