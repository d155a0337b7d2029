/// What a step does, with all it needs to do it.
public enum StepKind: Equatable, Sendable {
    case lock(LockChange)
    case backup(BackupChange)
    case storeAuthority(StoreAuthorityChange)
    case storeMember(StoreMemberChange)
    case storeClient(StoreClientChange)
    case managedStore(ManagedStoreCheck)
    case bundle(BundleChange)
    case secrets(SecretsChange)
    case roles(RolesChange)
    case hba(HBAChange)
    case settings(SettingsChange)
    case restart(RestartChange)
    case store(StoreChange)
    case legacyUnit(LegacyUnitChange)
    case agent(AgentChange)
    case slot(SlotChange)
    case baseBackup(BaseBackupChange)
    case configFiles(ConfigFilesChange)
    case upstream(UpstreamChange)
    case upgrade(UpgradeChange)
    case leave(LeaveChange)
    case streaming(StreamingCheck)
    case verify(ClusterCheck)
    case unlock(LockChange)
    case run(RunChange)
    case pause(PauseChange)

    public var name: StepName {
        switch self {
        case .lock: .lock
        case .backup: .backup
        case .storeAuthority: .storeAuthority
        case .storeMember: .storeMember
        case .storeClient: .storeClient
        case .managedStore: .managedStore
        case .bundle: .bundle
        case .secrets: .secrets
        case .roles: .roles
        case .hba: .hba
        case .settings: .settings
        case .restart: .restart
        case .store: .store
        case .legacyUnit: .legacyUnit
        case .agent: .agent
        case .slot: .slot
        case .baseBackup: .baseBackup
        case .configFiles: .configFiles
        case .upstream: .upstream
        case .upgrade: .upgrade
        case .leave: .leave
        case .streaming: .streaming
        case .verify: .verify
        case .unlock: .unlock
        case .run: .run
        case .pause: .pause
        }
    }

    /// The last part of a step's id.
    public var label: String {
        switch self {
        case .run(let change): "run-\(change.name)"
        case .pause(let change): "pause-\(change.name)"
        default: name.rawValue
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
        case .storeAuthority(let change): try container.encode(change, forKey: .change)
        case .storeMember(let change): try container.encode(change, forKey: .change)
        case .storeClient(let change): try container.encode(change, forKey: .change)
        case .managedStore(let change): try container.encode(change, forKey: .change)
        case .bundle(let change): try container.encode(change, forKey: .change)
        case .secrets(let change): try container.encode(change, forKey: .change)
        case .roles(let change): try container.encode(change, forKey: .change)
        case .hba(let change): try container.encode(change, forKey: .change)
        case .settings(let change): try container.encode(change, forKey: .change)
        case .restart(let change): try container.encode(change, forKey: .change)
        case .store(let change): try container.encode(change, forKey: .change)
        case .legacyUnit(let change): try container.encode(change, forKey: .change)
        case .agent(let change): try container.encode(change, forKey: .change)
        case .slot(let change): try container.encode(change, forKey: .change)
        case .baseBackup(let change): try container.encode(change, forKey: .change)
        case .configFiles(let change): try container.encode(change, forKey: .change)
        case .upstream(let change): try container.encode(change, forKey: .change)
        case .leave(let change): try container.encode(change, forKey: .change)
        case .upgrade(let change): try container.encode(change, forKey: .change)
        case .streaming(let change): try container.encode(change, forKey: .change)
        case .verify(let change): try container.encode(change, forKey: .change)
        case .run(let change): try container.encode(change, forKey: .change)
        case .pause(let change): try container.encode(change, forKey: .change)
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func change<T: Decodable>(_ type: T.Type = T.self) throws -> T { try container.decode(type, forKey: .change) }
        switch try container.decode(StepName.self, forKey: .name) {
        case .lock: self = .lock(try change())
        case .backup: self = .backup(try change())
        case .storeAuthority: self = .storeAuthority(try change())
        case .storeMember: self = .storeMember(try change())
        case .storeClient: self = .storeClient(try change())
        case .managedStore: self = .managedStore(try change())
        case .bundle: self = .bundle(try change())
        case .secrets: self = .secrets(try change())
        case .roles: self = .roles(try change())
        case .hba: self = .hba(try change())
        case .settings: self = .settings(try change())
        case .restart: self = .restart(try change())
        case .store: self = .store(try change())
        case .legacyUnit: self = .legacyUnit(try change())
        case .agent: self = .agent(try change())
        case .slot: self = .slot(try change())
        case .baseBackup: self = .baseBackup(try change())
        case .configFiles: self = .configFiles(try change())
        case .upstream: self = .upstream(try change())
        case .leave: self = .leave(try change())
        case .upgrade: self = .upgrade(try change())
        case .streaming: self = .streaming(try change())
        case .verify: self = .verify(try change())
        case .unlock: self = .unlock(try change())
        case .run: self = .run(try change())
        case .pause: self = .pause(try change())
        }
    }
}
