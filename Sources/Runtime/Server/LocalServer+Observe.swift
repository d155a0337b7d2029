import HACore
import Kernel
import PostgresClient
import PostgresModel
import Timekeeping

extension LocalServer {
    /// Looks at the server. Never throws: what cannot be seen is told as such.
    /// - Parameter limit: for the disk, and again for the conversation with the server. A server that answers nothing
    ///   in this time is `unresponsive`; of a disk that does not answer, the last look counts.
    public func observe(limit: Duration = .seconds(2)) async -> ServerObservation {
        let look = await directory.look(by: clock.now + limit, on: clock)
        let running = adopt(look?.postmaster)
        let storage = await observeStorage(look, running, by: clock.now + limit)
        let process: ServerObservation.Process
        if let running {
            process = await observeProcess(running, look?.postmaster, by: clock.now + limit)
        } else {
            process = .stopped
        }
        return ServerObservation(storage: storage, process: process, crashedAt: crashedAt)
    }

    /// pg_controldata's values.
    public func controlData(by deadline: BootInstant) async throws -> ControlData {
        let output = try await runner.run(
            settings.program("pg_controldata"), ["-D", settings.dataDirectory], by: deadline)
        guard output.isSuccess else { throw ServerError(.programFailed, "pg_controldata: \(output.tail)") }
        guard let data = ControlData(parsing: output.text) else {
            throw ServerError(.unsupported, "pg_controldata's output is not understood: \(output.tail)")
        }
        return data
    }

    private func observeStorage(
        _ look: DirectoryLook?, _ running: ProcessIdentity?, by deadline: BootInstant
    ) async -> ServerObservation.Storage {
        guard let look else {
            return lastStorage ?? .unreadable("the disk of \(settings.dataDirectory) does not answer")
        }
        let storage = await storage(look, running, by: deadline)
        lastStorage = storage
        return storage
    }

    private func storage(
        _ look: DirectoryLook, _ running: ProcessIdentity?, by deadline: BootInstant
    ) async -> ServerObservation.Storage {
        guard let isEmpty = look.isEmpty else { return .unreadable(look.failure ?? "") }
        guard !isEmpty else { return .empty }
        do {
            let data: ControlData
            if let control, control.postmaster == running {
                data = control.data
            } else {
                data = try await controlData(by: deadline)
                if let running, running == postmaster?.identity { control = (running, data) }
            }
            return .present(
                .init(
                    systemIdentifier: data.systemIdentifier, timeline: data.timeline,
                    clusterState: data.clusterState, checkpoint: data.checkpoint,
                    canRewind: data.hasChecksums || data.walLogHints, hasStandbySignal: look.hasStandbySignal,
                    newestTimeline: look.newestTimeline, isHalfRewound: look.isHalfRewound))
        } catch {
            return .unreadable("\(error)")
        }
    }

    private func observeProcess(
        _ running: ProcessIdentity, _ file: PostmasterFile?, by deadline: BootInstant
    ) async -> ServerObservation.Process {
        if isStopping || file?.status == .stopping {
            let since = stoppingSince ?? clock.now
            stoppingSince = since
            return .stopping(since: since)
        }
        do {
            let result = try await query(Self.observationSQL, by: deadline)
            var answer = try status(from: result)
            if answer.isInRecovery {
                answer.timeline = await standbyTimeline(
                    answer, isReceiving: result.value("receiver_tli") != nil, of: running, by: deadline)
            }
            startingSince = nil
            unresponsiveSince = nil
            crashedAt = nil
            lastRunning = answer
            return .running(answer)
        } catch let error as PostgresError {
            return silent(running, file, because: error)
        } catch {
            return unresponsive()
        }
    }

