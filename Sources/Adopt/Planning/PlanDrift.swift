import Facts
import PostgresModel

extension PlanContext {
    /// What is not as the files say: a restart, planned or not, would bring it to light.
    func serverDrift() -> [DriftNote] {
        var notes: [DriftNote] = []
        for host in spec.members {
            guard let facts = facts.host(host.name) else { continue }
            for server in facts.servers where server.control?.systemIdentifier == control.systemIdentifier {
                guard let sql = server.sql else { continue }
                notes += drift(of: sql, host.name)
            }
        }
        return notes
    }

    private func drift(of sql: SQLFacts, _ host: String) -> [DriftNote] {
        var notes: [DriftNote] = []
        let own = Set(settingsOfPrimary().settings.filter { !$0.isReloadable }.map(\.name))
        for setting in sql.settings where setting.pendingRestart && setting.sourceFile != settingsFile(of: primary).path {
            // Our include file repeats what runs, so that a restart does not change it.
            let isPinned = own.contains(setting.name)
            notes.append(DriftNote(
                host: host, what: "\(setting.name) runs as \(setting.value); a file has another value",
                meaning: isPinned
                    ? "the running value is kept: our include file repeats it"
                    : "the next restart changes it; until then \(lostMeanwhile(setting.name))"))
        }
        for setting in sql.settings where setting.source == "command line" && !Self.ofTheStart.contains(setting.name) {
            notes.append(DriftNote(
                host: host, what: "\(setting.name) = \(setting.value) comes from the server's command line",
                meaning: own.contains(setting.name)
                    ? "it is kept: our include file repeats it"
                    : "it ends with the next start by the agent, unless it is put in a file"))
        }
        let altered = sql.settings.filter { $0.sourceFile?.hasSuffix("/postgresql.auto.conf") == true }.map(\.name)
        if !altered.isEmpty {
            notes.append(DriftNote(
                host: host, what: "ALTER SYSTEM has set \(altered.sorted().joined(separator: ", "))",
                meaning: "these win over every file, ours too"))
        }
        return notes + sql.fileErrors.map { error in
            DriftNote(host: host, what: "an error in a file: \(error)", meaning: "a reload ignores the file's changes")
        }
    }

    /// What every start by a service has on its command line; the agent gives the same.
    private static let ofTheStart: Set<String> = ["config_file", "data_directory", "hba_file", "ident_file"]
}

extension Plan {
    /// Notes what has changed since an earlier plan of the same cluster.
    public mutating func compare(with earlier: Plan) {
        guard earlier.cluster == cluster else { return }
        let changes = earlier.fingerprints.drift(to: fingerprints).map { line -> DriftNote in
            let parts = line.splitOnce(at: ":")
            let host = parts.map { String($0.0) }
            let isHost = spec.hosts.contains { $0.name == host }
            return DriftNote(
                host: isHost ? host : nil,
                what: isHost ? String(parts.map { $0.1.drop { $0 == " " } } ?? "") : line,
                meaning: "since the plan of \(earlier.createdAt), which is out of date with this")
        }
        drift = changes + drift
    }
}
