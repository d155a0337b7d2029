import Planning

/// One kind of step, carried out. Values of this protocol hold the change and nothing else.
protocol Step: Sendable {
    /// True: the host is already as the step would leave it. Reads only.
    func isDone(_ context: StepContext) async throws -> Bool
    /// Makes it so. May be called again after having been cut off anywhere.
    func apply(_ context: StepContext) async throws
    /// Takes back what this step made, and only that. May be called again.
    func undo(_ context: StepContext) async throws
}

extension StepKind {
    var step: any Step {
        switch self {
        case .lock(let change): LockStep(change: change)
        case .backup(let change): BackupStep(change: change)
        case .storeAuthority(let change): StoreAuthorityStep(change: change)
        case .storeMember(let change): StoreMemberStep(change: change)
        case .storeClient(let change): StoreClientStep(change: change)
        case .managedStore(let change): ManagedStoreStep(check: change)
        case .bundle(let change): BundleStep(change: change)
        case .secrets(let change): SecretsStep(change: change)
        case .roles(let change): RolesStep(change: change)
        case .hba(let change): HBAStep(change: change)
        case .settings(let change): SettingsStep(change: change)
        case .store(let change): StoreStep(change: change)
        case .legacyUnit(let change): LegacyUnitStep(change: change)
        case .agent(let change): AgentStep(change: change)
        case .slot(let change): SlotStep(change: change)
        case .baseBackup(let change): BaseBackupStep(change: change)
        case .configFiles(let change): ConfigFilesStep(change: change)
        case .upstream(let change): UpstreamStep(change: change)
        case .leave(let change): LeaveStep(change: change)
        case .upgrade(let change): UpgradeStep(change: change)
        case .streaming(let change): StreamingStep(check: change)
        case .verify(let change): VerifyStep(check: change)
        case .unlock(let change): UnlockStep(change: change)
        case .restart(let change): RestartStep(change: change)
        case .run(let change): RunStep(change: change)
        case .pause(let change): PauseStep(change: change)
        }
    }
}
