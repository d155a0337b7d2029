import Kernel
import PostgresModel

/// What LocalServer has to know of this member. The agent fills it from its configuration.
public struct ServerSettings: Sendable {
    /// A login at PostgreSQL. The password goes into a passfile and into libpq, nowhere else.
    public struct Login: Equatable, Sendable {
        public var user: String
        public var password: String?
        /// Further libpq keywords, such as `sslmode` or `sslcert`.
        public var options: [String: String]

        public init(user: String, password: String? = nil, options: [String: String] = [:]) {
            self.user = user
            self.password = password
            self.options = options
        }
    }

    /// The part of the include file that changes with the role.
    public struct Recovery: Equatable, Sendable {
        /// Nil: no upstream.
        public var primaryConnInfo: String?
        public var primarySlotName: String?

        public init(primaryConnInfo: String? = nil, primarySlotName: String? = nil) {
            self.primaryConnInfo = primaryConnInfo
            self.primarySlotName = primarySlotName
        }
    }

    /// This member's name; also its `application_name` and, as `slotName(forMember:)`, its slot.
    public var name: String
    public var dataDirectory: String
    /// Where `postgres`, `pg_controldata`, `pg_basebackup` and `pg_rewind` are.
    public var binDirectory: String
    /// Other names of those programs, by their usual ones.
    public var programNames: [String: String] = [:]
    /// postgresql.conf when it lies outside the data directory (Debian).
    public var configFile: String?
    /// The one file of PostgreSQL's configuration that is ours.
    public var includeFile: String
    /// Directory of the unix socket, or a host for TCP.
    public var host: String
    public var port: Int
    /// The database to connect to.
    public var database: String
    public var superuser: Login
    public var replication: Login
    public var rewind: Login
    /// Members that are reached through the relay of their agent, by `host:port` of the relay, with libpq's keywords
    /// for such a connection.
    public var relays: [String: [String: String]] = [:]
    /// Our passfile for walreceiver, pg_basebackup and pg_rewind; written 0600.
    public var passFile: String
    /// A directory of ours for what must be remembered, such as the names of slots we made.
    public var stateDirectory: String
    /// Where the postmaster's own output goes.
    public var logFile: String
    /// The OS user that owns the data directory; nil: ours. Another one needs root.
    public var user: OSUser?
    /// Use a slot of our name at the upstream.
    public var usesSlots: Bool
    /// Bytes a second of a base backup at most; nil: no limit.
    public var maximumBackupRate: ByteCount?
    /// Text of the include file for a role.
    public var render: @Sendable (Recovery) -> String
    /// Wall time in UTC as `20261122T160000Z`, for names of directories moved aside.
    public var timestamp: @Sendable () -> String

    public init(
        name: String, dataDirectory: String, binDirectory: String, configFile: String? = nil, includeFile: String,
        host: String, port: Int, database: String = "postgres", superuser: Login, replication: Login, rewind: Login,
        passFile: String, stateDirectory: String, logFile: String, user: OSUser? = nil, usesSlots: Bool = true,
        maximumBackupRate: ByteCount? = nil, render: @escaping @Sendable (Recovery) -> String,
        timestamp: @escaping @Sendable () -> String = wallTimestamp
    ) {
        self.name = name
        self.dataDirectory = dataDirectory
        self.binDirectory = binDirectory
        self.configFile = configFile
        self.includeFile = includeFile
        self.host = host
        self.port = port
        self.database = database
        self.superuser = superuser
        self.replication = replication
        self.rewind = rewind
        self.passFile = passFile
        self.stateDirectory = stateDirectory
        self.logFile = logFile
        self.user = user
        self.usesSlots = usesSlots
        self.maximumBackupRate = maximumBackupRate
        self.render = render
        self.timestamp = timestamp
    }

    /// There from the beginning of a pg_rewind to its good end, or to a fresh copy.
    var rewindMarker: String { "\(stateDirectory)/\(name).rewinding" }

    func program(_ name: String) -> String { "\(binDirectory)/\(programNames[name] ?? name)" }

    /// Options of a session that writes: it does not wait for synchronous standbys, and whatever the role or the
    /// database say of transactions does not keep it from writing.
    static let neverWaiting = "-c synchronous_commit=local -c default_transaction_read_only=off"

    /// libpq settings of a connection to the local server as superuser.
    /// - Parameter options: further settings of the session, above those of the role and of the database.
    func localConnection(application: String = "pgadopt-agent", options: String = "") -> [String: String] {
        var all = superuser.options
        all["host"] = host
        all["port"] = String(port)
        all["dbname"] = database
        all["user"] = superuser.user
        all["password"] = superuser.password
        all["application_name"] = application
        // English texts; no statement of ours outlives us by long. What writes adds `neverWaiting`.
        all["options"] = "-c lc_messages=C -c statement_timeout=60s \(options)"
        return all
    }

    /// `-c config_file=` where it is needed.
    var configArguments: [String] { configFile.map { ["-c", "config_file=\($0)"] } ?? [] }
}
