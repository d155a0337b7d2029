import PostgresModel

/// The distribution's unit is kept from starting, stopping and restarting the server.
public struct LegacyUnitChange: Codable, Equatable, Sendable {
    public var unit: String
    public var dropIn: FileWrite
    /// While it exists the unit does not start.
    public var marker: FileWrite
    /// Debian's start.conf, whose word becomes `disabled`; its comments stay.
    public var startConf: String?
    /// Where the server's processes go when they leave the unit; nil where no server runs.
    public var scope: String?
    public var postmaster: PostmasterIdentity?
    /// The pid file that systemd deletes with the unit and pg_lsclusters reads.
    public var pidFile: String?
    public var agentUnit: String

    public init(
        unit: String, dropIn: FileWrite, marker: FileWrite, startConf: String? = nil, scope: String? = nil,
        postmaster: PostmasterIdentity? = nil, pidFile: String? = nil, agentUnit: String
    ) {
        self.unit = unit
        self.dropIn = dropIn
        self.marker = marker
        self.startConf = startConf
        self.scope = scope
        self.postmaster = postmaster
        self.pidFile = pidFile
        self.agentUnit = agentUnit
    }
}

/// The agent's configuration and unit; enabled, started, and watched until it has its role.
public struct AgentChange: Codable, Equatable, Sendable {
    public enum Role: String, Codable, Sendable { case leader, replica }

    public var member: String
    public var role: Role
    public var configuration: FileWrite
    /// The unit template and an instance drop-in where one is needed.
    public var unitFiles: [FileWrite]
    /// `pgadopt-agent@SCOPE.service`
    public var unit: String
    public var osUser: String
    /// Where the agent keeps what must outlive a reboot; owned by `osUser`.
    public var stateDirectory: String
    public var restPort: Int
    /// `/NAMESPACE/SCOPE/`
    public var storePrefix: String
    /// Where a server runs already: the process that the agent must adopt.
    public var postmaster: PostmasterIdentity?

    public init(
        member: String, role: Role, configuration: FileWrite, unitFiles: [FileWrite], unit: String, osUser: String,
        stateDirectory: String, restPort: Int, storePrefix: String, postmaster: PostmasterIdentity? = nil
    ) {
        self.member = member
        self.role = role
        self.configuration = configuration
        self.unitFiles = unitFiles
        self.unit = unit
        self.osUser = osUser
        self.stateDirectory = stateDirectory
        self.restPort = restPort
        self.storePrefix = storePrefix
        self.postmaster = postmaster
    }
}
