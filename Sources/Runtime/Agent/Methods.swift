import Configuration
import Server

// How data directories are made, from the words of the configuration.

extension BootstrapPlan {
    init(_ configuration: AgentConfiguration) {
        let section = configuration.bootstrap
        let method: Method =
            switch section.method {
            case .initdb: .initdb(options: section.initdbOptions.map(\.description))
            case .custom(_, let script):
                .custom(
                    Script(
                        command: script.words, passesParameters: !script.noParams, recovery: script.recoveryConf,
                        keepsRecovery: script.keepsExistingRecoveryConf))
            }
        self.init(
            scope: configuration.scope, method: method, hba: section.pgHBA, postBootstrap: section.postBootstrap?.words)
    }
}

extension PostgresOptions {
    /// In the order of trying.
    /// - Parameter methods: nil: pg_basebackup alone.
    func forServer(_ methods: [Configuration.ReplicaMethod]?) -> [Server.ReplicaMethod] {
        (methods ?? [.basebackup]).map { method in
            guard let script = method.script else { return .basebackup(options: basebackupOptions.map(\.description)) }
            return .custom(
                .init(
                    name: method.name, command: script.words, passesParameters: !script.noParams,
                    keepsData: script.keepData, worksWithoutLeader: script.noLeader))
        }
    }
}

extension CustomScript {
    fileprivate var words: [String] { command.words + arguments.map(\.description) }
}
