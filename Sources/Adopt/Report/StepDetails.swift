import Planning

/// The exact change of one step, line by line.
struct StepDetails {
    var showsFiles: Bool

    func lines(_ kind: StepKind) -> [String] {
        switch kind {
        case .hba(let change): diff(change.edit.diff)
        case .settings(let change): settings(change)
        case .store(let change):
            change.entries.map { "put-if-absent \(change.prefix)\($0.key) = \($0.value)" }.flatMap(folded)
        case .roles(let change): roles(change)
        case .legacyUnit(let change):
            write(change.dropIn) + write(change.marker) + (change.startConf.map { ["\($0): -> disabled"] } ?? [])
                + (change.scope.map { ["move the server's processes to \($0)"] } ?? []) + ["systemctl daemon-reload"]
        case .agent(let change):
            write(change.configuration) + change.unitFiles.flatMap(write) + ["systemctl enable --now \(change.unit)"]
        case .slot(let change): ["SELECT pg_create_physical_replication_slot('\(change.slot)', true)"]
        case .baseBackup(let change): copy(change)
        case .configFiles(let change):
            change.paths.map { "copy \($0)" } + write(change.settings) + change.signalFiles.map { "create \($0)" }
        case .upstream(let change): upstream(change)
        case .leave(let change):
            (change.isGone
                ? [] : ["systemctl disable --now \(change.unit)", "pg_ctl stop -D \(change.dataDirectory) -m fast"])
                + [
                    "delete \(change.storePrefix)members/\(change.member)",
                    "on \(change.primaryHost): SELECT pg_drop_replication_slot('\(change.slot)')",
                ]
        case .upgrade(let change): change.unitFiles.flatMap(write) + ["systemctl restart \(change.unit)"]
        case .storeAuthority(let change): authority(change)
        case .storeMember(let change): storeMember(change)
        case .storeClient(let change): change.files.map(\.path)
        case .managedStore(let change): change.endpoints.map { "read through \($0)" }
        case .bundle(let change): ["\(change.archive) (\(change.size)) sha256 \(change.digest.prefix(16))..."]
        case .secrets(let change):
            (change.relay?.isRenewal == true
                ? [] : change.roles.map { "\(change.directory)/\($0).password" } + [change.passfile])
                + change.shipped.map(\.path)
                + (change.relay.map { [$0.certificate, $0.key, $0.authority] } ?? [])
        case .backup(let change): change.files
        case .restart(let change): restart(change)
        case .run(let change): script(change.command, "run") + (change.undo.map { script($0, "undo") } ?? [])
        case .lock, .streaming, .verify, .unlock, .pause: []
        }
    }

    private func copy(_ change: BaseBackupChange) -> [String] {
        let command = change.restore?.command(delta: false).joined(separator: " ") ?? baseBackup(change)
        let wal = change.restore == nil ? nil : change.walDirectory
        let standby = change.standby.map { source in
            ["from \(source.host) if that streams then; else from \(change.sourceHost), with --slot \(change.slot)"]
        }
        return [command] + (standby ?? []) + (wal.map { ["move pg_wal to \($0) and link it"] } ?? [])
            + change.tablespaces.map { "tablespace at \($0)" }
            + (change.restore?.freshFiles ?? []).map { "copy \($0) from \(change.sourceHost), as it is now" }
            + (change.latencyLimit.map {
                [
                    "slows down while statements on \(change.sourceHost) take more than \($0) % of their time before",
                    "with clients there, its senders run at nice 10, and what \(change.member) lacks in the end comes "
                        + "with at most 32 MiB/s or twice the WAL that is written",
                ]
            } ?? [])
    }

