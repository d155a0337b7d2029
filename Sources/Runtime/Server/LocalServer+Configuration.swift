import Configuration
import HACore
import Kernel
import PostgresClient
import PostgresModel
import Timekeeping

extension LocalServer {
    /// Brings the include file, and pg_hba.conf and pg_ident.conf where lines are given, to this configuration, and
    /// reloads a running server when something changed. What waits for a restart is told by `pendingRestarts`.
    /// - Throws: `ServerError` with `files`, or `overridden` when PostgreSQL refuses a line of pg_hba.conf (then the
    ///   file is as it was).
    @discardableResult
    public func configure(_ wanted: ServerConfiguration, by deadline: BootInstant) async throws -> ConfigurationOutcome {
        self.wanted = wanted
        var isChanged = try rewriteInclude { _ in }
        // A server that was started since the last look answers nothing about itself until it is asked.
        if adopt() != nil, lastRunning == nil { _ = await observe() }
        let isRunning = adopt() != nil && lastRunning != nil
        if let lines = wanted.hba {
            isChanged = try await replaceAccessFile("hba_file", "pg_hba.conf", lines, isRunning, by: deadline) || isChanged
        }
        if let lines = wanted.ident {
            isChanged = try await replaceAccessFile("ident_file", "pg_ident.conf", lines, isRunning, by: deadline)
                || isChanged
        }
        guard isChanged, isRunning else { return .init(isChanged: isChanged, isReloaded: false) }
        try await reload(by: deadline)
        log.info("configuration reloaded")
        return .init(isChanged: true, isReloaded: true)
    }

    /// What the running server does not have as it is wanted, and gets at its next restart; by name.
    public func pendingRestarts(by deadline: BootInstant) async throws -> [PendingRestart] {
        let commandLine = wanted?.commandLine ?? [:]
        let names = commandLine.keys.sorted()
        let array = "{" + names.joined(separator: ",") + "}"
        let rows = try await query(Self.pendingSQL, [array], by: deadline).rows
        return rows.compactMap { row in
            guard row.count == 7, let name = row[0], let old = row[1], !Self.isDecidedByRole(name) else { return nil }
            let isPending = row[5] == "t"
            if let new = commandLine[name] {
                if SettingValue.same(row[2] ?? "", new, kind: row[3] ?? "", unit: row[4]) { return nil }
                return PendingRestart(name: name, oldValue: old, newValue: new)
            }
            return isPending ? PendingRestart(name: name, oldValue: old, newValue: row[6] ?? "?") : nil
        }
    }

    /// One value of a setting as the server would have it after a start from its files, by `postgres -C`.
    public func configuredValue(of name: String, by deadline: BootInstant) async throws -> String {
        let output = try await runner.run(
            settings.program("postgres"),
            ["-D", settings.dataDirectory] + settings.configArguments + ownersOptions() + ["-C", name], by: deadline)
        guard output.isSuccess else {
            throw ServerError(.programFailed, "PostgreSQL could not start with its settings: \(output.tail)")
        }
        return String(output.text.split(separator: "\n").last ?? "")
    }

    // MARK: the include file

    /// Changes what the include file says about the role; returns whether its text changed.
    @discardableResult
    func rewriteInclude(_ change: (inout IncludeFile) -> Void) throws -> Bool {
        // Where the data directory is still to be made, nothing may lie in its place.
        let isInside = settings.includeFile.hasPrefix(settings.dataDirectory + "/")
        if isInside, !hasDataDirectory { return false }
        // A server that adoption has prepared names our file. One that Patroni led, or that was restored from a backup,
        // need not: what we write would count for nothing.
        let isNamed = isInside ? try nameIncludeFile() : false
        let present = try? readSmallText(settings.includeFile)
        var content = present.map(IncludeFile.init(parsing:)) ?? IncludeFile()
        change(&content)
        try writePassFile()
        let text = try includeText(content)
        if text == present { return isNamed }
        try files.write(text, to: settings.includeFile, mode: 0o640)
        return true
    }

