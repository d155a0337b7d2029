import Inventory
import PostgresModel

/// The steps that come once, on the primary or on every member, before any replica is built.
extension PlanContext {
    /// Empty: nothing to do for it.
    func clusterSteps(_ name: StepName) throws(PlanningError) -> [PlannedStep] {
        switch name {
        case .lock: [lockStep()]
        case .backup: [backupStep(primary)]
        case .managedStore: try managedStoreSteps()
        case .bundle: try bundleSteps()
        case .secrets: secretsSteps()
        case .roles: isAdopted(primary) ? [] : [rolesStep()]
        case .hba: try hbaSteps()
        case .settings: isAdopted(primary) ? [] : [try settingsStep()]
        case .store: storeSteps()
        case .legacyUnit:
            isAdopted(primary) ? [] : legacyUnitChange(of: primary).map { [legacyUnitStep($0, primary)] } ?? []
        case .agent: isAdopted(primary) ? [] : [try agentStep(primary)]
        case .restart: try restartSteps()
        case .slot, .baseBackup, .configFiles, .upstream, .upgrade, .leave, .streaming, .verify, .unlock, .run, .pause,
            .storeAuthority, .storeMember, .storeClient:
            []
        }
    }

    func lockStep() -> PlannedStep {
        PlannedStep(
            host: primary.name, kind: .lock(LockChange(directory: layout.lock)), effect: .none,
            summary: "take the lock of the cluster, so that two operators do not change it at once",
            estimate: StepEstimate(.milliseconds(200)), undo: "the lock is removed at the end and by release")
    }

    func backupStep(_ host: HostSpec) -> PlannedStep {
        let model = model(of: host)
        var files = model.configFiles.map(\.path)
        if let directory = configDirectory(of: host), model.debianCluster != nil {
            files.append("\(directory)/start.conf")
        }
        files = files.reduce(into: []) { unique, path in if !unique.contains(path) { unique.append(path) } }
        return PlannedStep(
            host: host.name, kind: .backup(BackupChange(files: files, directory: layout.backup)), effect: .none,
            summary: "copy \(files.count) configuration files to \(layout.backup)",
            estimate: StepEstimate(.milliseconds(300)), undo: "the copies stay until release has used them")
    }

    private func bundleSteps() throws(PlanningError) -> [PlannedStep] {
        let hosts = spec.members.filter { !isAdopted($0) }
        if hosts.isEmpty { return [] }
        guard let bundle else {
            throw PlanningError(.noBundle, "the agent's bundle was not found, and the plan installs it")
        }
        return hosts.map { bundleStep($0, bundle) }
    }

    func bundleStep(_ host: HostSpec, _ bundle: BundleSource) -> PlannedStep {
        PlannedStep(
            host: host.name,
            kind: .bundle(
                BundleChange(
                    archive: bundle.path, digest: bundle.digest, size: bundle.size, directory: Layout.bundle)),
            effect: .none, summary: "install the agent in \(Layout.bundle)",
            estimate: StepEstimate(transferTime(bundle.size, perSecond: 20 << 20), bytes: bundle.size),
            undo: "remove \(Layout.bundle) when no other cluster on the host uses it")
    }

    private func secretsSteps() -> [PlannedStep] {
        let members = spec.members.filter { !isAdopted($0) || $0.name == primary.name }
        guard members.contains(where: { !isAdopted($0) }) else { return relayRenewalSteps() }
        let sorted = members.filter { $0.name == primary.name } + members.filter { $0.name != primary.name }
        return sorted.map(secretsStep)
    }

    private func secretsStep(_ host: HostSpec) -> PlannedStep {
        let isPrimary = host.name == primary.name
        var change = SecretsChange(
            directory: layout.secrets, osUser: osUser(of: host),
            roles: [Layout.replicationRole, Layout.rewindRole], copiedFrom: isPrimary ? nil : primary.name,
            shipped: shippedSecrets(to: host), passfile: layout.passfile)
        change.relay = relayCertificates(of: host)
        let certificate = isRelayed ? ", and a certificate for the replication relay" : ""
        return PlannedStep(
            host: host.name, kind: .secrets(change), effect: .none,
            summary: isPrimary
                ? "make random passwords for our two roles in \(layout.secrets), readable by \(change.osUser) only"
                    + certificate
                : "copy the roles' passwords to \(layout.secrets), readable by \(change.osUser) only" + certificate,
            estimate: StepEstimate(.milliseconds(300)), undo: "remove \(layout.secrets)")
    }

    private func shippedSecrets(to host: HostSpec) -> [SecretsChange.Shipped] {
        var shipped: [SecretsChange.Shipped] = []
        // Each agent has a certificate of its own in a store of ours.
        let certificateFile = spec.store.managed?.certificateFile(of: host.name) ?? spec.store.tls?.certificateFile
        let keyFile = spec.store.managed?.keyFile(of: host.name) ?? spec.store.tls?.keyFile
        if let source = spec.store.passwordSource {
            shipped.append(.init(source: source, path: "\(layout.secrets)/store.password"))
        }
        if let file = spec.store.tls?.caFile {
            shipped.append(.init(source: .file(file), path: "\(layout.secrets)/store-ca.pem"))
        }
        if let file = certificateFile {
            shipped.append(.init(source: .file(file), path: "\(layout.secrets)/store-cert.pem"))
        }
        if let file = keyFile {
            shipped.append(.init(source: .file(file), path: "\(layout.secrets)/store-key.pem"))
        }
        return shipped
    }

