import Facts
import JSON
import PostgresModel

/// What the server's psql printed, as facts.
struct SQLAnswer {
    var facts: SQLFacts
    var startTime: String?
    var configFile: String?
    var hbaFile: String?
    var identFile: String?
    var socketDirectories: [String]
    /// Seconds since 1970 on the server's clock when it told its WAL position.
    var clock: Double?
    var databaseOIDs: [Int: String] = [:]

    /// A value of the answer that is missing or has another type. The SQL is ours, so this means that an answer
    /// was damaged on its way, or a version of PostgreSQL that nobody tried.
    struct Malformed: Error, CustomStringConvertible {
        var description: String
    }

    init(_ text: String, databases: [String]) throws {
        let json = try JSON(parsing: text)
        startTime = json["startTime"]?.string
        configFile = json["configFile"]?.string
        hbaFile = json["hbaFile"]?.string
        identFile = json["identFile"]?.string
        socketDirectories = (json["sockets"]?.string ?? "").split(separator: ",").map(\.trimmed).filter {
            !$0.isEmpty
        }
        clock = json["clock"]?.double
        let lsn = json["lsn"]?.string.flatMap { LSN($0) }
        facts = SQLFacts(
            version: ServerVersion(try Self.int(json, "version")),
            isInRecovery: try Self.bool(json, "isInRecovery"), currentLSN: lsn)
        facts.settings = try Self.list(json, "settings").map(Self.setting)
        facts.roles = try Self.list(json, "roles").map { role in
            var facts = RoleFacts(
                name: try Self.string(role, "name"), isSuperuser: try Self.bool(role, "isSuperuser"),
                canReplicate: try Self.bool(role, "canReplicate"), canLogin: try Self.bool(role, "canLogin"))
            facts.connectionLimit = role["connectionLimit"]?.int.map { Int($0) }
            facts.isExpired = role["isExpired"]?.bool ?? false
            facts.passwordKind = role["passwordKind"]?.string
            return facts
        }
        facts.isSizeKnown = false
        for row in try Self.list(json, "databases") {
            let database = try Self.database(row)
            facts.databases.append(database)
            databaseOIDs[try Self.int(row, "oid")] = database.name
        }
        facts.objects.databasesTotal = facts.databases.count
        facts.tablespaces = try Self.list(json, "tablespaces").map { space in
            TablespaceFacts(
                name: try Self.string(space, "name"), location: try Self.string(space, "location"),
                size: ByteCount(0))
        }
        facts.slots = try Self.list(json, "slots").filter { $0["isTemporary"]?.bool != true }
            .map { try Self.slot($0, at: lsn) }
        facts.replicas = try Self.list(json, "replicas").map { row in
            ReplicationFacts(
                applicationName: try Self.string(row, "applicationName"), clientAddress: row["clientAddress"]?.string,
                state: try Self.string(row, "state"))
        }
        facts.fileErrors = try Self.list(json, "fileErrors").compactMap(\.string)
        facts.openPreparedTransactions = try Self.int(json, "openPreparedTransactions")
        if let receiver = json["walReceiver"], !receiver.isNull {
            facts.walReceiver = WALReceiverFacts(
                status: try Self.string(receiver, "status"), senderHost: receiver["senderHost"]?.string,
                senderPort: receiver["senderPort"]?.int.map { Int($0) }, slot: receiver["slot"]?.string)
            facts.walReceiver?.timeline = receiver["timeline"]?.int.flatMap { UInt32(exactly: $0) }.map { Timeline($0) }
            facts.walReceiver?.flushedLSN = receiver["flushedLSN"]?.string.flatMap { LSN($0) }
        }
        facts.isReplayPaused = json["isReplayPaused"]?.bool
        facts.archivingFails = json["archiver"]?["lastFailedIsNewer"]?.bool ?? false
        for text in databases { try add(database: try JSON(parsing: text)) }
    }

    private mutating func add(database json: JSON) throws {
        let name = try Self.string(json, "name")
        facts.extensions += try Self.list(json, "extensions").compactMap { $0.string.map { "\(name)/\($0)" } }
        let libraries = try Self.list(json, "libraries").compactMap(\.string)
        facts.libraries = Set(facts.libraries + libraries).sorted()
        facts.staleCollations += try Self.list(json, "staleCollations").compactMap {
            $0.string.map { "\(name)/\($0)" }
        }
        facts.unloggedTables += try Self.int(json, "unloggedTables")
        func names(_ key: String) throws -> [String] {
            try Self.list(json, key).compactMap { $0.string.map { "\(name)/\($0)" } }
        }
        facts.objects.databasesRead += 1
        facts.objects.unloggedTables += try names("unlogged")
        facts.objects.invalidIndexes += try names("invalidIndexes")
        facts.objects.languages += try names("languages")
        facts.objects.foreignFiles += try names("foreignFiles")
        facts.objects.loginTriggers += try names("loginTriggers")
        facts.objects.subscriptions += try names("subscriptions")
        facts.objects.publications += try names("publications")
    }

    private static func setting(_ row: JSON) throws -> SettingFacts {
        var facts = SettingFacts(
            name: try string(row, "name"), value: row["value"]?.string ?? "", unit: row["unit"]?.string,
            context: try string(row, "context"), source: try string(row, "source"),
            sourceFile: row["sourceFile"]?.string, pendingRestart: try bool(row, "pendingRestart"))
        facts.type = row["type"]?.string
        return facts
    }

    private static func database(_ row: JSON) throws -> DatabaseFacts {
        var facts = DatabaseFacts(
            name: try string(row, "name"), encoding: try string(row, "encoding"),
            collate: row["collate"]?.string ?? "", ctype: row["ctype"]?.string ?? "",
            provider: try string(row, "provider"), collationVersion: row["collationVersion"]?.string,
            actualCollationVersion: row["actualCollationVersion"]?.string,
            size: ByteCount(0))
        facts.transactionAge = row["transactionAge"]?.int.map { Int($0) }
        facts.multixactAge = row["multixactAge"]?.int.map { Int($0) }
        facts.checksumFailures = row["checksumFailures"]?.int.map { Int($0) }
        return facts
    }

    private static func slot(_ row: JSON, at lsn: LSN?) throws -> SlotFacts {
        let restart = row["restartLSN"]?.string.flatMap { LSN($0) }
        var retained: ByteCount?
        if let lsn, let restart { retained = lsn.bytes(ahead: restart) }
        var facts = SlotFacts(
            name: try string(row, "name"), isLogical: try bool(row, "isLogical"), isActive: try bool(row, "isActive"),
            plugin: row["plugin"]?.string, database: row["database"]?.string, retainedWAL: retained,
            walStatus: row["walStatus"]?.string)
        facts.isFailover = row["isFailover"]?.bool ?? false
        return facts
    }

    private static func string(_ json: JSON, _ key: String) throws -> String {
        guard let value = json[key]?.string else { throw Malformed(description: "'\(key)' is not text") }
        return value
    }

    private static func bool(_ json: JSON, _ key: String) throws -> Bool {
        guard let value = json[key]?.bool else { throw Malformed(description: "'\(key)' is not true or false") }
        return value
    }

    private static func int(_ json: JSON, _ key: String) throws -> Int {
        guard let value = json[key]?.int else { throw Malformed(description: "'\(key)' is not a whole number") }
        return Int(value)
    }

    private static func list(_ json: JSON, _ key: String) throws -> [JSON] {
        guard let value = json[key]?.array else { throw Malformed(description: "'\(key)' is not a list") }
        return value
    }
}
