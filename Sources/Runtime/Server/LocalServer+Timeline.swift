import HACore
import Kernel
import PostgresClient
import PostgresModel
import Timekeeping

extension LocalServer {
    /// Asks a server for its timeline and the history of it, by replication protocol.
    public func history(of upstream: Upstream, by deadline: BootInstant) async throws -> TimelineHistory {
        let login = settings.replication
        var all = login.options
        all["host"] = upstream.host
        all["port"] = String(upstream.port)
        all["user"] = login.user
        all["password"] = login.password
        all["replication"] = "true"
        all["application_name"] = "pgadopt-agent"
        let walsender = try await PostgresConnection.connect(all, by: deadline, clock: clock)
        let identity = try await walsender.query("IDENTIFY_SYSTEM", by: deadline)
        guard let number = identity.value("timeline").flatMap({ UInt32($0) }) else {
            throw ServerError(.unsupported, "\(upstream.name) does not tell its timeline")
        }
        // The first timeline has no history file.
        guard number > 1 else { return TimelineHistory(timeline: Timeline(number), entries: []) }
        let answer = try await walsender.query("TIMELINE_HISTORY \(number)", by: deadline)
        return TimelineHistory(timeline: Timeline(number), parsing: answer.value("content") ?? "")
    }

    /// The timeline of a running standby's log. Its WAL receiver tells while it runs. After that (the upstream has
    /// stopped, is dead, or is being changed) the control file is behind by up to a checkpoint interval, and a position
    /// held against an old timeline looks like a divergence; what the server itself knows, IDENTIFY_SYSTEM tells.
    func standbyTimeline(
        _ answer: ServerObservation.Running, isReceiving: Bool, of running: ProcessIdentity, by deadline: BootInstant
    ) async -> Timeline? {
        let known = standbyLog.flatMap { $0.postmaster == running ? $0 : nil }
        if isReceiving {
            standbyLog = answer.timeline.map { (running, answer.lsn, $0) }
            return answer.timeline
        }
        if let known, known.end == answer.lsn { return known.timeline }
        guard let timeline = try? await ownTimeline(by: deadline) else {
            return [answer.timeline, known?.timeline].compactMap { $0 }.max()
        }
        standbyLog = (running, answer.lsn, timeline)
        return timeline
    }

    /// Asks our own server by replication protocol.
    private func ownTimeline(by deadline: BootInstant) async throws -> Timeline? {
        var options = settings.localConnection()
        options["replication"] = "true"
        let walsender = try await PostgresConnection.connect(options, by: deadline, clock: clock)
        return try await walsender.query("IDENTIFY_SYSTEM", by: deadline).value("timeline")
            .flatMap { UInt32($0) }.map { Timeline($0) }
    }

    /// Whether this server can follow `leader` as it is. Works on a running standby and on a stopped server.
    /// - Parameter newest: the newest timeline in our pg_wal as last observed.
    public func divergence(
        from leader: Upstream, newest: ServerObservation.TimelineOrigin? = nil, by deadline: BootInstant
    ) async throws -> Divergence {
        let origin = newest.map { ($0.timeline, $0.start) }
        let history = try await history(of: leader, by: deadline)
        if adopt() != nil {
            let answer = try status(from: try await query(Self.observationSQL, by: deadline))
            guard let timeline = answer.timeline else {
                throw ServerError(.unsupported, "the server does not tell its timeline")
            }
            return .between(local: timeline, end: answer.lsn, leader: history, origin: origin)
        }
        let data = try await controlData(by: deadline)
        if let end = data.minimumRecoveryEnd, let timeline = data.minimumRecoveryTimeline {
            return .between(local: timeline, end: end, leader: history, origin: origin)
        }
        guard data.isShutDown else {
            // After a crash the end of the log is unknown before recovery; only an equal timeline needs no more.
            if data.timeline == history.timeline { return .none }
            return .rewindNeeded(reason: "the server crashed on timeline \(data.timeline), the leader is on "
                + "\(history.timeline): what was written last must be compared")
        }
        let end = try await endOfRecord(at: data.checkpoint, on: data.timeline, by: deadline)
        return .between(local: data.timeline, end: end, leader: history, origin: origin)
    }

    /// The first byte after the record at `position`, by pg_waldump. The last record of a log is followed by none,
    /// and the complaint about that names the place.
    func endOfRecord(at position: LSN, on timeline: Timeline, by deadline: BootInstant) async throws -> LSN {
        let output = try await runner.run(
            settings.program("pg_waldump"),
            [
                "-p", "\(settings.dataDirectory)/pg_wal", "-t", timeline.description, "-s", position.description,
                "-n", "2",
            ], by: deadline)
        let positions = recordPositions(in: output.text)
        guard let end = positions.first(where: { $0 > position }) else {
            throw ServerError(.unsupported, "pg_waldump does not show the end of the log: \(output.tail)")
        }
        return end
    }
}

/// The positions pg_waldump names: `lsn: X` of each record, and the place of `invalid record length at X`.
func recordPositions(in text: String) -> [LSN] {
    text.split(whereSeparator: \.isNewline).compactMap { line in
        let words = line.split(whereSeparator: { $0 == " " || $0 == "," })
        if line.contains("pg_waldump:") {
            guard let at = words.lastIndex(of: "at"), words.indices.contains(at + 1) else { return nil }
            return LSN(words[at + 1].prefix { $0 != ":" })
        }
        guard let label = words.firstIndex(of: "lsn:"), words.indices.contains(label + 1) else { return nil }
        return LSN(words[label + 1])
    }
}
