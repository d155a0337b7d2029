/// One way to make a replica (compatibility sheet f.3); they are tried in order.
public enum ReplicaMethod: Equatable, Sendable {
    /// pg_basebackup with these further arguments, each an element of argv.
    case basebackup(options: [String])
    case custom(Script)

    /// A program of the operator's, such as a restore from a backup tool's repository.
    public struct Script: Equatable, Sendable {
        public var name: String
        /// The program, its arguments and the method's own `--key=value` options.
        public var command: [String]
        /// `--scope`, `--role`, `--datadir` and `--connstring` are added.
        public var passesParameters: Bool
        /// What is in the data directory is left for the program to use.
        public var keepsData: Bool
        /// Works without a source, when the cluster has no leader.
        public var worksWithoutLeader: Bool

        public init(
            name: String, command: [String], passesParameters: Bool = true, keepsData: Bool = false,
            worksWithoutLeader: Bool = false
        ) {
            self.name = name
            self.command = command
            self.passesParameters = passesParameters
            self.keepsData = keepsData
            self.worksWithoutLeader = worksWithoutLeader
        }
    }

    var name: String {
        switch self {
        case .basebackup: "basebackup"
        case .custom(let script): script.name
        }
    }

    var keepsData: Bool {
        if case .custom(let script) = self { script.keepsData } else { false }
    }

    var worksWithoutLeader: Bool {
        if case .custom(let script) = self { script.worksWithoutLeader } else { false }
    }
}
