import Configuration
import Facts
import Inventory
import PostgresModel

/// Patroni's DCS-only parameters: they may only be set for all members at once, and a standby refuses to start
/// when some of them are lower than the primary's (compatibility sheet d.4).
let clusterWideSettings = [
    "max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions",
    "max_locks_per_transaction", "max_replication_slots", "wal_level", "track_commit_timestamp",
]

extension PlanContext {
    /// Our include file on the primary: what it changes, what it pins.
    func settingsOfPrimary() -> (settings: [SettingChange], deferred: [DeferredSetting]) {
        var changes: [SettingChange] = []
        for name in clusterWideSettings {
            guard let value = sql.setting(name) else { continue }
            // Where a restart is allowed, it is for these.
            let raised = restartWindow == nil ? nil : settingsThatNeedRestart().first { $0.name == name }
            changes.append(raised ?? SettingChange(name: name, old: value, new: value, isReloadable: false))
        }
        if let keep = walToKeep() { changes.append(keep) }
        if let cap = walKeepCap() { changes.append(cap) }
        if sql.setting("full_page_writes") == "off" {
            changes.append(SettingChange(name: "full_page_writes", old: "off", new: "on", isReloadable: true))
        }
        var deferred: [DeferredSetting] = []
        for (name, wanted) in restartOnlyWishes() {
            guard let running = sql.setting(name), running != wanted else { continue }
            changes.append(SettingChange(name: name, old: running, new: wanted, isReloadable: false))
            // With a restart in the plan nothing of it waits.
            if restartWindow != nil { continue }
            deferred.append(DeferredSetting(
                host: primary.name, name: name, runningValue: running, wantedValue: wanted,
                meanwhile: lostMeanwhile(name, wanted: wanted)))
        }
        return (changes, deferred)
    }

    private func restartOnlyWishes() -> [(name: String, value: String)] {
        var wishes = [("hot_standby", "on"), ("cluster_name", spec.name)]
        if !control.dataChecksums { wishes.insert(("wal_log_hints", "on"), at: 0) }
        if !replicas.isEmpty, let addresses = wantedListenAddresses(of: primary) {
            wishes.append(("listen_addresses", addresses))
        }
        return wishes
    }

    /// A limit for the WAL that slots may keep, so that a replica that is away for long cannot fill the disk:
    /// 60 % of the free space. Not where somebody else's slots would fall under it too, and not before version 13.
    private func walKeepCap() -> SettingChange? {
        // An earlier plan of ours has set it already.
        let running = sql.settings.first { $0.name == "max_slot_wal_keep_size" }
        if let running, running.sourceFile == settingsFile(of: primary).path, running.value != "-1" {
            let value = running.value + (running.unit ?? "")
            return SettingChange(name: running.name, old: value, new: value, isReloadable: true)
        }
        guard sql.version.major >= 13, sql.setting("max_slot_wal_keep_size") == "-1",
            !sql.slots.contains(where: { !isOurs($0) }),
            let free = primaryFacts.target?.walFreeSpace ?? primaryFacts.target?.freeSpace
        else { return nil }
        let megabytes = free.rawValue / (1 << 20) * 6 / 10
        guard megabytes >= 256 else { return nil }
        return SettingChange(
            name: "max_slot_wal_keep_size", old: "-1", new: "\(megabytes)MB", isReloadable: true)
    }

    /// WAL for the way back of a fenced leader. pg_rewind reads from the last checkpoint that both servers have, which
    /// may be as far back as max_wal_size, and the old leader's last checkpoint removes what is older than itself
    /// (PostgreSQL 11 and later keep one checkpoint). Without it the member is copied anew. A tenth of the free space at
    /// most; never less than what is set.
    func walToKeep() -> SettingChange? {
        let name = sql.version.major < 13 ? "wal_keep_segments" : "wal_keep_size"
        guard let setting = sql.settings.first(where: { $0.name == name }), let running = Int64(setting.value),
            let distance = sql.setting("max_wal_size").flatMap({ Int64($0) })
        else { return nil }
        let unit = sql.version.major < 13 ? max(1, (Int64(sql.setting("wal_segment_size") ?? "") ?? 16 << 20) >> 20) : 1
        func text(_ value: Int64) -> String { unit == 1 && sql.version.major >= 13 ? "\(value)MB" : "\(value)" }
        // An earlier plan of ours has set it already.
        if setting.sourceFile == settingsFile(of: primary).path {
            return SettingChange(name: name, old: text(running), new: text(running), isReloadable: true)
        }
        guard let free = primaryFacts.target?.walFreeSpace ?? primaryFacts.target?.freeSpace else { return nil }
        let wanted = min(distance, free.rawValue / (10 << 20)) / unit
        guard wanted > running else { return nil }
        return SettingChange(name: name, old: text(running), new: text(wanted), isReloadable: true)
    }

