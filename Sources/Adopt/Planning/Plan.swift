import Facts
import Inventory
import PostgresModel
import Preflight

/// What `apply` will do, in order, with everything it needs to do it and everything it relies on.
///
/// A plan is a value: it is printed for people, saved as JSON, and carried out as recorded; `apply` never
/// derives a step anew. It holds no secret: passwords are made while applying and stay on the hosts.
public struct Plan: Codable, Equatable, Sendable {
    /// Raised when a field changes its meaning; `apply` refuses a plan of another format.
    public static let currentFormat = 1

    public var format: Int
    public var cluster: String
    /// RFC 3339, UTC.
    public var createdAt: String
    public var toolVersion: String
    /// The inventory's cluster as it was read; `apply` reaches the hosts with this.
    public var spec: ClusterSpec
    /// The running server that is adopted.
    public var primary: PrimaryServer
    /// Every verdict, waived ones marked.
    public var findings: [Finding]
    /// What must still be so when the plan is carried out.
    public var fingerprints: Fingerprints
    /// Settings that wait for the next planned restart.
    public var deferred: [DeferredSetting]
    /// In the order of execution; empty when the cluster is already adopted.
    public var steps: [PlannedStep]

    public init(
        cluster: String, createdAt: String, toolVersion: String, spec: ClusterSpec, primary: PrimaryServer,
        findings: [Finding], fingerprints: Fingerprints, deferred: [DeferredSetting] = [], steps: [PlannedStep]
    ) {
        format = Self.currentFormat
        self.cluster = cluster
        self.createdAt = createdAt
        self.toolVersion = toolVersion
        self.spec = spec
        self.primary = primary
        self.findings = findings
        self.fingerprints = fingerprints
        self.deferred = deferred
        self.steps = steps
    }

    /// Findings that forbid `apply`: failures that nobody waived.
    public var blockers: [Finding] { findings.filter { $0.verdict == .fail && !$0.isWaived } }
    /// False: a finding forbids it.
    public var isApplicable: Bool { blockers.isEmpty }
    public func step(_ id: String) -> PlannedStep? { steps.first { $0.id == id } }
}

/// The server that is adopted, as the survey saw it.
public struct PrimaryServer: Codable, Equatable, Sendable {
    public var host: String
    public var version: ServerVersion
    public var systemIdentifier: SystemIdentifier
    public var timeline: Timeline
    public var postmasterPID: Int
    /// Field 22 of /proc/PID/stat; with the pid it names the process for ever.
    public var postmasterStartTicks: UInt64
    /// As PostgreSQL prints it; for people.
    public var startTime: String?
    public var dataDirectory: String
    public var binDirectory: String
    public var port: Int
    /// Where `psql` on the host finds the server.
    public var socketDirectory: String
    public var osUser: String
    /// The unit that owned the server when it was found.
    public var unit: String?
    /// All databases.
    public var size: ByteCount

    public init(
        host: String, version: ServerVersion, systemIdentifier: SystemIdentifier, timeline: Timeline,
        postmasterPID: Int, postmasterStartTicks: UInt64, startTime: String? = nil, dataDirectory: String,
        binDirectory: String, port: Int, socketDirectory: String, osUser: String, unit: String? = nil, size: ByteCount
    ) {
        self.host = host
        self.version = version
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.postmasterPID = postmasterPID
        self.postmasterStartTicks = postmasterStartTicks
        self.startTime = startTime
        self.dataDirectory = dataDirectory
        self.binDirectory = binDirectory
        self.port = port
        self.socketDirectory = socketDirectory
        self.osUser = osUser
        self.unit = unit
        self.size = size
    }
}

/// A setting that only a restart can change, and that adoption therefore leaves as it is for now.
public struct DeferredSetting: Codable, Equatable, Sendable {
    public var host: String
    public var name: String
    public var runningValue: String
    public var wantedValue: String
    /// What is missing until the restart.
    public var meanwhile: String

    public init(host: String, name: String, runningValue: String, wantedValue: String, meanwhile: String) {
        self.host = host
        self.name = name
        self.runningValue = runningValue
        self.wantedValue = wantedValue
        self.meanwhile = meanwhile
    }
}
