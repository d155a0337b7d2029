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
    public static let currentFormat = 2

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
    /// Waivers as the operator gave them, `NAME` or `NAME@HOST`; the findings they concern are marked.
    public var waivers: [String]
    /// What is not as the files, or the plan before this one, say. Found, not changed by this plan.
    public var drift: [DriftNote]
    /// Names of checks whose failure this plan remedies, so that it does not forbid it.
    public var remedied: [String]
    /// In the order of execution; empty when the cluster is already adopted.
    public var steps: [PlannedStep]
    /// Members that this plan takes out of the cluster; `spec` does not name them. Nil: none.
    public var leaving: [HostSpec]?

    /// The primary's server is taken over by this plan; false: an earlier one did, and this one changes the cluster.
    public var adoptsPrimary: Bool {
        steps.contains { step in
            guard step.host == primary.host, case .agent = step.kind else { return false }
            return true
        }
    }

    public init(
        cluster: String, createdAt: String, toolVersion: String, spec: ClusterSpec, primary: PrimaryServer,
        findings: [Finding], fingerprints: Fingerprints, deferred: [DeferredSetting] = [], waivers: [String] = [],
        drift: [DriftNote] = [], remedied: [String] = [], steps: [PlannedStep]
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
        self.waivers = waivers
        self.drift = drift
        self.remedied = remedied
        self.steps = steps
    }

    /// Findings that forbid `apply`: failures that nobody waived and this plan does not remedy.
    public var blockers: [Finding] {
        findings.filter { $0.verdict == .fail && !$0.isWaived && !remedied.contains($0.name) }
    }
    /// False: a finding forbids it.
    public var isApplicable: Bool { blockers.isEmpty }
    /// True: it restarts the server in an approved window, and does nothing else.
    public var isRestart: Bool { steps.contains { $0.effect == .restart } }
    /// Every host that a step may be for, in the order of the inventory.
    public var hosts: [HostSpec] { spec.hosts + (leaving ?? []) }
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
}

/// A setting that only a restart can change, and that adoption therefore leaves as it is for now.
public struct DeferredSetting: Codable, Equatable, Sendable {
    public var host: String
    public var name: String
    public var runningValue: String
    public var wantedValue: String
    /// What is missing until the restart.
    public var meanwhile: String
}

/// Something that is not as it should be by the files, or was by the plan before.
public struct DriftNote: Codable, Equatable, Sendable {
    /// Nil: the store.
    public var host: String?
    /// What differs.
    public var what: String
    /// What it means.
    public var meaning: String

    public init(host: String?, what: String, meaning: String) {
        self.host = host
        self.what = what
        self.meaning = meaning
    }
}
