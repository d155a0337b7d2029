import Facts
import PostgresModel

/// Where the primary's settings come from, and what the next restart would make of them.
let configurationRules: [Rule] = [
    Rule(
        "settings.drift", "files say what the server runs with",
        warns: "a line in a file means another value than the running one",
        why: "The next reload or restart, planned or not, brings values that nobody has tried.",
        remedy: "Decide for each which one is right, and write it into the file.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, !sql.fileSettings.isEmpty else { return [] }
        let drifted = drift(sql)
        return drifted.isEmpty
            ? [.ok(primary.name, "\(sql.fileSettings.count) lines, none differs from the running value")]
            : [.warn(primary.name, listed(drifted))]
    },
    Rule(
        "settings.duplicates", "every setting is defined once",
        warns: "a setting has different values in several lines, or ALTER SYSTEM hides one in a file",
        why: "Who changes the line that does not count changes nothing, and finds out during an incident.",
        remedy: "Remove the lines that do not count; ALTER SYSTEM RESET removes those in postgresql.auto.conf.", .reload
    ) { picture in
        guard let (primary, sql) = picture.asked, !sql.fileSettings.isEmpty else { return [] }
        let byName = Dictionary(grouping: sql.fileSettings.filter { !$0.file.hasSuffix("/zz-pgadopt.conf") }, by: \.name)
        let double = byName.filter { Set($0.value.map(\.value)).count > 1 }.map { name, lines in
            "\(name) (" + lines.map { "\($0.file.lastComponent):\($0.line)" }.joined(separator: ", ") + ")"
        }.sorted()
        return double.isEmpty
            ? [.ok(primary.name, "no setting has two values")] : [.warn(primary.name, "defined twice: \(listed(double))")]
    },
    Rule(
        "settings.command-line", "no setting comes from the command line",
        warns: "values were given on the postmaster's command line",
        why: "They win over every file; a server started without them is another server.",
        remedy: "The agent carries them over; better write them into a file.", .restart
    ) { picture in
        guard let (primary, sql) = picture.asked else { return [] }
        // Debian's and RHEL's units name these two, and nothing else.
        let places: Set = ["config_file", "data_directory", "hba_file", "ident_file"]
        let given = sql.settings.filter { $0.source == "command line" && !places.contains($0.name) }.map { "\($0.name) = \($0.value)" }
        return given.isEmpty ? [.ok(primary.name, "none")] : [.warn(primary.name, listed(given))]
    },
    Rule(
        "settings.managed", "no configuration manager owns the files",
        warns: "a file carries the mark of Ansible, Puppet, Chef or Salt",
        why: "It writes its own version back at its next run, and undoes the adoption.",
        remedy: "Agree on one owner: add the managed block and the include line to its templates.", .human
    ) { picture in
        picture.members.compactMap { host in
            guard let server = picture.server(on: host), let files = server.details?.managedFiles else { return nil }
            let marks = files.map { "\($0.key) (\($0.value))" }.sorted()
            return marks.isEmpty ? .ok(host.name, "no marks") : .warn(host.name, listed(marks))
        }
    },
    Rule(
        "settings.timeouts", "dead peers are noticed",
        warns: "wal_sender_timeout or wal_receiver_timeout is off, over 5 minutes, or under 5 seconds",
        why: "A peer that vanished keeps its slot and its place until then; too short a limit cuts a busy one off.",
        remedy: "60 s is the default.", .reload
    ) { picture in
        guard let (primary, _) = picture.asked else { return [] }
        var odd: [String] = []
        var fine: [String] = []
        for name in ["wal_sender_timeout", "wal_receiver_timeout"] {
            guard let value = picture.seconds(name) else { continue }
            if value == 0 || value > 300 || value < 5 { odd.append("\(name) = \(value == 0 ? "off" : spoken(seconds: value))") }
            else { fine.append("\(name) = \(spoken(seconds: value))") }
        }
        if !odd.isEmpty { return [.warn(primary.name, listed(odd))] }
        return fine.isEmpty ? [] : [.ok(primary.name, listed(fine))]
    },
    Rule(
        "settings.hot-standby", "a standby answers queries", warns: "hot_standby is off",
        why: "The agent cannot ask a standby that answers nothing, and neither can readers.",
        remedy: "hot_standby = on; it takes effect where and when a standby starts.", .restart
    ) { picture in
        guard let (primary, _) = picture.asked, let value = picture.setting("hot_standby") else { return [] }
        return value == "off" ? [.warn(primary.name, "hot_standby = off")] : [.ok(primary.name, "hot_standby = on")]
    },
    Rule(
        "settings.socket", "there is a local socket", fails: "unix_socket_directories is empty",
        why: "The agent speaks to its own server over the socket, which no network rule reaches.",
        remedy: "Set unix_socket_directories.", .restart
    ) { picture in
        guard let (primary, _) = picture.asked, let value = picture.setting("unix_socket_directories") else { return [] }
        return value.isEmpty
            ? [.fail(primary.name, "unix_socket_directories is empty")] : [.ok(primary.name, "socket in \(value)")]
    },
    Rule(
        "recovery.leftovers", "no leftovers of a recovery in the data directory",
        fails: "standby.signal, recovery.signal, recovery.conf or backup_label lies beside a running primary",
        warns: "a recovery_target setting is set",
        why: "The next start takes such a file seriously: the primary comes up as a standby, or not at all.",
        remedy: "Move the file away after finding out who put it there.", .human
    ) { picture in
        guard let (primary, sql) = picture.asked, let details = picture.details, !sql.isInRecovery else { return [] }
        let bad: Set = ["standby.signal", "recovery.signal", "recovery.conf", "backup_label"]
        let found = details.topFiles.filter(bad.contains)
        // A backup label is normal while an exclusive backup runs.
        let stale = found.filter { $0 != "backup_label" || (sql.activity?.runningBackups ?? 0) == 0 }
        if !stale.isEmpty { return [.fail(primary.name, "\(listed(stale.sorted())) in the data directory")] }
        let targets = sql.settings.filter {
            $0.name.hasPrefix("recovery_target") && !["recovery_target_timeline", "recovery_target_action", "recovery_target_inclusive"].contains($0.name)
                && !$0.value.isEmpty
        }.map { "\($0.name) = \($0.value)" }
        return targets.isEmpty ? [.ok(primary.name, "none")] : [.warn(primary.name, listed(targets))]
    },
    Rule(
        "crash.recent", "the server has not crashed lately", warns: "the log tells of a PANIC or of a process ended by a signal",
        why: "What was wrong before the adoption will be blamed on it, and a failover does not cure it.",
        remedy: "Read the log; find the cause first.", .human
    ) { picture in
        guard let primary = picture.primary, let details = picture.details, let count = details.crashes else { return [] }
        let file = details.logFile ?? "the log"
        return count == 0
            ? [.ok(primary.name, "no crash in the end of \(file)")] : [.warn(primary.name, "\(count) crashes in the end of \(file)")]
    },
    Rule(
        "checkpoint.load", "checkpoints are calm",
        warns: "more are requested by WAL volume than started by time, or syncing takes over 10 s on average",
        why: "Stopping the primary writes one more: it is the longest part of a switchover.",
        remedy: "Raise max_wal_size; look at the disk.", .reload
    ) { picture in
        guard let (primary, sql) = picture.asked, let timed = sql.activity?.timedCheckpoints,
            let requested = sql.activity?.requestedCheckpoints
        else { return [] }
        let total = timed + requested
        let sync = (sql.activity?.checkpointSyncMilliseconds ?? 0) / 1000 / Double(max(1, total))
        let summary = "\(timed) by time, \(requested) by request, \((sync * 10).rounded() / 10) s syncing on average"
        return total >= 20 && requested > timed || sync > 10 ? [.warn(primary.name, summary)] : [.ok(primary.name, summary)]
    },
]

/// Settings whose last line in the files means another value than the running one.
func drift(_ sql: SQLFacts) -> [String] {
    var last: [String: FileSettingFacts] = [:]
    for line in sql.fileSettings { last[line.name.lowercased()] = line }
    return sql.settings.compactMap { running in
        // What the command line or ALTER ROLE sets is not the files' business.
        guard ["configuration file", "default"].contains(running.source), let line = last[running.name],
            SettingValue.differs(written: line.value, from: running)
        else { return nil }
        let unit = running.unit.map { " \($0)" } ?? ""
        return "\(running.name): '\(line.value)' in \(line.file.lastComponent):\(line.line), running \(running.value)\(unit)"
    }
}

extension String {
    /// What follows the last slash.
    var lastComponent: String { split(separator: "/").last.map(String.init) ?? self }
}
