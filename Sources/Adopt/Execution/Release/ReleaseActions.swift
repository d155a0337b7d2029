import Planning

/// What becomes of the replicas that an adoption built.
public enum ReplicaFate: String, CaseIterable, Sendable {
    /// They stream on under their own service unit; what streaming needs on the primary stays too.
    case keep
    /// Each becomes a server of its own.
    case promote
    /// They are stopped, and what the adoption made on their hosts is removed.
    case remove
}

/// One act of a release. A release is a list of them, which people read before it is carried out.
public enum ReleaseAction: Equatable, Sendable {
    /// The agents stop deciding and lift their guards, so that nothing is fenced when they go.
    case pause
    /// Takes a step of the adoption back.
    case undo(PlannedStep)
    /// The standby follows the server that was adopted, with the password file that stays, not with the agent's.
    case keepStreaming(BaseBackupChange, settings: String)
    case stopServer(BaseBackupChange)
    case promote(BaseBackupChange)
    /// Gives the running server to its own service unit.
    case handBack(host: String, LegacyUnitChange, dataDirectory: String)
    /// Drops slots that nobody uses on a leader that was not the adopted server; its agents made them.
    case dropSlots(host: String, LocalServer, names: [String])
    /// Deletes the cluster's keys.
    case forgetKeys(StoreChange)
    /// Removes pgadopt's working directory of this cluster.
    case removeState(host: String)

    /// A sentence for the list that is shown before a release.
    public var text: String {
        switch self {
        case .pause: "pause the cluster: agents lift their guards and decide nothing more"
        case .undo(let step): "\(step.kind.name.rawValue): \(step.undo)"
        case .keepStreaming(let change, let settings):
            "let \(settings) name \(change.passfile), which stays, and reload: the standby streams on"
        case .stopServer(let change): "stop the standby in \(change.dataDirectory)"
        case .promote(let change):
            "promote the standby in \(change.dataDirectory): from now on it is a server of its own"
        case .handBack(_, let change, _): "give the running server to \(change.unit), without a restart"
        case .dropSlots(_, _, let names): "drop the slots \(names.joined(separator: ", ")), those that exist"
        case .forgetKeys(let change): "delete the keys below \(change.prefix)"
        case .removeState: "remove the journal and the working files"
        }
    }

    /// Nil: in the store.
    public var host: String? {
        switch self {
        case .pause, .forgetKeys: nil
        case .undo(let step): step.host
        case .stopServer(let change), .promote(let change), .keepStreaming(let change, _): change.member
        case .handBack(let host, _, _), .removeState(let host), .dropSlots(let host, _, _): host
        }
    }

    /// Nothing of the agents is left when it comes.
    var isLast: Bool {
        switch self {
        case .forgetKeys, .removeState: true
        default: false
        }
    }

    /// Names the act within its release, such as `h2/undo-slot`; it stays the same when a release is continued.
    public var name: String {
        switch self {
        case .pause: "store/pause"
        case .undo(let step): "\(step.host)/undo-\(step.kind.label)"
        case .keepStreaming(let change, _): "\(change.member)/keep-streaming"
        case .stopServer(let change): "\(change.member)/stop-server"
        case .promote(let change): "\(change.member)/promote"
        case .handBack(let host, _, _): "\(host)/hand-back"
        case .dropSlots(let host, _, _): "\(host)/drop-slots"
        case .forgetKeys: "store/forget-keys"
        case .removeState(let host): "\(host)/remove-state"
        }
    }
}

/// An act, and the step that is taken back once the act is done. A step may take several acts; the journal calls it
/// undone with the last, so that a release that is killed between them repeats them all.
struct ReleaseAct: Equatable, Sendable {
    var action: ReleaseAction
    var completes: String?
}

extension Plan {
    /// The acts that take back what `begun` steps of this plan did, in their order. Pure.
    public func releaseActions(begun: Set<String>, replicas fate: ReplicaFate) -> [ReleaseAction] {
        releaseActs(begun: begun, replicas: fate).map(\.action)
    }

