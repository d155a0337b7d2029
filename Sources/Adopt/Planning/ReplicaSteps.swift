import Configuration
import Inventory
import PostgresModel

/// The steps that build one replica, and those that end the adoption.
extension PlanContext {
    /// Where a standby runs already, it is not copied: its files are kept, and it is pointed at the primary by ours.
    func replicaSteps(_ name: StepName, _ host: HostSpec) throws(PlanningError) -> [PlannedStep] {
        switch name {
        case .slot: [slotStep(host)]
        case .baseBackup: [standbys[host.name] == nil ? try baseBackupStep(host) : backupStep(host)]
        case .configFiles:
            if let standby = standbys[host.name] {
                try [hbaStep(host), upstreamStep(host, standby)].compactMap { $0 }
            } else {
                [try configFilesStep(host)]
            }
        case .legacyUnit: legacyUnitChange(of: host).map { [legacyUnitStep($0, host)] } ?? []
        case .agent: [try agentStep(host)]
        case .streaming: [streamingStep(host)]
        case .lock, .backup, .bundle, .secrets, .roles, .hba, .settings, .restart, .store, .upstream, .upgrade,
            .storeAuthority, .storeMember, .storeClient, .managedStore:
            []
        case .leave, .verify, .unlock, .run, .pause: []
        }
    }

    func finishSteps(_ name: StepName) -> PlannedStep? {
        switch name {
        case .verify:
            PlannedStep(
                host: primary.name,
                kind: .verify(
                    ClusterCheck(
                        leader: primary.name, members: spec.members.map(\.name), storePrefix: storePrefix,
                        primary: local,
                        postmaster: postmaster, startTime: server.startTime,
                        standbys: standbys.isEmpty ? nil : standbys.mapValues(\.identity))),
                effect: .none,
                summary:
                    "prove that process \(server.postmasterPID) is still the server and every member is in its place",
                estimate: StepEstimate(.seconds(1)), undo: "changes nothing")
        case .unlock:
            PlannedStep(
                host: primary.name, kind: .unlock(LockChange(directory: layout.lock)), effect: .none,
                summary: "give the lock of the cluster back", estimate: StepEstimate(.milliseconds(200)),
                undo: "changes nothing")
        default: nil
        }
    }

    private func slotStep(_ host: HostSpec) -> PlannedStep {
        let slot = slotName(forMember: host.name)
        let source = standbys[host.name] == nil ? cloneHost(for: host) : nil
        var step = PlannedStep(
            host: host.name,
            kind: .slot(SlotChange(primaryHost: primary.name, server: local, slot: slot, member: host.name)),
            effect: .database, summary: "create the physical slot \(slot) on \(primary.name); it keeps WAL from now on",
            estimate: StepEstimate(.milliseconds(200)), undo: "drop the slot \(slot)")
        // Not before the copy can begin: until then the slot would only keep WAL.
        if let source, !isAdopted(source) { step.awaits = [PlannedStep.id(host: source.name, name: .streaming)] }
        return step
    }

    private func baseBackupStep(_ host: HostSpec) throws(PlanningError) -> PlannedStep {
        let options = spec.replicas
        let restore = backrestRestore(of: host)
        let place = walPlace(of: host)
        let clone = cloneHost(for: host)
        var change = BaseBackupChange(
            member: host.name, dataDirectory: dataDirectory(of: host), osUser: osUser(of: host),
            binDirectory: binDirectory(of: host), sourceHost: primary.name, sourceAddress: primary.address,
            sourcePort: sourcePort, role: Layout.replicationRole, passfile: layout.passfile,
            slot: slotName(forMember: host.name), maxRate: options.maxRate,
            latencyLimit: restore == nil ? options.maxLatency : nil, checkpoint: checkpointMode(isOfPrimary: clone == nil),
            size: restore.flatMap { _ in lastBackup?.size } ?? sql.totalSize, systemIdentifier: control.systemIdentifier,
            tablespaces: sql.tablespaces.map(\.location).filter { !$0.isEmpty },
            walDirectory: place.directory, workDirectory: layout.build)
        change.restore = restore
        change.standby = clone.map(copySource)
        change.relay = restore == nil ? relayAccess : nil
        if restore == nil { change.compression = try compression(from: clone ?? primary, to: host) }
        let estimate = buildEstimate(to: host, from: clone ?? primary)
        var left = change.walDirectory.map { ", its WAL into \($0)" } ?? ""
        if case .missing(let path) = place { left = ", its WAL too, since \(host.name) has no \(path)" }
        var summary = "copy \(sql.totalSize) from \((clone ?? primary).name)"
        if let restore { summary = "restore \(restore.backup ?? "the last backup") (\(change.size)) by pgBackRest" }
        summary += " into \(change.dataDirectory)"
        if !change.tablespaces.isEmpty { summary += " and \(change.tablespaces.count) tablespaces" }
        summary += left
        if restore == nil, let rate = options.maxRate { summary += ", at most \(ByteCount(rate))/s" }
        if let method = change.compression { summary += ", packed with \(method.rawValue) on the way" }
        if clone != nil { summary += "; \(primary.name) is spared" }
        return PlannedStep(
            host: host.name, kind: .baseBackup(change), effect: .build, summary: summary,
            estimate: estimate,
            undo: "remove the directory, which this step created")
    }