    /// Names our include file at the end of postgresql.conf, where what it says comes last; returns whether it had to.
    @discardableResult
    func nameIncludeFile() throws -> Bool {
        let path = settings.configFile ?? "\(settings.dataDirectory)/postgresql.conf"
        // Whoever keeps the configuration elsewhere without telling us names the file himself.
        guard let text = try? readSmallText(path) else { return false }
        // By its name alone where it lies beside: members' data directories may have other places.
        let beside = path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/"
        let isBeside = settings.includeFile.hasPrefix(beside)
        let name = isBeside ? String(settings.includeFile.dropFirst(beside.count)) : settings.includeFile
        if ConfFile(text: text).includes.contains(where: { $0.path == name || $0.path == settings.includeFile }) {
            return false
        }
        guard let quoted = ManagedConfiguration.quoted(name) else {
            throw ServerError(.files, "the include file's name cannot be written into \(path)")
        }
        try files.write(text + "\ninclude_if_exists = \(quoted)\n", to: path)
        return true
    }

    private var hasDataDirectory: Bool { files.exists("\(settings.dataDirectory)/PG_VERSION") }

    private func includeText(_ content: IncludeFile) throws -> String {
        do {
            if let wanted { return try content.text(wanted, member: settings.name) }
            var text = settings.render(
                .init(primaryConnInfo: content.primaryConnInfo, primarySlotName: content.primarySlotName))
            if let names = content.synchronousStandbyNames, let quoted = ManagedConfiguration.quoted(names) {
                text += "synchronous_standby_names = \(quoted)\n"
            }
            return text
        } catch {
            throw ServerError(.files, "\(settings.includeFile) cannot be written: \(error)")
        }
    }

    // MARK: pg_hba.conf and pg_ident.conf

    /// Writes the file as a whole; the owner's is kept beside it, once. PostgreSQL is asked before it counts.
    private func replaceAccessFile(
        _ setting: String, _ name: String, _ lines: [String], _ isRunning: Bool, by deadline: BootInstant
    ) async throws -> Bool {
        // The operator's own place for the file is the operator's business.
        if wanted?.parameters.keys.contains(where: { $0.lowercased() == setting }) == true { return false }
        let path = try await isRunning
            ? query("select pg_catalog.current_setting('\(setting)')", by: deadline).scalar ?? ""
            : "\(settings.dataDirectory)/\(name)"
        guard files.exists(path) || !isRunning && hasDataDirectory else { return false }
        let text = accessFileText(lines)
        let before = try? readSmallText(path)
        if before == text { return false }
        if let before, !before.hasPrefix("# Written by pgadopt-agent"), !files.exists(path + ".pgadopt-before") {
            try files.write(before, to: path + ".pgadopt-before")
        }
        try files.write(text, to: path)
        guard isRunning, setting == "hba_file" else { return true }
        let errors = try await query(
            "select line_number, error from pg_catalog.pg_hba_file_rules where error is not null order by 1",
            by: deadline)
        guard let first = errors.rows.first else { return true }
        if let before { try files.write(before, to: path) }
        throw ServerError(
            .overridden,
            "PostgreSQL refuses line \((first[0].flatMap { Int($0) } ?? 1) - 1) of postgresql.pg_hba: \(first[1] ?? "")")
    }

    /// Which of them are set depends on the role and not on a person's wish.
    private static func isDecidedByRole(_ name: String) -> Bool {
        name == "hot_standby" || name.hasPrefix("recovery_")
            || ["primary_conninfo", "primary_slot_name", "restore_command", "archive_cleanup_command"].contains(name)
    }

    private static let pendingSQL = """
        select s.name, pg_catalog.current_setting(s.name), s.setting, s.vartype, s.unit, s.pending_restart,
          (select f.setting from pg_catalog.pg_file_settings f where pg_catalog.lower(f.name) = pg_catalog.lower(s.name)
            order by f.seqno desc limit 1)
        from pg_catalog.pg_settings s where s.pending_restart or s.name = any ($1::text[]) order by s.name
        """
}

/// pg_hba.conf or pg_ident.conf with these lines.
func accessFileText(_ lines: [String]) -> String {
    "# Written by pgadopt-agent: changes made here are lost. They belong into postgresql.pg_hba or postgresql.pg_ident.\n"
        + lines.map { $0 + "\n" }.joined()
}
