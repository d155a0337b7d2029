import Facts
import Inventory
import Preflight

/// Facts + inventory + playbook -> plan. Pure: the same arguments always give the same plan.
public struct Planner: Sendable {
    public var playbook: Playbook
    public var bundle: BundleSource
    public var toolVersion: String
    /// RFC 3339, UTC.
    public var createdAt: String

    public init(playbook: Playbook = .adopt, bundle: BundleSource, toolVersion: String, createdAt: String) {
        self.playbook = playbook
        self.bundle = bundle
        self.toolVersion = toolVersion
        self.createdAt = createdAt
    }

    /// - Throws: ``PlanningError`` when a fact is missing without which no step can be written down. Failed
    ///   findings are no reason: the plan carries them, and `apply` refuses it.
    public func plan(_ spec: ClusterSpec, _ facts: ClusterFacts, _ findings: [Finding]) throws(PlanningError) -> Plan {
        let context = try PlanContext(spec: spec, facts: facts, bundle: bundle)
        let steps = try steps(context)
        let isPrimaryAdopted = context.isAdopted(context.primary)
        return Plan(
            cluster: spec.name, createdAt: createdAt, toolVersion: toolVersion, spec: spec,
            primary: context.primaryServer(), findings: findings,
            fingerprints: Fingerprints(spec: spec, facts: facts),
            deferred: isPrimaryAdopted ? [] : context.settingsOfPrimary().deferred, steps: steps)
    }

    private func steps(_ context: PlanContext) throws(PlanningError) -> [PlannedStep] {
        var steps: [PlannedStep] = []
        for name in playbook.cluster { steps += try context.clusterSteps(name) }
        for host in context.replicas where !context.isAdopted(host) {
            for name in playbook.replica { if let step = try context.replicaSteps(name, host) { steps.append(step) } }
        }
        // Lock and backup alone are no work: an adopted cluster has nothing to do.
        if steps.allSatisfy({ [.lock, .backup].contains($0.kind.name) }) { return [] }
        steps += playbook.finish.compactMap(context.finishSteps)
        return withPrerequisites(steps, primary: context.primary.name)
    }

    /// The playbook's requirements, written down by id, as far as those steps are in this plan.
    private func withPrerequisites(_ steps: [PlannedStep], primary: String) -> [PlannedStep] {
        let ids = Set(steps.map(\.id))
        return steps.map { step in
            var step = step
            let name = step.kind.name
            let isReplica = step.host != primary
            var required = Playbook.requirements(of: name, inReplica: isReplica && playbook.replica.contains(name))
                .flatMap { requirement, _ in
                    [
                        PlannedStep.id(host: step.host, name: requirement),
                        PlannedStep.id(host: primary, name: requirement),
                    ]
                    .filter(ids.contains).prefix(1)
                }
            if name == .verify { required += steps.filter { $0.kind.name == .streaming }.map(\.id) }
            if name == .secrets, isReplica { required.append(PlannedStep.id(host: primary, name: .secrets)) }
            if case .hba(let change) = step.kind {
                required += change.probes.map { PlannedStep.id(host: $0.host, name: .secrets) }.filter(ids.contains)
            }
            if name == .slot { required = [PlannedStep.id(host: primary, name: .agent)].filter(ids.contains) }
            step.prerequisites = required.reduce(into: []) { unique, id in if !unique.contains(id) { unique.append(id) }
            }
            return step
        }
    }
}
