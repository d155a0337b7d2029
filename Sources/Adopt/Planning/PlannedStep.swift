import PostgresModel

/// One step of a plan.
public struct PlannedStep: Codable, Equatable, Sendable {
    /// Stable in a plan and between plans of the same cluster: `HOST/NAME`, such as `h1/hba`.
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

    public init(
        host: String, kind: StepKind, effect: StepEffect, summary: String, estimate: StepEstimate, undo: String,
        prerequisites: [String] = []
    ) {
        id = Self.id(host: host, name: kind.name)
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
}

/// How long a step takes and how much it moves; guesses from the survey's figures.
public struct StepEstimate: Codable, Equatable, Sendable {
    public var milliseconds: Int64
    public var bytes: ByteCount?

    public init(_ duration: Duration, bytes: ByteCount? = nil) {
        let (seconds, attoseconds) = duration.components
        milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        self.bytes = bytes
    }

    public var duration: Duration { .milliseconds(milliseconds) }
}

/// The names of the steps, as playbooks, step ids and journals spell them.
public enum StepName: String, Codable, CaseIterable, Sendable {
    case lock
    case backup
    case bundle
    case secrets
    case roles
    case hba
    case settings
    case store
    case legacyUnit = "legacy-unit"
    case agent
    case slot
    case baseBackup = "base-backup"
    case configFiles = "config-files"
    case streaming
    case verify
    case unlock
}

/// What a step does, with all it needs to do it.
public enum StepKind: Equatable, Sendable {
    case lock(LockChange)
    case backup(BackupChange)
    case bundle(BundleChange)
    case secrets(SecretsChange)
    case roles(RolesChange)
    case hba(HBAChange)
    case settings(SettingsChange)
    case store(StoreChange)
    case legacyUnit(LegacyUnitChange)
    case agent(AgentChange)
    case slot(SlotChange)
    case baseBackup(BaseBackupChange)
    case configFiles(ConfigFilesChange)
    case streaming(StreamingCheck)
    case verify(ClusterCheck)
    case unlock(LockChange)

    public var name: StepName {
        switch self {
        case .lock: .lock
        case .backup: .backup
        case .bundle: .bundle
        case .secrets: .secrets
        case .roles: .roles
        case .hba: .hba
        case .settings: .settings
        case .store: .store
        case .legacyUnit: .legacyUnit
        case .agent: .agent
        case .slot: .slot
        case .baseBackup: .baseBackup
        case .configFiles: .configFiles
        case .streaming: .streaming
        case .verify: .verify
        case .unlock: .unlock
        }
    }
}

/// `{"name": "hba", "change": {...}}`
extension StepKind: Codable {
    private enum CodingKeys: String, CodingKey { case name, change }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        switch self {
        case .lock(let change), .unlock(let change): try container.encode(change, forKey: .change)
        case .backup(let change): try container.encode(change, forKey: .change)
        case .bundle(let change): try container.encode(change, forKey: .change)
        case .secrets(let change): try container.encode(change, forKey: .change)
        case .roles(let change): try container.encode(change, forKey: .change)
        case .hba(let change): try container.encode(change, forKey: .change)
        case .settings(let change): try container.encode(change, forKey: .change)
        case .store(let change): try container.encode(change, forKey: .change)
        case .legacyUnit(let change): try container.encode(change, forKey: .change)
        case .agent(let change): try container.encode(change, forKey: .change)
        case .slot(let change): try container.encode(change, forKey: .change)
        case .baseBackup(let change): try container.encode(change, forKey: .change)
        case .configFiles(let change): try container.encode(change, forKey: .change)
        case .streaming(let change): try container.encode(change, forKey: .change)
        case .verify(let change): try container.encode(change, forKey: .change)
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func change<T: Decodable>(_ type: T.Type = T.self) throws -> T { try container.decode(type, forKey: .change) }
        switch try container.decode(StepName.self, forKey: .name) {
        case .lock: self = .lock(try change())
        case .backup: self = .backup(try change())
        case .bundle: self = .bundle(try change())
        case .secrets: self = .secrets(try change())
        case .roles: self = .roles(try change())
        case .hba: self = .hba(try change())
        case .settings: self = .settings(try change())
        case .store: self = .store(try change())
        case .legacyUnit: self = .legacyUnit(try change())
        case .agent: self = .agent(try change())
        case .slot: self = .slot(try change())
        case .baseBackup: self = .baseBackup(try change())
        case .configFiles: self = .configFiles(try change())
        case .streaming: self = .streaming(try change())
        case .verify: self = .verify(try change())
        case .unlock: self = .unlock(try change())
        }
    }
}
