import Configuration
import Inventory
import PostgresModel

/// The steps that build one replica, and those that end the adoption.
extension PlanContext {
    /// Where a standby runs already, it is not copied: its files are kept, and it is pointed at the primary by ours.
    func replicaSteps(_ name: StepName, _ host: HostSpec) throws(PlanningError) -> [PlannedStep] {
        switch name {
        case .slot: [slotStep(host)]
        case .baseBackup: [standbys[host.name] == nil ? baseBackupStep(host) : backupStep(host)]
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
        return PlannedStep(
            host: host.name,
            kind: .slot(SlotChange(primaryHost: primary.name, server: local, slot: slot, member: host.name)),
            effect: .database, summary: "create the physical slot \(slot) on \(primary.name); it keeps WAL from now on",
            estimate: StepEstimate(.milliseconds(200)), undo: "drop the slot \(slot)")
    }

    private func baseBackupStep(_ host: HostSpec) -> PlannedStep {
        let options = spec.replicas
        var change = BaseBackupChange(
            member: host.name, dataDirectory: dataDirectory(of: host), osUser: osUser(of: host),
            binDirectory: binDirectory(of: host), sourceHost: primary.name, sourceAddress: primary.address,
            sourcePort: sourcePort, role: Layout.replicationRole, passfile: layout.passfile,
            slot: slotName(forMember: host.name), maxRate: options.maxRate, checkpoint: options.checkpoint,
            size: sql.totalSize, systemIdentifier: control.systemIdentifier,
            tablespaces: sql.tablespaces.map(\.location).filter { !$0.isEmpty },
            walDirectory: server.details?.links["pg_wal"], workDirectory: layout.build)
        change.relay = relayAccess
        let estimate = buildEstimate(to: host)
        return PlannedStep(
            host: host.name, kind: .baseBackup(change), effect: .build,
            summary: "copy \(sql.totalSize) from \(primary.name) into \(change.dataDirectory)"
                + (change.tablespaces.isEmpty ? "" : " and \(change.tablespaces.count) tablespaces")
                + (change.walDirectory.map { ", its WAL into \($0)" } ?? "")
                + (options.maxRate.map { ", at most \(ByteCount($0))/s" } ?? ""),
            estimate: estimate,
            undo: "remove the directory, which this step created")
    }

    /// Replicas are built side by side and share what the primary can read and send: half of a known interface's speed
    /// is left to others, and 100 MB/s is what ordinary disks read.
    private func buildEstimate(to host: HostSpec) -> StepEstimate {
        let links = [primary.name, host.name].compactMap { name in
            facts.host(name)?.network.interfaces.compactMap(\.megabits).max()
        }
        let link = links.min().map { Int64($0) * 125_000 / 2 } ?? .max
        let share = min(100 << 20, link) / Int64(max(1, replicas.count { !isAdopted($0) && standbys[$0.name] == nil }))
        let rate = max(1, min(spec.replicas.maxRate ?? .max, share))
        let wait: Duration = spec.replicas.checkpoint == .fast ? .seconds(5) : .seconds(270)
        let time = wait + transferTime(sql.totalSize, perSecond: rate)
        let kept = walRate.map { ByteCount(Int64($0 * (time / .seconds(1)))) }
        return StepEstimate(time, bytes: sql.totalSize, walKept: kept)
    }

    /// WAL in bytes a second: the higher one of the statistics' average and the survey's own sample; nil: not known.
    private var walRate: Double? {
        let sampled = server.details?.walSample.map { Double($0.bytes.rawValue) / max(0.001, $0.seconds) }
        return [sampled, sql.activity?.walBytesPerSecond].compactMap { $0 }.max()
    }

    private func configFilesStep(_ host: HostSpec) throws(PlanningError) -> PlannedStep {
        let paths = configDirectory(of: host).map { [$0] } ?? []
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