    private func baseBackup(_ change: BaseBackupChange) -> String {
        "pg_basebackup --pgdata \(change.dataDirectory)" + (change.standby == nil ? " --slot \(change.slot)" : "")
            + " --wal-method stream --checkpoint \(change.checkpoint.rawValue)"
            + (change.compression.map { " --compress server-\($0.rawValue)" } ?? "")
            + (change.maxRate.map { " --max-rate \($0 / 1024)k" } ?? "")
            + (change.walDirectory.map { " --waldir \($0)" } ?? "")
    }

    private func authority(_ change: StoreAuthorityChange) -> [String] {
        ["ca", "client"].map { "\(change.directory)/\($0).pem and .key, on this machine" }
            + change.agents.map { "\(change.directory)/agent-\($0).pem and .key, on this machine" }
    }

    private func storeMember(_ change: StoreMemberChange) -> [String] {
        (change.package.map {
            ["mask \($0.unit)", "\($0.manager) install \($0.name), only if that upgrades and removes nothing"]
        } ?? [])
            + ["\(change.certificate) and its key for \(change.names.joined(separator: ", "))"]
            + write(change.configuration) + write(change.unitFile) + ["systemctl enable --now \(change.unit)"]
    }

    private func upstream(_ change: UpstreamChange) -> [String] {
        write(change.file) + diff(change.include?.diff ?? "")
            + change.overridden.map { "ALTER SYSTEM RESET \($0)" } + ["SELECT pg_reload_conf()"]
            + (change.former.flatMap { former in
                former.slot.map { ["on \(former.host): the slot \($0) stays as it is"] }
            } ?? [])
    }

    private func restart(_ change: RestartChange) -> [String] {
        [change.unit.map { "systemctl restart \($0)" } ?? "pg_ctl restart -D \(change.dataDirectory) -m fast"]
            + change.settings.map { "  \($0.name)  \(shown($0.old)) -> \(shown($0.new))" }
    }

    /// Each line of a script of the operator's.
    private func script(_ text: String, _ word: String) -> [String] {
        text.split(separator: "\n").map { "\(word): \(String($0).printable)" }
    }

    private func diff(_ text: String) -> [String] { text.split(separator: "\n").map { String($0).printable } }

    private func write(_ file: FileWrite) -> [String] {
        let lines = file.content.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        let head = "write \(file.path) (\(file.owner) \(file.mode), \(counted(lines.count, "line")))"
        return [head] + (showsFiles ? lines.map { "+" + String($0).printable } : [])
    }

    private func settings(_ change: SettingsChange) -> [String] {
        let width = change.settings.map(\.name.count).max() ?? 0
        var lines = ["write \(change.file.path)"]
        for setting in change.settings {
            let name = setting.name.padded(width)
            if setting.old == setting.new {
                lines.append("  \(name)  \(shown(setting.old))  as it runs")
            } else {
                lines.append(
                    "  \(name)  \(shown(setting.old)) -> \(shown(setting.new))"
                        + (setting.isReloadable ? "" : "  at the next restart"))
            }
        }
        return lines + diff(change.include?.diff ?? "")
    }

    private func shown(_ value: String) -> String { value.isEmpty ? "''" : value.printable }

    private func roles(_ change: RolesChange) -> [String] {
        change.roles.flatMap { role -> [String] in
            let statement =
                role.exists
                ? "ALTER ROLE \(role.name) \(role.options) PASSWORD (SCRAM, made while applying)"
                : "CREATE ROLE \(role.name) \(role.options) PASSWORD (SCRAM, made while applying)"
            return [statement] + role.functions.map { "GRANT EXECUTE ON FUNCTION \($0) TO \(role.name)" }
        }
    }

    /// JSON values are long: cut into lines at commas.
    private func folded(_ text: String) -> [String] {
        var lines = [""]
        for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
            let last = lines.count - 1
            if !lines[last].isEmpty, lines[last].count + piece.count > 86 {
                lines[last] += ","
                lines.append("    " + piece)
            } else {
                lines[last] += (lines[last].isEmpty ? "" : ",") + piece
            }
        }
        return lines
    }
}
