import HACore
import Kernel
import PostgresClient
import PostgresModel
import Timekeeping

extension LocalServer {
    /// What became of a new upstream.
    public enum FollowOutcome: Equatable, Sendable {
        /// In force by reload.
        case reloaded
        /// Nothing differed.
        case unchanged
        /// PostgreSQL 12 and older read it at start only.
        case restartNeeded
    }

    /// Promotes a standby and returns when it accepts writes. A server that is a primary already is left alone.
    /// - Throws: `refused` when `pre_promote` says no; nothing has happened then.
    public func promote(by deadline: BootInstant) async throws {
        guard try await isInRecovery(by: deadline) else { return }
        try await hooks.prePromote(by: deadline)
        log.info("promoting")
        let answer = try await query("select pg_catalog.pg_promote(false)", by: deadline)
        guard answer.scalar == "t" else { throw ServerError(.programFailed, "pg_promote refused") }
        // The startup process ends recovery in its own time; there is no event for it.
        while try await isInRecovery(by: deadline) {
            try await clock.sleep(until: min(deadline, clock.now + .milliseconds(5)), tolerance: nil)
            guard clock.now < deadline else {
                throw ServerError(.deadline, "the promotion has not ended yet; PostgreSQL goes on with it")
            }
        }
        control = nil
    }

    /// Streams from `upstream` from now on: writes our include file, reloads, and makes sure the setting is in force.
    /// - Throws: `overridden` when another file or ALTER SYSTEM stands above our include file.
    @discardableResult
    public func follow(_ upstream: Upstream, by deadline: BootInstant) async throws -> FollowOutcome {
        guard !upstream.isArchive else { return try await stopStreaming(by: deadline) }
        let wanted = connectionInfo(to: upstream, application: settings.name).description
        let present = try await query(
            "select pg_catalog.current_setting('primary_conninfo', true), "
                + "pg_catalog.current_setting('primary_slot_name', true)", by: deadline)
        if present.scalar == wanted, present.rows.first?.last == slot(at: upstream) ?? "" { return .unchanged }
        try writeInclude(for: upstream)
        return try await applyUpstream(wanted, wanted: "follow \(upstream.name)", by: deadline)
    }

    /// Reloads, and makes sure that the server has taken our word for its upstream.
    private func applyUpstream(
        _ conninfo: String, wanted purpose: String, by deadline: BootInstant
    ) async throws -> FollowOutcome {
        guard let connection, await connection.serverVersion >= 130_000 else { return .restartNeeded }
        try await reload(by: deadline)
        let patience = min(deadline, clock.now + .seconds(5))
        while true {
            // A little longer than the patience, so that the reason is told and not the statement's deadline.
            let now = try await query(Self.upstreamSettingSQL, by: patience + .seconds(1))
            if now.value("setting") ?? "" == conninfo { return .reloaded }
            guard clock.now < patience else {
                let file = now.value("sourcefile") ?? "another source"
                throw ServerError(
                    .overridden,
                    "primary_conninfo comes from \(file) and not from \(settings.includeFile), so this standby cannot "
                        + "\(purpose); remove the setting there (ALTER SYSTEM RESET primary_conninfo)")
            }
            try await clock.sleep(until: clock.now + .milliseconds(10), tolerance: nil)
        }
    }

    private static let upstreamSettingSQL =
        "select setting, sourcefile from pg_catalog.pg_settings where name = 'primary_conninfo'"

    /// From now on the standby replays from its archive only (`nostream`).
    /// - Throws: `overridden` as `follow` does.
    @discardableResult
    public func stopStreaming(by deadline: BootInstant) async throws -> FollowOutcome {
        let present = try await query("select pg_catalog.current_setting('primary_conninfo', true)", by: deadline)
        if present.scalar ?? "" == "" { return .unchanged }
        try writeInclude(for: nil)
        return try await applyUpstream("", wanted: "replay from the archive only", by: deadline)
    }

    /// Writes a checkpoint.
    public func checkpoint(by deadline: BootInstant) async throws {
        // On a connection of its own: it may take minutes, and the kept one is for observation.
        let own = try await connect(by: deadline)
        _ = try await own.query("set statement_timeout = 0", by: deadline)
        _ = try await own.query("checkpoint", by: deadline)
        control = nil
    }

    /// Rereads the configuration.
    public func reload(by deadline: BootInstant) async throws {
        _ = try await query("select pg_catalog.pg_reload_conf()", by: deadline)
    }

    public func isInRecovery(by deadline: BootInstant) async throws -> Bool {
        try await query("select pg_catalog.pg_is_in_recovery()", by: deadline).scalar == "t"
    }

    // MARK: parts

    /// How our walreceiver and our programs reach another member.
    func connectionInfo(to upstream: Upstream, application: String) -> ConnectionString {
        connectionInfo(to: upstream, application: application, login: settings.replication, database: nil)
    }

    func connectionInfo(
        to upstream: Upstream, application: String, login: ServerSettings.Login, database: String?
    ) -> ConnectionString {
        var all: [(name: String, value: String)] = [("user", login.user)]
        if login.password != nil { all.append(("passfile", settings.passFile)) }
        all += [("host", upstream.host), ("port", String(upstream.port))]
        if let database { all.append(("dbname", database)) }
        all.append(("application_name", application))
        let defaults = ["sslmode": "prefer", "connect_timeout": "5"]
        var options = defaults.merging(login.options) { $1 }
        // Of several addresses (a standby cluster's upstream) the one that can be written is the primary.
        if upstream.host.contains(",") { options["target_session_attrs"] = "read-write" }
        if let relay = relaySettings(of: upstream) { options.merge(relay) { $1 } }
        all += options.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return ConnectionString(all)
    }

    /// Nil: the server itself is reached.
    func relaySettings(of upstream: Upstream) -> [String: String]? {
        settings.relays["\(upstream.host):\(upstream.port)"]
    }

    /// The slot we use there.
    nonisolated func slot(at upstream: Upstream) -> String? {
        switch upstream.slot {
        case .ownName: settings.usesSlots ? slotName(forMember: settings.name) : nil
        case .named(let name): name
        case .none: nil
        }
    }

    /// Writes the include file and the passfile it refers to.
    func writeInclude(for upstream: Upstream?) throws {
        let upstream = upstream.flatMap { $0.isArchive ? nil : $0 }
        try rewriteInclude { file in
            file.primaryConnInfo = upstream.map { connectionInfo(to: $0, application: settings.name).description }
            file.primarySlotName = upstream.flatMap(slot(at:))
        }
    }

    /// One line a login, for any server: `*:*:*:USER:PASSWORD`.
    func writePassFile() throws {
        let lines = [settings.replication, settings.rewind].compactMap { login in
            login.password.map { passFileLine(login.user, $0) }
        }
        guard !lines.isEmpty else { return }
        try files.write(lines.joined(), to: settings.passFile)
    }
}

/// `*:*:*:USER:PASSWORD` (libpq, "The Password File").
func passFileLine(_ user: String, _ password: String) -> String {
    func escaped(_ text: String) -> String {
        text.reduce(into: "") { $0 += $1 == ":" || $1 == "\\" ? "\\\($1)" : String($1) }
    }
    return "*:*:*:\(escaped(user)):\(escaped(password))\n"
}