    /// - Parameter touched: steps that were ever begun, those that are undone already included.
    /// - Parameter leader: a copy that leads now, in place of the server that was adopted; it is what remains, so it is
    ///   kept whatever becomes of the others.
    func releaseActs(
        begun: Set<String>, touched: Set<String>? = nil, replicas fate: ReplicaFate, leader: String? = nil
    ) -> [ReleaseAct] {
        let open = steps.filter { begun.contains($0.id) }
        if open.isEmpty { return [] }
        let hasAgents = open.contains { if case .agent = $0.kind { true } else { false } }
        // A replica's agent has no guard to lift; whoever leads goes on until the plan that adopted it is taken back.
        var acts = hasAgents && storePrefix != nil ? [ReleaseAct(action: .pause)] : []
        for step in open.reversed() {
            let actions = actions(for: step, step.host == leader ? .promote : fate)
            for (index, action) in actions.enumerated() {
                acts.append(ReleaseAct(action: action, completes: index == actions.count - 1 ? step.id : nil))
            }
        }
        // A host whose steps are all undone may still have its working directory. The primary's goes last: it holds
        // the journal.
        let hosts = Set(steps.filter { (touched ?? begun).contains($0.id) }.map(\.host))
        acts += hosts.subtracting([primary.host]).sorted().map { ReleaseAct(action: .removeState(host: $0)) }
        return acts + [ReleaseAct(action: .removeState(host: primary.host))]
    }

    private func actions(for step: PlannedStep, _ fate: ReplicaFate) -> [ReleaseAction] {
        let isReplica = step.host != primary.host
        switch step.kind {
        case .lock, .backup, .streaming, .upgrade, .verify, .unlock, .pause, .restart, .storeClient: return []
        // The agents are gone and the keys deleted by now: nobody needs the store any more.
        case .storeAuthority, .storeMember, .managedStore: return [.undo(step)]
        case .bundle, .settings, .run, .upstream, .leave: return [.undo(step)]
        case .store(let change): return [.forgetKeys(change)]
        case .slot, .hba, .secrets:
            // A standby that was taken over needs nothing of ours to stream on as before.
            if isTakenOver(step.host) { return [.undo(step)] }
            if case .secrets = step.kind, !isReplica { return [.undo(step)] }
            return fate == .keep ? [] : [.undo(step)]
        case .roles: return fate == .keep ? [] : [.undo(step)]
        case .baseBackup, .configFiles: return fate == .remove ? [.undo(step)] : []
        case .agent:
            guard isReplica, let copy = copy(on: step.host) else { return [.undo(step)] }
            switch fate {
            case .keep: return [.undo(step)] + keepStreaming(copy)
            case .promote: return [.undo(step), .promote(copy)]
            case .remove: return [.undo(step), .stopServer(copy)]
            }
        case .legacyUnit(let change):
            if !isReplica {
                return [.undo(step), .handBack(host: step.host, change, dataDirectory: primary.dataDirectory)]
            }
            if let standby = takenOver(step.host) {
                return [.undo(step), .handBack(host: step.host, change, dataDirectory: standby.dataDirectory)]
            }
            guard fate != .remove, let copy = copy(on: step.host) else { return [.undo(step)] }
            return [.undo(step), .handBack(host: step.host, change, dataDirectory: copy.dataDirectory)]
        }
    }

    private func keepStreaming(_ copy: BaseBackupChange) -> [ReleaseAction] {
        steps.compactMap { step in
            guard step.host == copy.member, case .configFiles(let change) = step.kind else { return nil }
            return .keepStreaming(copy, settings: change.settings.path)
        }
    }

    /// The standby that ran on a host before, and was taken over in place.
    private func takenOver(_ host: String) -> UpstreamChange? {
        for step in steps where step.host == host {
            if case .upstream(let change) = step.kind { return change }
        }
        return nil
    }

    private func isTakenOver(_ host: String) -> Bool { takenOver(host) != nil }

    /// Where the cluster's keys lie, by the steps that take the primary over; nil: this plan does not.
    var storePrefix: String? {
        for step in steps {
            if case .store(let change) = step.kind { return change.prefix }
            if case .agent(let change) = step.kind, change.role == .leader { return change.storePrefix }
        }
        return nil
    }

    /// The copy that this plan makes on a host.
    func copy(on host: String) -> BaseBackupChange? {
        for step in steps where step.host == host {
            if case .baseBackup(let change) = step.kind { return change }
        }
        return nil
    }
}