    /// The postmaster lives and gave no answer: why?
    private func silent(
        _ running: ProcessIdentity, _ file: PostmasterFile?, because error: PostgresError
    ) -> ServerObservation.Process {
        guard postmaster?.identity == running else { return .stopped }
        log.debug("no answer from the server", metadata: ["error": "\(error)"])
        let isStarting = file.map { $0.status == .starting || $0.status == nil } ?? false
        if error.isCannotConnectNow || (error.code == .cannotConnect && isStarting && lastRunning == nil) {
            let since = startingSince ?? clock.now
            startingSince = since
            return .starting(since: since)
        }
        // It answers, if only to say that it has no room for us: no reason to take it for dead.
        if let lastRunning, error.code == .server || error.message.contains("connection slots")
            || error.message.contains("too many clients")
        {
            unresponsiveSince = nil
            return .running(lastRunning)
        }
        return unresponsive()
    }

    private func unresponsive() -> ServerObservation.Process {
        let since = unresponsiveSince ?? clock.now
        unresponsiveSince = since
        return .unresponsive(since: since)
    }

    /// One round trip. A standby's timeline: the one it receives, else the one its recovery has reached.
    static let observationSQL = """
        select pg_catalog.pg_is_in_recovery() as recovery,
          case when pg_catalog.pg_is_in_recovery() then null
            else pg_catalog.pg_current_wal_flush_lsn() end as flushed,
          case when pg_catalog.pg_is_in_recovery() then null
            else pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()) end as walfile,
          pg_catalog.pg_last_wal_receive_lsn() as received,
          pg_catalog.pg_last_wal_replay_lsn() as replayed,
          case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_is_wal_replay_paused() end as paused,
          (select w.status from pg_catalog.pg_stat_get_wal_receiver() w) as receiver,
          (select w.received_tli from pg_catalog.pg_stat_get_wal_receiver() w) as receiver_tli,
          (select r.min_recovery_end_timeline from pg_catalog.pg_control_recovery() r) as recovery_tli,
          (select c.timeline_id from pg_catalog.pg_control_checkpoint() c) as checkpoint_tli,
          pg_catalog.current_setting('primary_conninfo', true) as upstream,
          pg_catalog.current_setting('primary_slot_name', true) as slot,
          (select s.setting from pg_catalog.pg_settings s where s.name = 'recovery_min_apply_delay') as delay
        """

    func status(from result: QueryResult) throws -> ServerObservation.Running {
        func lsn(_ column: String) -> LSN? { result.value(column).flatMap { LSN($0) } }
        func timeline(_ column: String) -> Timeline? {
            result.value(column).flatMap { UInt32($0) }.flatMap { $0 == 0 ? nil : Timeline($0) }
        }
        guard let recovery = result.value("recovery") else {
            throw ServerError(.unsupported, "the server's answer is not understood")
        }
        if recovery == "f" {
            let number = result.value("walfile").flatMap { UInt32($0.prefix(8), radix: 16) }
            guard let flushed = lsn("flushed") else {
                throw ServerError(.unsupported, "the primary tells no flush position")
            }
            return .init(isInRecovery: false, timeline: number.map { Timeline($0) }, lsn: flushed)
        }
        let known = [timeline("receiver_tli"), timeline("recovery_tli"), timeline("checkpoint_tli")]
        let received = lsn("received")
        let replayed = lsn("replayed")
        return .init(
            isInRecovery: true, timeline: known.compactMap { $0 }.max(), lsn: max(received ?? .zero, replayed ?? .zero),
            receivedLSN: received, replayedLSN: replayed, isStreaming: result.value("receiver") == "streaming",
            upstream: upstream(from: result.value("upstream"), slot: result.value("slot")),
            isReplayPaused: result.value("paused") == "t",
            applyDelay: .milliseconds(result.value("delay").flatMap { Int64($0) } ?? 0))
    }

    private func upstream(from text: String?, slot: String?) -> Upstream? {
        guard let text, let info = ConnectionString(parsing: text), let host = info["host"], !host.isEmpty
        else { return nil }
        let port = info["port"].flatMap { Int($0) } ?? 5432
        if let member = members.first(where: { $0.host == host && $0.port == port }) { return member }
        let isOurs = slot == slotName(forMember: settings.name)
        let isNone = slot?.isEmpty ?? true
        let used = isOurs ? Upstream.Slot.ownName : isNone ? Upstream.Slot.none : .named(slot ?? "")
        return Upstream(name: host, host: host, port: port, slot: used)
    }
}
