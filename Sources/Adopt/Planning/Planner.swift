import Facts
import Inventory
import Preflight

/// Facts + inventory + playbook -> plan. Pure: the same arguments always give the same plan.
public struct Planner: Sendable {
    public var playbook: Playbook
    /// Nil: none was found, which matters only to a plan that installs it.
    public var bundle: BundleSource?
    public var toolVersion: String
    /// RFC 3339, UTC.
    public var createdAt: String
    /// As the operator gave them; the findings are marked already.
    public var waivers: [String] = []
    /// Given: the server may be restarted in it, for settings without which it cannot be adopted.
    public var restartWindow: RestartWindow?
    /// Members that the inventory does not name any more.
    public var departures: [Departure] = []

    public init(playbook: Playbook = .adopt, bundle: BundleSource?, toolVersion: String, createdAt: String) {
        self.playbook = playbook
        self.bundle = bundle
        self.toolVersion = toolVersion
        self.createdAt = createdAt
    }

    /// - Throws: ``PlanningError`` when a fact is missing without which no step can be written down. Failed
    ///   findings are no reason: the plan carries them, and `apply` refuses it.
    public func plan(_ spec: ClusterSpec, _ facts: ClusterFacts, _ findings: [Finding]) throws(PlanningError) -> Plan {
        try PlanContext.refuseLeaving(departures, spec, leader: PlanContext.leader(spec, facts))
        var context = try PlanContext(spec: spec, facts: facts, bundle: bundle, restartWindow: restartWindow)
        let repairs = restartWindow == nil && context.isStoreLost
        // A restart is for the restart alone, and without a store nobody's leaving can be carried out.
        if restartWindow == nil, !repairs { context.departures = departures }
        let playbook = restartWindow != nil ? .restart : repairs ? .storeRepair : playbook
        let steps = try StepList(context, playbook).steps
        var plan = Plan(
            cluster: spec.name, createdAt: createdAt, toolVersion: toolVersion, spec: spec,
            primary: context.primaryServer(), findings: findings,
            fingerprints: Fingerprints(spec: spec, facts: facts),
            deferred: repairs || context.isAdopted(context.primary) ? [] : context.settingsOfPrimary().deferred,
            waivers: waivers, drift: context.serverDrift(),
            remedied: repairs ? checksRemediedByStoreRepair
                : steps.contains { $0.effect == .restart } ? checksRemediedByRestart : [],
            steps: steps)
        if !context.departures.isEmpty { plan.leaving = context.departures.map(\.host) }
        return plan
    }
}

/// The steps of a playbook in their order, each with the steps it waits for.
private struct StepList {
    /// Where a step stands: the sections come one after the other, but the replicas side by side.
    private enum Place: Equatable {
        case cluster, finish
        case replica(String)
    }

    private let context: PlanContext
    private let playbook: Playbook
    private var drafts: [(place: Place, step: PlannedStep)] = []

    init(_ context: PlanContext, _ playbook: Playbook) throws(PlanningError) {
        self.context = context
        self.playbook = playbook
        if !playbook.cluster.names.contains(.managedStore), playbook != .restart,
            try !context.managedStoreSteps().isEmpty
        {
            throw PlanningError(
                .unsupported, "the inventory asks for a managed store, and the playbook has no step 'etcd'")
        }
        for item in playbook.cluster { try append(item, .cluster) }
        for host in context.buildOrder where !playbook.replica.isEmpty && !context.isAdopted(host) {
            for item in playbook.replica { try append(item, .replica(host.name), host) }
        }
        // Lock and backup alone are no work: an adopted cluster has nothing to do.
        if drafts.allSatisfy({ [.lock, .backup, .run, .pause].contains($0.step.kind.name) }) { drafts = [] }
        if drafts.isEmpty { return }
        for item in playbook.finish { try append(item, .finish) }
    }

    private mutating func append(
        _ item: Playbook.Item, _ place: Place, _ replica: HostSpec? = nil
    ) throws(PlanningError) {
        let steps: [PlannedStep] =
            switch item {
            case .run(let command): try context.runSteps(command, replica: replica?.name)
            case .pause(let pause): [context.pauseStep(pause, replica: replica?.name)]
            case .step(let name):
                if let replica {
                    try context.replicaSteps(name, replica)
                } else if place == .finish {
                    context.finishSteps(name).map { [$0] } ?? []
                } else {
                    try context.clusterSteps(name)
                }
            }
        drafts += steps.map { (place, $0) }
        // Members leave before others come.
        if item == .step(.lock) { drafts += try context.leaveSteps().map { (place, $0) } }
    }

    var steps: [PlannedStep] {
        let ids = Set(drafts.map(\.step.id))
        return drafts.indices.map { index in
            var step = drafts[index].step
            step.prerequisites = (required(step, ids) + barriers(index))
                .reduce(into: []) { unique, id in if id != step.id, !unique.contains(id) { unique.append(id) } }
            return step
        }
    }

    /// The playbook's requirements, written down by id, as far as those steps are in this plan.
    private func required(_ step: PlannedStep, _ ids: Set<String>) -> [String] {
        let primary = context.primary.name
        let name = step.kind.name
        let isReplica = step.host != primary
        var required = Playbook.requirements(of: name, inReplica: isReplica && playbook.replica.names.contains(name))
            .flatMap { requirement, _ in
                [
                    PlannedStep.id(host: step.host, name: requirement),
                    PlannedStep.id(host: primary, name: requirement),
                ]
                .filter(ids.contains).prefix(1)
            }
        switch step.kind {
        case .verify:
            required += drafts.map(\.step).filter { [.streaming, .leave].contains($0.kind.name) }.map(\.id)
        case .leave: required = [PlannedStep.id(host: primary, name: .lock)].filter(ids.contains)
        case .storeAuthority: required.append(PlannedStep.id(host: primary, name: .lock))
        case .storeMember, .storeClient: required.append(PlannedStep.id(host: primary, name: .storeAuthority))
        case .managedStore:
            required += drafts.map(\.step).filter { [.storeMember, .storeClient].contains($0.kind.name) }.map(\.id)
        case .secrets where isReplica: required.append(PlannedStep.id(host: primary, name: .secrets))
        case .hba(let change):
            required += change.probes.map { PlannedStep.id(host: $0.host, name: .secrets) }.filter(ids.contains)
            // A member that the rules shut out has stopped before: its standby would fill the logs.
            required += drafts.map(\.step).filter { $0.kind.name == .leave }.map(\.id)
        case .upstream: required.append(PlannedStep.id(host: step.host, name: .secrets))
        case .slot: required = [PlannedStep.id(host: primary, name: .agent)].filter(ids.contains)
        case .restart: required.append(PlannedStep.id(host: primary, name: .settings))
        case .unlock where playbook == .restart: required.append(PlannedStep.id(host: primary, name: .restart))
        default: break
        }
        if [.secrets, .store, .agent, .unlock].contains(name) {
            required += [PlannedStep.id(host: primary, name: .managedStore)].filter(ids.contains)
        }
        return required
    }

    /// What the operator put between two steps comes between them on all hosts; in the section of a replica, on that
    /// replica's way only.
    private func barriers(_ index: Int) -> [String] {
        let (place, step) = drafts[index]
        let isOwn = { (name: StepName) in name == .run || name == .pause }
        return drafts[..<index].filter { earlier in
            let isSamePath = earlier.place == place || earlier.place == .cluster || place == .finish
            return isSamePath && (isOwn(step.kind.name) || isOwn(earlier.step.kind.name))
        }.map(\.step.id)
    }
}
