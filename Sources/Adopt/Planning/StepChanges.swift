import Inventory
import PostgresModel

/// How to reach a server with `psql` on its own host.
public struct LocalServer: Codable, Equatable, Sendable {
    public var osUser: String
    public var binDirectory: String
    public var socketDirectory: String
    public var port: Int

    public init(osUser: String, binDirectory: String, socketDirectory: String, port: Int) {
        self.osUser = osUser
        self.binDirectory = binDirectory
        self.socketDirectory = socketDirectory
        self.port = port
    }
}

/// The process that must not change.
public struct PostmasterIdentity: Codable, Equatable, Hashable, Sendable {
    public var pid: Int
    /// Field 22 of /proc/PID/stat.
    public var startTicks: UInt64
}

/// One operator at a time: a directory on the primary, made with mkdir.
public struct LockChange: Codable, Equatable, Sendable {
    public var directory: String
}

/// Copies of configuration files, for `release` and for people.
public struct BackupChange: Codable, Equatable, Sendable {
    public var files: [String]
    public var directory: String
}

/// The agent's programs.
public struct BundleChange: Codable, Equatable, Sendable {
    /// On the control host: a tar.gz whose top level is `bin/`, `lib/`.
    public var archive: String
    public var digest: String
    public var size: ByteCount
    /// Where it is unpacked, `/usr/lib/pgadopt`.
    public var directory: String
}

/// Passwords of our own roles and what the store needs, in files that only the PostgreSQL OS user can read.
public struct SecretsChange: Codable, Equatable, Sendable {
    public struct Shipped: Codable, Equatable, Sendable {
        /// Where the control host finds it.
        public var source: SecretSource
        public var path: String
    }

    public var directory: String
    public var osUser: String
    /// Made at random if they do not exist: one file a role, `ROLE.password`.
    public var roles: [String]
    /// The member whose passwords are copied; nil: they are made here.
    public var copiedFrom: String?
    /// The store's password and certificates.
    public var shipped: [Shipped]
    /// Where a passfile for the agent's and pg_basebackup's connections is written.
    public var passfile: String
    /// Certificates for the replication relay; nil: none is needed.
    public var relay: RelayCertificates?
}

/// Roles of our own in the server.
public struct RolesChange: Codable, Equatable, Sendable {
    public struct Role: Codable, Equatable, Sendable {
        public var name: String
        /// Options of CREATE ROLE, such as `LOGIN REPLICATION`.
        public var options: String
        /// Functions it may execute, with argument types.
        public var functions: [String] = []
        /// True: found by the survey; it keeps its options and gets our password.
        public var exists = false
    }

    public var server: LocalServer
    public var roles: [Role]
    public var secretsDirectory: String
}

/// Rules for replication and rewind, proved by a connection of our own and taken back when that fails.
public struct HBAChange: Codable, Equatable, Sendable {
    public struct Probe: Codable, Equatable, Sendable {
        /// The host that connects, the address and port it connects to, and with which passfile and psql.
        public var host: String
        public var address: String
        public var port: Int
        public var role: String
        public var passfile: String
        public var osUser: String
        public var binDirectory: String
        /// True: for replication, over the socket whose directory is `address`, as a relay connects. Nil: by SQL.
        public var replicates: Bool?
    }

    public var server: LocalServer
    public var edit: FileEdit
    public var probes: [Probe]
    /// Where the file of before is kept while the change is on trial.
    public var stateDirectory: String
    /// Of the server that reads the file; nil: the primary's.
    public var dataDirectory: String?
}

/// One setting, old and new.
public struct SettingChange: Codable, Equatable, Sendable {
    public var name: String
    public var old: String
    public var new: String
    /// True: takes effect with the reload; false: at the next restart.
    public var isReloadable: Bool
}

/// Our include file, and where needed the line that includes it.
public struct SettingsChange: Codable, Equatable, Sendable {
    public var server: LocalServer
    public var file: FileWrite
    public var include: FileEdit?
    public var settings: [SettingChange]
}

/// Keys written only if they do not exist.
public struct StoreChange: Codable, Equatable, Sendable {
    public struct Entry: Codable, Equatable, Sendable {
        public var key: String
        public var value: String
        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// `/NAMESPACE/SCOPE/`
    public var prefix: String
    public var entries: [Entry]
}

/// Waits until a replica streams and has nothing left to replay.
public struct StreamingCheck: Codable, Equatable, Sendable {
    public var member: String
    public var primaryHost: String
    public var primary: LocalServer
}

/// The promise kept: same postmaster, all members in place.
public struct ClusterCheck: Codable, Equatable, Sendable {
    public var leader: String
    public var members: [String]
    public var storePrefix: String
    public var primary: LocalServer
    public var postmaster: PostmasterIdentity
    /// As PostgreSQL printed it before.
    public var startTime: String?
    /// The processes of standbys that were taken over in place, by member.
    public var standbys: [String: PostmasterIdentity]?
}
