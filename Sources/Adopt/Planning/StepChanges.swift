import Inventory
import PostgresModel

/// A file of our own, written whole.
public struct FileWrite: Codable, Equatable, Sendable {
    public var path: String
    /// The OS user (and its primary group) that owns it.
    public var owner: String
    /// Octal, such as `0644`.
    public var mode: String
    public var content: String

    public init(path: String, owner: String = "root", mode: String = "0644", content: String) {
        self.path = path
        self.owner = owner
        self.mode = mode
        self.content = content
    }
}

/// A change to a file of the owner's: only what is added is recorded, the rest stays what it is on the host.
public struct FileEdit: Codable, Equatable, Sendable {
    public enum Edit: Codable, Equatable, Sendable {
        /// A block between our two marker lines, at the top of the file; replaced if it is there.
        case managedBlock([String])
        /// One line at the end of the file.
        case appendLine(String)
    }

    public var path: String
    public var edit: Edit
    /// SHA-256 of the file before and after, hexadecimal.
    public var digestBefore: String
    public var digestAfter: String
    /// Unified diff for people; values that look like secrets are masked.
    public var diff: String

    public init(path: String, edit: Edit, digestBefore: String, digestAfter: String, diff: String) {
        self.path = path
        self.edit = edit
        self.digestBefore = digestBefore
        self.digestAfter = digestAfter
        self.diff = diff
    }
}

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

    public init(pid: Int, startTicks: UInt64) {
        self.pid = pid
        self.startTicks = startTicks
    }
}

/// One operator at a time: a directory on the primary, made with mkdir.
public struct LockChange: Codable, Equatable, Sendable {
    public var directory: String
    public init(directory: String) { self.directory = directory }
}

/// Copies of configuration files, for `release` and for people.
public struct BackupChange: Codable, Equatable, Sendable {
    public var files: [String]
    public var directory: String
    public init(files: [String], directory: String) {
        self.files = files
        self.directory = directory
    }
}

/// The agent's programs.
public struct BundleChange: Codable, Equatable, Sendable {
    /// On the control host: a tar.gz whose top level is `bin/`, `lib/`.
    public var archive: String
    public var digest: String
    public var size: ByteCount
    /// Where it is unpacked, `/usr/lib/pgadopt`.
    public var directory: String

    public init(archive: String, digest: String, size: ByteCount, directory: String) {
        self.archive = archive
        self.digest = digest
        self.size = size
        self.directory = directory
    }
}

/// Passwords of our own roles and what the store needs, in files that only the PostgreSQL OS user can read.
public struct SecretsChange: Codable, Equatable, Sendable {
    public struct Shipped: Codable, Equatable, Sendable {
        /// Where the control host finds it.
        public var source: SecretSource
        public var path: String
        public init(source: SecretSource, path: String) {
            self.source = source
            self.path = path
        }
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

    public init(
        directory: String, osUser: String, roles: [String], copiedFrom: String? = nil, shipped: [Shipped] = [],
        passfile: String
    ) {
        self.directory = directory
        self.osUser = osUser
        self.roles = roles
        self.copiedFrom = copiedFrom
        self.shipped = shipped
        self.passfile = passfile
    }
}

/// Roles of our own in the server.
public struct RolesChange: Codable, Equatable, Sendable {
    public struct Role: Codable, Equatable, Sendable {
        public var name: String
        /// Options of CREATE ROLE, such as `LOGIN REPLICATION`.
        public var options: String
        /// Functions it may execute, with argument types.
        public var functions: [String]
        /// True: found by the survey; it keeps its options and gets our password.
        public var exists: Bool

        public init(name: String, options: String, functions: [String] = [], exists: Bool = false) {
            self.name = name
            self.options = options
            self.functions = functions
            self.exists = exists
        }
    }

    public var server: LocalServer
    public var roles: [Role]
    public var secretsDirectory: String

    public init(server: LocalServer, roles: [Role], secretsDirectory: String) {
        self.server = server
        self.roles = roles
        self.secretsDirectory = secretsDirectory
    }
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

        public init(
            host: String, address: String, port: Int, role: String, passfile: String, osUser: String,
            binDirectory: String
        ) {
            self.host = host
            self.address = address
            self.port = port
            self.role = role
            self.passfile = passfile
            self.osUser = osUser
            self.binDirectory = binDirectory
        }
    }

    public var server: LocalServer
    public var edit: FileEdit
    public var probes: [Probe]
    /// Where the file of before is kept while the change is on trial.
    public var stateDirectory: String

    public init(server: LocalServer, edit: FileEdit, probes: [Probe], stateDirectory: String) {
        self.server = server
        self.edit = edit
        self.probes = probes
        self.stateDirectory = stateDirectory
    }
}

/// One setting, old and new.
public struct SettingChange: Codable, Equatable, Sendable {
    public var name: String
    public var old: String
    public var new: String
    /// True: takes effect with the reload; false: at the next restart.
    public var isReloadable: Bool

    public init(name: String, old: String, new: String, isReloadable: Bool) {
        self.name = name
        self.old = old
        self.new = new
        self.isReloadable = isReloadable
    }
}

/// Our include file, and where needed the line that includes it.
public struct SettingsChange: Codable, Equatable, Sendable {
    public var server: LocalServer
    public var file: FileWrite
    public var include: FileEdit?
    public var settings: [SettingChange]

    public init(server: LocalServer, file: FileWrite, include: FileEdit?, settings: [SettingChange]) {
        self.server = server
        self.file = file
        self.include = include
        self.settings = settings
    }
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

    public init(prefix: String, entries: [Entry]) {
        self.prefix = prefix
        self.entries = entries
    }
}

/// Waits until a replica streams and has nothing left to replay.
public struct StreamingCheck: Codable, Equatable, Sendable {
    public var member: String
    public var primaryHost: String
    public var primary: LocalServer

    public init(member: String, primaryHost: String, primary: LocalServer) {
        self.member = member
        self.primaryHost = primaryHost
        self.primary = primary
    }
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

    public init(
        leader: String, members: [String], storePrefix: String, primary: LocalServer, postmaster: PostmasterIdentity,
        startTime: String? = nil
    ) {
        self.leader = leader
        self.members = members
        self.storePrefix = storePrefix
        self.primary = primary
        self.postmaster = postmaster
        self.startTime = startTime
    }
}