    /// Replicas that are copied from one server are built side by side and share what it can read and send: half of a
    /// known interface's speed is left to others, and 100 MB/s is what ordinary disks read.
    private func buildEstimate(to host: HostSpec, from source: HostSpec) -> StepEstimate {
        let links = [source.name, host.name].compactMap { name in
            facts.host(name)?.network.interfaces.compactMap(\.megabits).max()
        }
        let link = links.min().map { Int64($0) * 125_000 / 2 } ?? .max
        if spec.replicas.pgBackRest != nil { return restoreEstimate(perSecond: min(100 << 20, link)) }
        let copies = replicas.count { isBuilt($0) && (cloneHost(for: $0) ?? primary).name == source.name }
        let share = min(100 << 20, link) / Int64(max(1, copies))
        let rate = max(1, min(spec.replicas.maxRate ?? .max, share))
        let wait: Duration = checkpointMode(isOfPrimary: source == primary) == .fast ? .seconds(5) : .seconds(270)
        let time = wait + transferTime(sql.totalSize, perSecond: rate)
        let kept = walRate.map { ByteCount(Int64($0 * (time / .seconds(1)))) }
        return StepEstimate(time, bytes: sql.totalSize, walKept: kept)
    }

    /// The repository is not the primary: nothing is shared with it but, at the end, the WAL.
    private func restoreEstimate(perSecond rate: Int64) -> StepEstimate {
        let size = lastBackup?.repositorySize ?? lastBackup?.size ?? sql.totalSize
        let time = Duration.seconds(5) + transferTime(lastBackup?.size ?? sql.totalSize, perSecond: max(1, rate))
        return StepEstimate(time, bytes: size, walKept: walRate.map { ByteCount(Int64($0 * (time / .seconds(1)))) })
    }

    /// A burst of writes is what clients of a busy primary feel most of a whole adoption; without any, it costs nobody
    /// anything, and minutes are saved. A copy of seconds is not worth a wait of minutes.
    private func checkpointMode(isOfPrimary: Bool) -> CheckpointMode {
        // Just now: what it has written on the average says nothing of the hour that was chosen for this.
        let isBusy = isOfPrimary && (sampledWALRate ?? 0) > Double(1 << 20) && sql.totalSize >= ByteCount(256 << 20)
        return spec.replicas.checkpoint ?? (isBusy ? .spread : .fast)
    }

    /// WAL in bytes a second: the higher one of the statistics' average and the survey's own sample; nil: not known.
    private var walRate: Double? {
        [sampledWALRate, sql.activity?.walBytesPerSecond].compactMap { $0 }.max()
    }

    private var sampledWALRate: Double? {
        server.details?.walSample.map { Double($0.bytes.rawValue) / max(0.001, $0.seconds) }
    }

    private func configFilesStep(_ host: HostSpec) throws(PlanningError) -> PlannedStep {
        // What is there is the host's own and stays.
        let missing = server.outsideTLSFiles.filter { facts.host(host.name)?.lacks($0) ?? false }
        let paths = (configDirectory(of: host).map { [$0] } ?? []) + missing
        let standby = ManagedConfiguration.Standby(
            primaryConnInfo: primaryConnection(for: host), primarySlotName: slotName(forMember: host.name))
        let change = ConfigFilesChange(
            sourceHost: primary.name, osUser: osUser(of: host), paths: paths,
            settings: try includeFile(of: host, standby: standby),
            signalFiles: ["\(dataDirectory(of: host))/standby.signal"])
        return PlannedStep(
            host: host.name, kind: .configFiles(change), effect: .none,
            summary: paths.isEmpty
                ? "write the settings of a standby"
                : "copy \(paths.joined(separator: ", ")) from \(primary.name) and write the settings of a standby",
            estimate: StepEstimate(.milliseconds(500)), undo: "remove the files that this step created")
    }

    func primaryConnection(for host: HostSpec) -> ConnectionInfo {
        .replication(
            host: primary.address, port: sourcePort, user: Layout.replicationRole, passfile: layout.passfile,
            applicationName: host.name, extra: relayAccess?.settings ?? [])
    }

    private func streamingStep(_ host: HostSpec) -> PlannedStep {
        PlannedStep(
            host: host.name,
            kind: .streaming(StreamingCheck(member: host.name, primaryHost: primary.name, primary: local)),
            effect: .none, summary: "wait until \(host.name) streams from \(primary.name) and has replayed everything",
            estimate: StepEstimate(.seconds(2)), undo: "changes nothing")
    }
}
