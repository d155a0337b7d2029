import PostgresModel

/// One step of a plan.
public struct PlannedStep: Codable, Equatable, Sendable {
    /// Stable in a plan and between plans of the same cluster: `HOST/NAME`, such as `h1/hba`; of the operator's own
    /// `HOST/run-NAME` and `HOST/pause-NAME`.
    public var id: String
    /// The host it is for; a slot is made on the primary for a replica.
    public var host: String
    public var kind: StepKind
    public var effect: StepEffect
    /// One sentence: what happens.
    public var summary: String
    public var estimate: StepEstimate
    /// One sentence: how it is taken back.
    public var undo: String
    /// Ids of the steps that must be done before.
    public var prerequisites: [String]
    /// Ids of steps that are waited for, unless a step of their host has failed in a run before: this step can do
    /// without them.
    public var awaits: [String]?

    public init(
        host: String, kind: StepKind, effect: StepEffect, summary: String, estimate: StepEstimate, undo: String,
        prerequisites: [String] = []
    ) {
        id = "\(host)/\(kind.label)"
        self.host = host
        self.kind = kind
        self.effect = effect
        self.summary = summary
        self.estimate = estimate
        self.undo = undo
        self.prerequisites = prerequisites
    }

    public static func id(host: String, name: StepName) -> String { "\(host)/\(name.rawValue)" }
}

/// What a step means for those who use the server.
public enum StepEffect: String, Codable, Sendable, CaseIterable {
    /// Files of our own; nobody notices.
    case none
    /// The server reads its configuration again; no connection is closed.
    case reload
    /// Roles, grants or slots are made in the running server.
    case database
    /// Keys are written to the consensus store.
    case store
    /// Units of the service manager change; the server runs on.
    case service
    /// A copy of the data is made over the network.
    case build
    /// The server is stopped and started: only where a person allowed it, in a window.
    case restart
}

/// How long a step takes and how much it moves; guesses from the survey's figures.
public struct StepEstimate: Codable, Equatable, Sendable {
    public var milliseconds: Int64
    public var bytes: ByteCount?
    /// WAL that the primary keeps while the step runs; nil: none, or the rate is not known.
    public var walKept: ByteCount?

    public init(_ duration: Duration, bytes: ByteCount? = nil, walKept: ByteCount? = nil) {
        let (seconds, attoseconds) = duration.components
        milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        self.bytes = bytes
        self.walKept = walKept
    }

    public var duration: Duration { .milliseconds(milliseconds) }
}

/// The names of the steps, as playbooks, step ids and journals spell them.
public enum StepName: String, Codable, CaseIterable, Sendable {
    case lock
    case backup
    case storeAuthority = "etcd-ca"
    case storeMember = "etcd-member"
    case storeClient = "etcd-client"
    case managedStore = "etcd"
    case bundle
    case secrets
    case roles
    case hba
    case settings
    case restart
    case store
    case legacyUnit = "legacy-unit"
    case agent
    case slot
    case baseBackup = "base-backup"
    case configFiles = "config-files"
    case upstream
    case upgrade
    case leave
    case streaming
    case verify
    case unlock
    case run
    case pause
}
