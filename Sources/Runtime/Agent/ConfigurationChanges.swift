import Configuration
import Server

extension AgentConfiguration {
    /// The server was taken over with an owner's configuration, into which ours is included; otherwise it is ours to
    /// configure, with Patroni's defaults.
    var isAdopted: Bool { pgadopt.includeFile != nil }

    /// What is wanted of the server in this role: the file's words over the cluster's.
    func serverConfiguration(with dynamic: DynamicConfiguration, role: ServerRole) -> ServerConfiguration {
        let options = postgresOptions(with: dynamic)
        let shared = dynamic.postgresql.options.parameters(for: role)
        var commandLine = ClusterParameters.commandLine(cluster: shared, isOurs: !isAdopted).settings
        if !isAdopted {
            commandLine["listen_addresses"] = postgresql.listen.hosts.joined(separator: ",")
            commandLine["port"] = String(postgresql.listen.port)
            commandLine["cluster_name"] = scope
        }
        var recovery = options.recoveryConf
        if role == .standbyLeader, let remote = dynamic.standbyCluster {
            recovery["restore_command"] = remote.restoreCommand ?? recovery["restore_command"]
            recovery["archive_cleanup_command"] = remote.archiveCleanupCommand ?? recovery["archive_cleanup_command"]
            recovery["recovery_min_apply_delay"] = remote.recoveryMinApplyDelay ?? recovery["recovery_min_apply_delay"]
        }
        var wanted = ServerConfiguration(
            scope: scope, parameters: includedParameters(options, role), commandLine: commandLine, recovery: recovery,
            hba: options.pgHBA(for: role), ident: options.pgIdent(for: role))
        // An adopted server's owner has files of their own for that.
        wanted.customFile = isAdopted ? nil : options.customConf
        return wanted
    }

    /// Settings of the include file. What the cluster decides stands on the command line instead; only an adopted
    /// server's own file may still say it, as its owner did.
    private func includedParameters(_ options: PostgresOptions, _ role: ServerRole) -> [String: String] {
        let all = options.parameters(for: role)
        let local = isAdopted ? postgresql.options.parameters : [:]
        return all.filter { name, _ in
            !ClusterParameters.names.contains(name.lowercased()) || local[name] != nil
        }
    }

    /// What cannot be as somebody wrote it.
    func settingWarnings(with dynamic: DynamicConfiguration) -> [String] {
        let shared = ClusterParameters.commandLine(
            cluster: dynamic.postgresql.options.parameters, isOurs: !isAdopted
        ).warnings.map { "postgresql.parameters of the cluster: \($0)" }
        guard !isAdopted else { return shared }
        return shared + ClusterParameters.local(postgresql.options.parameters).warnings.map {
            "postgresql.parameters of this member: \($0)"
        }
    }
}
