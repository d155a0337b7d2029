import Facts
import JSON
import PostgresModel

/// What the server told of its sessions, statistics, file lines and role values; added to the facts of its SQL.
enum ActivityAnswer {
    static func add(_ text: String, to facts: inout SQLFacts) throws {
        let json = try JSON(parsing: text)
        var activity = ActivityFacts()
        activity.connectedUser = json["user"]?.string
        activity.isSuperuser = json["isSuperuser"]?.bool
        activity.connections = int(json["connections"])
        activity.clients = (json["clients"]?.array ?? []).map { row in
            ClientFacts(
                user: row["user"]?.string ?? "", database: row["database"]?.string ?? "",
                address: row["address"]?.string, application: row["application"]?.string ?? "",
                usesTLS: row["tls"]?.bool ?? false, count: int(row["count"]) ?? 1)
        }
        activity.longestTransaction = json["longest"]?["seconds"]?.double
        activity.longestTransactionOwner = json["longest"]?["owner"]?.string
        activity.idleInTransaction = int(json["idleInTransaction"])
        activity.advisoryLocks = int(json["advisoryLocks"])
        activity.oldestPrepared = json["oldestPrepared"]?.double
        activity.runningBackups = int(json["backups"])
        if json["exclusiveBackup"]?.bool == true { activity.runningBackups = (activity.runningBackups ?? 0) + 1 }
        activity.walBytesPerSecond = json["walRate"]?.double
        activity.timedCheckpoints = int(json["checkpoints"]?["timed"])
        activity.requestedCheckpoints = int(json["checkpoints"]?["requested"])
        activity.checkpointSyncMilliseconds = json["checkpoints"]?["sync"]?.double
        activity.archivedFiles = int(json["archiver"]?["archived"])
        activity.failedArchivings = int(json["archiver"]?["failed"])
        activity.lastArchived = json["archiver"]?["age"]?.double
        facts.activity = activity
        facts.roleSettings = (json["roleSettings"]?.array ?? []).compactMap { row in
            guard let setting = row["setting"]?.string, let equals = setting.firstIndex(of: "=") else { return nil }
            return RoleSettingFacts(
                database: row["database"]?.string, role: row["role"]?.string, name: String(setting[..<equals]),
                value: String(setting[setting.index(after: equals)...]))
        }
        facts.fileSettings = (json["fileSettings"]?.array ?? []).map { row in
            FileSettingFacts(
                name: row["name"]?.string ?? "", value: row["value"]?.string ?? "", file: row["file"]?.string ?? "",
                line: int(row["line"]) ?? 0)
        }
    }

    /// Sizes by database OID and tablespace name; what is missing in the answer stays unknown.
    static func addSizes(_ text: String, oids: [Int: String], to facts: inout SQLFacts) throws {
        let json = try JSON(parsing: text)
        guard let databases = json["databases"]?.object else {
            throw SQLAnswer.Malformed(description: "'databases' is not an object")
        }
        for (key, value) in databases {
            guard let oid = Int(key), let name = oids[oid], let size = value["size"]?.int,
                let index = facts.databases.firstIndex(where: { $0.name == name })
            else { continue }
            facts.databases[index].size = ByteCount(size)
            facts.databases[index].files = int(value["files"])
        }
        for (name, value) in json["tablespaces"]?.object ?? [:] {
            if let size = value.int, let index = facts.tablespaces.firstIndex(where: { $0.name == name }) {
                facts.tablespaces[index].size = ByteCount(size)
            }
        }
        facts.totalSize = ByteCount(facts.databases.reduce(0) { $0 + $1.size.rawValue })
        facts.isSizeKnown = true
    }

    private static func int(_ json: JSON?) -> Int? { json?.int.map { Int($0) } }
}
