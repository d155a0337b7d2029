import Cluster
import HACore
import JSON
import PostgresModel
import Timekeeping

extension ScenarioWorld {
    /// `connections h2=sync,0/5000000 h3=async,0/4000000,catchup`: what pg_stat_replication shows.
    mutating func setConnections(_ a: Arguments) throws {
        connections = try a.values.sorted { $0.key < $1.key }.map { name, text in
            let parts = text.split(separator: ",").map(String.init)
            return ReplicationConnection(
                name: name, state: parts.count > 2 ? parts[2] : "streaming",
                syncState: try a.parse(parts[0]) { ReplicationConnection.SyncState(rawValue: $0) },
                acknowledged: parts.count > 1 ? try a.parse(parts[1]) { LSN($0) } : nil)
        }
        guard case .running(var running) = observation.server.process else { return }
        running.connections = connections
        observation.server.process = .running(running)
    }

    /// `names 2_(h2,h3)`, `names none`, `names unknown`: synchronous_standby_names in force, from here on.
    mutating func setNames(_ a: Arguments) throws {
        let text = (a.words.first ?? "").split(separator: "_", omittingEmptySubsequences: false).joined(separator: " ")
        switch text {
        case "unknown": setNames(nil)
        case "none": setNames(SynchronousStandbyNames.none)
        default: setNames(try a.parse(text) { SynchronousStandbyNames($0) })
        }
    }

    private mutating func setNames(_ value: SynchronousStandbyNames?) {
        names = value
        guard case .running(var running) = observation.server.process else { return }
        running.synchronousStandbys = value
        observation.server.process = .running(running)
    }

    /// `sync leader=h1 standbys=h2,h3 quorum=1`, `sync none`
    mutating func sync(_ a: Arguments) throws {
        view.revision += 1
        if a.flag("none") { return view.sync = nil }
        view.sync = SyncKey(
            modRevision: view.revision, leader: a.values["leader"], quorum: try a.integer("quorum") ?? 0,
            standbys: a.values["standbys"].map { $0.split(separator: ",").map(String.init) } ?? [])
    }

    /// `restart [at=2026-...] [role=replica] [version=15.4] [timeout=10] [start=...] [pending]`, `restart none`
    mutating func restart(_ a: Arguments) throws {
        if a.flag("none") { return observation.requests.restart = nil }
        observation.requests.restart = RestartRequest(
            schedule: a.values["at"], postmasterStartTime: a.values["start"],
            role: a.values["role"].flatMap(MemberRole.init(rawValue:)), postgresVersion: a.values["version"],
            timeout: try a.number("timeout").map { .seconds($0) }, onlyIfPending: a.flag("pending"))
    }

    /// `reinit [force] [leader]`, `reinit none`
    mutating func reinit(_ a: Arguments) {
        observation.requests.reinitialise =
            a.flag("none") ? nil : ReinitialiseRequest(isForced: a.flag("force"), fromLeader: a.flag("leader"))
    }

    mutating func watchdog(_ a: Arguments) {
        switch a.words.first {
        case "ready": observation.watchdog = .ready
        case "active": observation.watchdog = .active
        case "failed": observation.watchdog = .failed(a.values["why"] ?? "permission denied")
        default: observation.watchdog = .absent
        }
    }

    /// `promise leads-until=110`, `promise to=h2 until=110`, `promise none`
    mutating func promise(_ a: Arguments) throws {
        observation.failsafe = FailsafeObservation(leadUntil: try a.number("leads-until").map { .at($0) })
        guard let leader = a.values["to"], let until = try a.number("until") else { return }
        observation.failsafe.accepted = .init(leader: leader, until: .at(until))
    }

    /// Carries out the last decision's writes to the store and settings, as an agent would, and shows their result.
    mutating func apply() {
        for action in last {
            view.revision += 1
            switch action {
            case .acquireLock:
                guard case .held(let id, _) = observation.lease else { continue }
                view.leader = LeaderKey(
                    name: observation.me, lease: id, createRevision: view.revision, modRevision: view.revision)
            case .releaseLock(let final):
                view.leader = nil
                if let final { view.status.optime = final }
            case .claimInitialize:
                view.initialize = ""
                view.initializeRevision = view.revision
                observation.claim = view.revision
            case .writeInitialize(let identifier, _):
                view.initialize = identifier.description
                view.initializeRevision = view.revision
            case .removeInitialize:
                view.initialize = nil
                view.initializeRevision = 0
                observation.claim = nil
            case .restoreConfig: view.config = ConfigKey(modRevision: view.revision, value: .object([:]))
            case .writeSync(let leader, let standbys, let quorum, _):
                view.sync = SyncKey(modRevision: view.revision, leader: leader, quorum: quorum, standbys: standbys)
            case .removeSync: view.sync = nil
            case .setSynchronousStandbys(let value): setNames(value ?? SynchronousStandbyNames.none)
            case .clearFailover: view.failover = FailoverKey(modRevision: view.revision)
            case .clearRestart: observation.requests.restart = nil
            case .clearReinitialise: observation.requests.reinitialise = nil
            case .stopStreaming: stopStreaming()
            default: continue
            }
        }
    }

    private mutating func stopStreaming() {
        guard case .running(var running) = observation.server.process else { return }
        running.upstream = nil
        running.isStreaming = false
        observation.server.process = .running(running)
    }
}
