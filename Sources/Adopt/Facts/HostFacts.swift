import PostgresModel

/// What the survey found on one host, as values. Decoded from the survey's JSON; kept as test data.
///
/// Everything that may be missing is optional: a fact that could not be gathered is nil, and the reason is in
/// `problems`. Rules must treat nil as "not known", never as "fine".
public struct HostFacts: Codable, Equatable, Sendable {
    /// The name in the inventory.
    public var host: String
    public var system: SystemFacts
    /// PostgreSQL installations found (bin directories).
    public var installations: [InstallationFacts]
    /// Servers found running.
    public var servers: [ServerFacts]
    /// What is at the data directory the plan will use on this host; on the primary that of the server.
    public var target: TargetFacts?
    /// Software and services that may interfere.
    public var rivals: [RivalFacts]
    /// TCP ports listened on.
    public var listeningPorts: [Int]
    /// Agents of ours that run here.
    public var agents: [AgentFacts]
    /// Whether other hosts' ports answer from here.
    public var reach: [ReachFacts]
    /// What could not be gathered, in words for people.
    public var problems: [String]
    public var kernel = KernelFacts()
    public var network = NetworkFacts()
    public var services = ServiceFacts()
    /// SHA-256 of a fixed list of words as `sort` orders it, by locale; `C` is always among them.
    public var collationDigests: [String: String] = [:]
    /// Files that the primary's settings name, looked for on this host.
    public var namedFiles: [NamedFileFacts] = []
    /// Nil: not asked, since the inventory names an etcd of the owner's.
    public var etcd: EtcdFacts?
    /// Nil: not asked, since replicas are not restored from it.
    public var pgBackRest: BackrestFacts?
    /// What the login shell printed before the survey began.
    public var bannerBytes = 0

    public init(
        host: String, system: SystemFacts, installations: [InstallationFacts] = [], servers: [ServerFacts] = [],
        target: TargetFacts? = nil, rivals: [RivalFacts] = [], listeningPorts: [Int] = [],
        agents: [AgentFacts] = [], reach: [ReachFacts] = [], problems: [String] = []
    ) {
        self.host = host
        self.system = system
        self.installations = installations
        self.servers = servers
        self.target = target
        self.rivals = rivals
        self.listeningPorts = listeningPorts
        self.agents = agents
        self.reach = reach
        self.problems = problems
    }
}

public struct SystemFacts: Codable, Equatable, Sendable {
    public var hostname: String
    public var machineID: String?
    /// `uname -m`
    public var architecture: String
    public var kernel: String
    /// ID and VERSION_ID of os-release, such as `debian` and `12`.
    public var osID: String?
    public var osVersion: String?
    /// `glibc 2.36` as getconf prints it.
    public var libc: String?
    public var locales: [String]
    public var cpuCount: Int?
    public var memory: ByteCount?
    /// Seconds since 1970 on the host's clock, minus the middle of the call on the control host's clock.
    public var clockOffsetSeconds: Double?
    /// The true offset lies within this many seconds of `clockOffsetSeconds`; it grows with the length of the call.
    public var clockUncertaintySeconds: Double?
    /// Nil: nothing on the host could tell.
    public var clockSynchronised: Bool?
    /// What systemd-detect-virt calls the container the host is, such as `lxc`; nil when it is none or unknown.
    public var container: String?
    public var loginUser: String
    /// `sudo -n true` works, or the login user is root.
    public var canBecomeRoot: Bool
    /// Becoming the PostgreSQL OS user works.
    public var canBecomePostgres: Bool
    /// Whether the PostgreSQL OS user exists.
    public var hasPostgresUser: Bool
    public var postgresUID: Int?
    /// `systemd`, or the name of process 1.
    public var initSystem: String?

    public init(
        hostname: String, machineID: String? = nil, architecture: String, kernel: String, osID: String? = nil,
        osVersion: String? = nil, libc: String? = nil, locales: [String] = [], cpuCount: Int? = nil,
        memory: ByteCount? = nil, clockOffsetSeconds: Double? = nil, clockUncertaintySeconds: Double? = nil,
        clockSynchronised: Bool? = nil, container: String? = nil, loginUser: String, canBecomeRoot: Bool,
        canBecomePostgres: Bool, hasPostgresUser: Bool = true, postgresUID: Int? = nil, initSystem: String? = nil
    ) {
        self.hostname = hostname
        self.machineID = machineID
        self.architecture = architecture
        self.kernel = kernel
        self.osID = osID
        self.osVersion = osVersion
        self.libc = libc
        self.locales = locales
        self.cpuCount = cpuCount
        self.memory = memory
        self.clockOffsetSeconds = clockOffsetSeconds
        self.clockUncertaintySeconds = clockUncertaintySeconds
        self.clockSynchronised = clockSynchronised
        self.container = container
        self.loginUser = loginUser
        self.canBecomeRoot = canBecomeRoot
        self.canBecomePostgres = canBecomePostgres
        self.hasPostgresUser = hasPostgresUser
        self.postgresUID = postgresUID
        self.initSystem = initSystem
    }
}

/// One directory with PostgreSQL's programs.
public struct InstallationFacts: Codable, Equatable, Sendable {
    public var binDirectory: String
    /// From `postgres --version`.
    public var version: ServerVersion
    /// Which of pg_basebackup, pg_rewind, pg_controldata, pg_ctl, psql are missing.
    public var missingPrograms: [String]
    /// `pg_config --pkglibdir`, and the library names in it without `.so`.
    public var libraryDirectory: String?
    public var libraries: [String]
    /// Names of the extensions whose control files are installed.
    public var extensions: [String]
    /// `default_version` of their control files.
    public var extensionVersions: [String: String] = [:]
    /// Options that configure was called with, as pg_config tells them.
    public var configureOptions: [String] = []
    /// Major version of the ICU library that postgres is linked with.
    public var icuVersion: String?
    /// Libraries of procedural languages that lack a library, as `plpython3: libpython3.11.so.1.0 not found`.
    public var brokenLibraries: [String] = []
    /// Files in $sharedir/tsearch_data.
    public var dictionaries: [String] = []

    public init(
        binDirectory: String, version: ServerVersion, missingPrograms: [String] = [], libraryDirectory: String? = nil,
        libraries: [String] = [], extensions: [String] = []
    ) {
        self.binDirectory = binDirectory
        self.version = version
        self.missingPrograms = missingPrograms
        self.libraryDirectory = libraryDirectory
        self.libraries = libraries
        self.extensions = extensions
    }
}

extension HostFacts {
    /// True: what a standby calls its sender is this host: its address, its name, or one of its interfaces.
    public func isReached(by sender: String, inventoryAddress: String) -> Bool {
        if sender.isEmpty { return false }
        let own = network.addresses.map { $0.split(separator: "/").first.map(String.init) ?? $0 }
        return sender == inventoryAddress || sender == system.hostname || sender == host || own.contains(sender)
            || network.names[sender].map { $0.contains(inventoryAddress) } == true
    }
}
