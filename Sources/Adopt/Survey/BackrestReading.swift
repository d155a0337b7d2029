import Facts
import JSON
import PostgresModel

/// What the script tells of pgBackRest.
enum BackrestReading {
    static func facts(_ record: SurveyRecord) -> BackrestFacts {
        // `pgBackRest 2.44`
        let version = record.text("version")?.trimmed.split(separator: " ").last.map(String.init)
        var facts = BackrestFacts(program: record.text("program")?.trimmed, version: version)
        guard facts.program != nil else { return facts }
        let told = record.text("told") ?? ""
        guard record.int("code") == 0 else {
            facts.problem = problem(told, code: record.int("code"))
            return facts
        }
        let seconds = record.text("clock").flatMap { Double($0.trimmed) }
        guard let stanza = (try? JSON(parsing: told))?.array?.first else {
            facts.problem = "its answer cannot be read: \(told.prefix(100))"
            return facts
        }
        add(stanza, to: &facts, now: seconds)
        return facts
    }

    /// `ERROR: [037]: info command requires option: ...`, or the limit of the call.
    private static func problem(_ told: String, code: Int?) -> String {
        if code == 124 || code == 143 { return "it gave no answer within 20 s" }
        let lines = told.split(separator: "\n").map { String($0).trimmed }
        let line = lines.first { $0.contains("ERROR: ") } ?? lines.first ?? ""
        guard let error = line[...].range(ofText: "ERROR: ") else {
            return line.isEmpty ? "it ended with code \(code.map(String.init) ?? "?")" : line
        }
        return String(line[error.upperBound...])
    }

    /// One stanza of `pgbackrest info --output=json` (pgBackRest's command reference, 2.4x).
    private static func add(_ stanza: JSON, to facts: inout BackrestFacts, now: Double?) {
        facts.status = stanza["status"]?["code"]?.int.map { Int($0) }
        facts.message = stanza["status"]?["message"]?.string
        var identifiers: [Key: SystemIdentifier] = [:]
        for database in stanza["db"]?.array ?? [] {
            guard let identifier = database["system-id"]?.int.flatMap({ SystemIdentifier(String($0)) }) else { continue }
            identifiers[Key(database)] = identifier
            facts.databases.append(.init(systemIdentifier: identifier, version: database["version"]?.string ?? ""))
        }
        let found = (stanza["backup"]?.array ?? []).compactMap { backup -> (stop: Int64, BackrestFacts.Backup)? in
            guard let label = backup["label"]?.string, let stop = backup["timestamp"]?["stop"]?.int else { return nil }
            let database = Key(backup["database"] ?? .null)
            return (
                stop,
                BackrestFacts.Backup(
                    label: label, systemIdentifier: identifiers[database], repository: Int(database.repository),
                    age: now.map { $0 - Double(stop) }, isSound: backup["error"]?.bool.map { !$0 },
                    size: ByteCount(backup["info"]?["size"]?.int ?? 0),
                    repositorySize: backup["info"]?["repository"]?["size"]?.int.map { ByteCount($0) },
                    walStart: backup["archive"]?["start"]?.string)
            )
        }
        facts.backups = found.sorted { ($0.stop, $0.1.label) > ($1.stop, $1.1.label) }.map(\.1)
    }

    /// A cluster's number in one repository.
    private struct Key: Hashable {
        var identifier: Int64
        var repository: Int64

        init(_ json: JSON) {
            identifier = json["id"]?.int ?? 0
            repository = json["repo-key"]?.int ?? 1
        }
    }
}
