import Facts
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
            changes.append(SettingChange(name: name, old: value, new: value, isReloadable: false))
        }
        if let cap = walKeepCap() { changes.append(cap) }
        if sql.setting("full_page_writes") == "off" {
            changes.append(SettingChange(name: "full_page_writes", old: "off", new: "on", isReloadable: true))
        }
        var deferred: [DeferredSetting] = []
        for (name, wanted, meanwhile) in restartOnlyWishes() {
            guard let running = sql.setting(name), running != wanted else { continue }
            changes.append(SettingChange(name: name, old: running, new: wanted, isReloadable: false))
            deferred.append(DeferredSetting(
                host: primary.name, name: name, runningValue: running, wantedValue: wanted, meanwhile: meanwhile))
        }
        return (changes, deferred)
    }

    private func restartOnlyWishes() -> [(String, String, String)] {
        var wishes: [(String, String, String)] = []
        if !control.dataChecksums {
            wishes.append((
                "wal_log_hints", "on",
                "pg_rewind cannot be used: after a failover the old leader is rebuilt by a new base backup"))
        }
        wishes.append(("hot_standby", "on", "this server would not answer queries as a standby"))
        wishes.append(("cluster_name", spec.name, "process titles and logs do not name the cluster; nothing else"))
        return wishes
    }

    /// A limit for the WAL that slots may keep, so that a replica that is away for long cannot fill the disk:
    /// 60 % of the free space. Not where somebody else's slots would fall under it too, and not before version 13.
    private func walKeepCap() -> SettingChange? {
        guard sql.version.major >= 13, sql.setting("max_slot_wal_keep_size") == "-1",
            !sql.slots.contains(where: { !isOurs($0) }),
            let free = primaryFacts.target?.walFreeSpace ?? primaryFacts.target?.freeSpace
        else { return nil }
        let megabytes = free.rawValue / (1 << 20) * 6 / 10
        guard megabytes >= 256 else { return nil }
        return SettingChange(
            name: "max_slot_wal_keep_size", old: "-1", new: "\(megabytes)MB", isReloadable: true)
    }

    func isOurs(_ slot: SlotFacts) -> Bool {
        !slot.isLogical && spec.members.contains { slotName(forMember: $0.name) == slot.name }
    }

    /// Where our settings go, and the line that includes them when no included directory does.
    func settingsFile() -> (path: String, needsIncludeLine: Bool) {
        guard let main = server.configFile else { return ("\(server.dataDirectory)/pgadopt.conf", true) }
        let directory = main.directoryPart
        // Debian's postgresql.conf ends with include_dir = 'conf.d'.
        if includedDirectory() == "\(directory)/conf.d" { return ("\(directory)/conf.d/zz-pgadopt.conf", false) }
        return ("\(directory)/pgadopt.conf", true)
    }

    private func includedDirectory() -> String? {
        guard let main = server.configFile, let text = configText(main) else {
            return server.debianCluster == nil ? nil : server.configFile.map { "\($0.directoryPart)/conf.d" }
        }
        let directory = main.directoryPart
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { " \t='".contains($0) })
            guard words.first?.lowercased() == "include_dir", words.count > 1 else { continue }
            let path = String(words[1])
            if path.hasPrefix("/") ? path == "\(directory)/conf.d" : path == "conf.d" { return "\(directory)/conf.d" }
        }
        return nil
    }

    /// The text of a configuration file of the primary, when the survey read it.
    func configText(_ path: String) -> String? {
        if path == server.hbaFile { return server.hbaText }
        return nil
    }
}

/// The text of our include file.
func includeFileText(scope: String, comment: String, _ values: [(name: String, value: String)]) -> String {
    var text = """
        # Written by pgadopt for cluster \(scope). The agent owns this file; change settings with
        # pgadopt edit-config, not here. \(comment)

        """
    for (name, value) in values {
        text += "\(name) = '\(value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'\n"
    }
    return text
}
