/// The order of the steps, as a file that people read and change.
public struct Playbook: Equatable, Sendable {
    /// One line of a playbook.
    public enum Item: Equatable, Sendable {
        /// A step of ours, by its name.
        case step(StepName)
        /// A command of the operator's.
        case run(OperatorCommand)
        /// A point where apply stops until a person says go on.
        case pause(OperatorPause)
    }

    /// Once for the cluster, before any replica is touched.
    public var cluster: [Item]
    /// For each replica.
    public var replica: [Item]
    /// Once, at the end.
    public var finish: [Item]

    public init(cluster: [Item], replica: [Item], finish: [Item]) {
        self.cluster = cluster
        self.replica = replica
        self.finish = finish
    }

    /// What `playbooks/adopt.yaml` says; a test holds the two together.
    public static let adopt = Playbook(
        cluster: steps(
            .lock, .backup, .managedStore, .bundle, .secrets, .roles, .hba, .settings, .store, .legacyUnit, .agent),
        replica: steps(.slot, .baseBackup, .configFiles, .legacyUnit, .agent, .streaming),
        finish: steps(.verify, .unlock))

    /// Steps that a playbook may leave out: they are there for inventories that ask for them.
    static let optional: Set<StepName> = [.managedStore]

    private static func steps(_ names: StepName...) -> [Item] { names.map(Item.step) }

    /// What must come before a step, and why.
    static func requirements(of name: StepName, inReplica: Bool) -> [(StepName, String)] {
        switch name {
        case .lock: []
        case .backup, .bundle, .secrets, .managedStore: [(.lock, "two operators must not change a server at once")]
        case .run, .pause: inReplica ? [] : [(.lock, "two operators must not run it at once")]
        case .roles: [(.secrets, "the roles get the passwords made there")]
        case .hba:
            [(.backup, "the file of before must be kept"), (.roles, "its proof is a connection as one of the roles")]
        case .settings: [(.backup, "the files of before must be kept")]
        case .restart: [(.settings, "the restart is for the settings written there")]
        case .store: [(.settings, "the store's configuration repeats the server's settings")]
        case .legacyUnit where inReplica: [(.configFiles, "Debian's start.conf is one of those files")]
        case .legacyUnit:
            [(.backup, "the files of before must be kept"), (.bundle, "an agent must be there to take over")]
        case .agent where inReplica:
            [
                (.baseBackup, "the agent starts what the base backup made"),
                (.configFiles, "the server needs its files"),
                (.legacyUnit, "two owners of one server would fight"),
            ]
        case .agent:
            [
                (.bundle, "it brings the program"), (.secrets, "the agent reads its passwords there"),
                (.roles, "the agent connects as them"), (.hba, "replicas could not connect"),
                (.store, "an agent without initialize key would wait"),
                (.legacyUnit, "two owners of one server would fight"),
            ]
        case .slot: [(.agent, "a replica must not be built before the primary holds the lease")]
        case .baseBackup:
            [(.slot, "without the slot the WAL of the copy could be gone at its end"), (.hba, "it could not connect")]
        case .configFiles: [(.baseBackup, "the data directory must be there")]
        case .upstream:
            [
                (.slot, "without the slot WAL that it needs could be gone"), (.backup, "the files of before must be kept"),
                (.hba, "it could not connect"),
            ]
        case .storeAuthority, .storeMember: [(.lock, "two operators must not change a server at once")]
        case .storeClient: [(.storeAuthority, "the certificate is made there")]
        case .leave: [(.lock, "two operators must not change a cluster at once")]
        case .upgrade: [(.bundle, "it brings the programs")]
        case .streaming: [(.agent, "the agent starts the replica")]
        case .verify: [(.agent, "there would be nothing to verify")]
        case .unlock: [(.lock, "there would be nothing to unlock"), (.verify, "the result must be known first")]
        }
    }
}

extension [Playbook.Item] {
    /// The names of our own steps, in order.
    var names: [StepName] { compactMap { if case .step(let name) = $0 { name } else { nil } } }
}