    func isOurs(_ slot: SlotFacts) -> Bool {
        !slot.isLogical && spec.members.contains { slotName(forMember: $0.name) == slot.name }
    }

    /// Where our settings go, and the line that includes them when no included directory does.
    func settingsFile(of host: HostSpec) -> (path: String, needsIncludeLine: Bool) {
        let model = model(of: host)
        guard let main = model.configFile else { return ("\(model.dataDirectory)/pgadopt.conf", true) }
        let directory = main.directoryPart
        // Debian's postgresql.conf ends with include_dir = 'conf.d'.
        if includedDirectory(of: host) == "\(directory)/conf.d" { return ("\(directory)/conf.d/zz-pgadopt.conf", false) }
        return ("\(directory)/pgadopt.conf", true)
    }

    /// The line in a member's postgresql.conf that includes our file; nil: it is there, or a directory includes it.
    func includeLine(of host: HostSpec) throws(PlanningError) -> FileEdit? {
        let (path, needsInclude) = settingsFile(of: host)
        guard needsInclude else { return nil }
        let model = model(of: host)
        let main = model.configFile ?? "\(model.dataDirectory)/postgresql.conf"
        guard let before = main == model.configFile ? model.configText : nil else {
            throw PlanningError(.missingFacts, host: host.name, "\(main) could not be read")
        }
        let edit = FileEdit(path: main, edit: .appendLine("include_if_exists = '\(path.lastPart)'"), before: before)
        return edit.changesNothing ? nil : edit
    }

    private func includedDirectory(of host: HostSpec) -> String? {
        let model = model(of: host)
        guard let main = model.configFile, let text = model.configText else { return nil }
        let directory = main.directoryPart
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { " \t='".contains($0) })
            guard words.first?.lowercased() == "include_dir", words.count > 1 else { continue }
            let path = String(words[1])
            if path.hasPrefix("/") ? path == "\(directory)/conf.d" : path == "conf.d" { return "\(directory)/conf.d" }
        }
        return nil
    }

    /// What our include file says on a member, standby settings aside; the agent's configuration repeats it, since
    /// the agent writes the file anew when the member's role changes.
    func parameters(of host: HostSpec) -> [String: String] {
        var values: [String: String] = [:]
        for change in settingsOfPrimary().settings { values[change.name] = change.new }
        // Each host has its own disk.
        if host.name != primary.name {
            values["max_slot_wal_keep_size"] = nil
            // A standby that runs keeps its own.
            values["listen_addresses"] = standbys[host.name] == nil ? wantedListenAddresses(of: host) : nil
        }
        let sockets = model(of: host).socketDirectories
        if !sockets.isEmpty { values["unix_socket_directories"] = sockets.joined(separator: ",") }
        if let standby = standbys[host.name] { return parameters(values, ofStandby: standby) }
        // Where the directory's place is set by Debian's file, a member elsewhere needs its own.
        if dataDirectory(of: host) != server.dataDirectory, configDirectory(of: host) != nil {
            values["data_directory"] = dataDirectory(of: host)
        }
        if port(of: host) != server.port { values["port"] = String(port(of: host)) }
        return values
    }

    func includeFile(of host: HostSpec, standby: ManagedConfiguration.Standby?) throws(PlanningError) -> FileWrite {
        var values = parameters(of: host)
        if standby != nil { values["restore_command"] = walCommand(of: host) }
        let file = ManagedConfiguration(scope: spec.name, member: host.name, parameters: values, standby: standby)
        do throws(ConfigurationError) {
            return FileWrite(
                path: settingsPath(of: host), owner: osUser(of: host), mode: "0640", content: try file.render())
        } catch {
            throw PlanningError(.unsupported, host: host.name, "the include file cannot be written: \(error)")
        }
    }

    /// Our include file; below the data directory it follows that of the member.
    func settingsPath(of host: HostSpec) -> String {
        let path = settingsFile(of: host).path
        let directory = model(of: host).dataDirectory
        guard path.hasPrefix(directory + "/") else { return path }
        return dataDirectory(of: host) + path.dropFirst(directory.count)
    }
}