    private func rolesStep() -> PlannedStep {
        let known = Set(sql.roles.map(\.name))
        let roles = [
            RolesChange.Role(
                name: Layout.replicationRole, options: "LOGIN REPLICATION",
                exists: known.contains(Layout.replicationRole)),
            RolesChange.Role(
                name: Layout.rewindRole, options: "LOGIN", functions: Self.rewindFunctions,
                exists: known.contains(Layout.rewindRole)),
        ]
        return PlannedStep(
            host: primary.name,
            kind: .roles(RolesChange(server: local, roles: roles, secretsDirectory: layout.secrets)),
            effect: .database,
            summary: "create the roles \(Layout.replicationRole) and \(Layout.rewindRole) (no superuser)",
            estimate: StepEstimate(.milliseconds(300)), undo: "drop the roles that this step created")
    }

    /// What pg_rewind needs without superuser (PostgreSQL documentation, pg_rewind, Notes).
    static let rewindFunctions = [
        "pg_catalog.pg_ls_dir(text, boolean, boolean)", "pg_catalog.pg_stat_file(text, boolean)",
        "pg_catalog.pg_read_binary_file(text)", "pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)",
    ]

    private func hbaSteps() throws(PlanningError) -> [PlannedStep] {
        // A member that comes later must be let in by those that may lead one day, too.
        let adopted = replicas.filter { isAdopted($0) }
        var steps: [PlannedStep] = []
        for host in [primary] + adopted {
            guard host.name == primary.name || facts.host(host.name)?.servers.contains(where: {
                $0.control?.systemIdentifier == control.systemIdentifier && $0.hbaText != nil
            }) == true else { continue }
            if let step = try hbaStep(host) { steps.append(step) }
        }
        return steps
    }

    /// Nil: the rules are there already.
    func hbaStep(_ host: HostSpec) throws(PlanningError) -> PlannedStep? {
        let change = try hbaChange(of: host)
        if change.edit.changesNothing { return nil }
        return PlannedStep(
            host: host.name, kind: .hba(change), effect: .reload,
            summary: (departures.isEmpty
                ? "add \(hbaRules(of: host).count) rules for our roles to the top of \(change.edit.path), reload, "
                : "leave only the \(hbaRules(of: host).count) rules of the members that stay in our block of "
                    + "\(change.edit.path), reload, ")
                + "and prove them by a connection from \(change.probes.first?.host ?? "the primary")",
            estimate: StepEstimate(.seconds(1)),
            undo: "remove the block and reload; done within 10 s by the step itself when its proof fails")
    }

    private func settingsStep() throws(PlanningError) -> PlannedStep {
        let (settings, _) = settingsOfPrimary()
        let path = settingsFile(of: primary).path
        let include = try includeLine(of: primary)
        let file = try includeFile(of: primary, standby: nil)
        let changed = settings.filter { $0.isReloadable && $0.old != $0.new }
        return PlannedStep(
            host: primary.name,
            kind: .settings(SettingsChange(server: local, file: file, include: include, settings: settings)),
            effect: .reload,
            summary: "write \(path) and reload: "
                + (changed.isEmpty
                    ? "no running value changes"
                    : changed.map { "\($0.name) \($0.old) -> \($0.new)" }.joined(separator: ", ")),
            estimate: StepEstimate(.milliseconds(500)), undo: "remove the file and reload")
    }

    private func storeSteps() -> [PlannedStep] {
        let entries = storeEntries().filter { storeValue($0.key) == nil }
        if entries.isEmpty { return [] }
        return [
            PlannedStep(
                host: primary.name, kind: .store(StoreChange(prefix: storePrefix, entries: entries)), effect: .store,
                summary:
                    "write \(entries.map(\.key).joined(separator: " and ")) below \(storePrefix), "
                    + "only if they do not exist",
                estimate: StepEstimate(.milliseconds(200)), undo: "delete the keys while no agent holds the lease")
        ]
    }

    func legacyUnitStep(_ change: LegacyUnitChange, _ host: HostSpec) -> PlannedStep {
        PlannedStep(
            host: host.name, kind: .legacyUnit(change), effect: .service,
            summary: change.postmaster == nil
                ? "keep \(change.unit) from starting a server here, also at boot"
                : "take the server from \(change.unit) without stopping it; the unit can no longer start or stop it",
            estimate: StepEstimate(.seconds(1)),
            undo:
                "remove the drop-in and \(change.marker.path), reload systemd; "
                + "the unit owns the server again at its next start"
        )
    }

    func agentStep(_ host: HostSpec) throws(PlanningError) -> PlannedStep {
        let change = try agentChange(of: host)
        let deed =
            if change.role == .leader {
                "takes over process \(server.postmasterPID) as it runs and gets the lease"
                    + (isRelayed
                        ? "; until the next planned restart it relays replication from "
                            + "\(HostPort(host: host.address, port: spec.replicas.portOfRelay)) to the server's socket"
                        : "")
            } else if let postmaster = change.postmaster {
                "takes over process \(postmaster.pid), the standby, as it runs"
            } else {
                "starts the server as a standby of \(primary.name)"
            }
        return PlannedStep(
            host: host.name, kind: .agent(change), effect: .service, summary: "start \(layout.unit): it \(deed)",
            estimate: StepEstimate(change.role == .leader ? .seconds(2) : .seconds(3)),
            undo: change.postmaster != nil
                ? "stop and disable the agent; the server runs on"
                : "stop and disable the agent, then the standby it started")
    }

    func transferTime(_ bytes: ByteCount, perSecond: Int64) -> Duration {
        .milliseconds(1000 + bytes.rawValue / max(1, perSecond / 1000))
    }
}
