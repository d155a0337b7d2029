import Facts
import Inventory
import PostgresModel

/// What is installed on a member, and what of it runs.
public struct InstalledAgent: Equatable, Sendable {
    /// SHA-256 of the bundle in `/usr/lib/pgadopt`; nil: none is there.
    public var digest: String?
    /// True: its process runs programs that were replaced since it was started.
    public var isStale: Bool

    public init(digest: String?, isStale: Bool) {
        self.digest = digest
        self.isStale = isStale
    }
}

/// An agent is replaced by that of the installed bundle; its server runs on.
public struct UpgradeChange: Codable, Equatable, Sendable {
    public var member: String
    public var role: AgentChange.Role
    /// The bundle's, which must be installed.
    public var digest: String
    public var unit: String
    public var unitFiles: [FileWrite]
    public var restPort: Int
    /// `/NAMESPACE/SCOPE/`
    public var storePrefix: String
    /// The server's process, which must not change.
    public var postmaster: PostmasterIdentity
}

extension Planner {
    /// New programs for the agents of an adopted cluster, one member after the other, replicas first. Members that have
    /// them already are left out; all have them: the plan is empty.
    /// - Parameter installed: by member.
    /// - Throws: ``PlanningError`` when a member is not adopted, or its server does not run.
    public func upgrade(
        _ spec: ClusterSpec, _ facts: ClusterFacts, installed: [String: InstalledAgent]
    ) throws(PlanningError) -> Plan {
        let context = try PlanContext(spec: spec, facts: facts, bundle: bundle)
        return Plan(
            cluster: spec.name, createdAt: createdAt, toolVersion: toolVersion, spec: spec,
            primary: context.primaryServer(), findings: [], fingerprints: Fingerprints(spec: spec, facts: facts),
            steps: try context.upgradeSteps(installed))
    }
}

extension PlanContext {
    fileprivate func upgradeSteps(_ installed: [String: InstalledAgent]) throws(PlanningError) -> [PlannedStep] {
        guard let bundle else {
            throw PlanningError(.noBundle, "the agent's bundle was not found, and the plan installs it")
        }
        let lock = lockStep()
        var rolling: [PlannedStep] = []
        var standbys: [String: PostmasterIdentity] = [:]
        for host in replicas + [primary] {
            let running = try adoptedServer(of: host)
            if host.name != primary.name { standbys[host.name] = running.identity }
            let present = installed[host.name]
            if present?.digest == bundle.digest, present?.isStale == false { continue }
            // One after the other: whatever a new agent does wrong, it does it to one member.
            let before = rolling.last?.id ?? lock.id
            if present?.digest != bundle.digest {
                var step = bundleStep(host, bundle)
                step.undo = "install the bundle of before with pgadopt upgrade"
                step.prerequisites = [before]
                rolling.append(step)
            }
            var step = upgradeStep(host, running, bundle)
            step.prerequisites = [rolling.last?.id ?? lock.id]
            rolling.append(step)
        }
        guard let last = rolling.last else { return [] }
        var verify = finishSteps(.verify)
        if case .verify(var check)? = verify?.kind {
            check.standbys = standbys
            verify?.kind = .verify(check)
        }
        verify?.prerequisites = [last.id]
        var unlock = finishSteps(.unlock)
        unlock?.prerequisites = [lock.id] + (verify.map { [$0.id] } ?? [])
        return [lock] + rolling + [verify, unlock].compactMap { $0 }
    }

    /// The server that a member's agent runs.
    func adoptedServer(of host: HostSpec) throws(PlanningError) -> ServerFacts {
        let running = facts.host(host.name)?.servers.first {
            $0.control?.systemIdentifier == control.systemIdentifier
        }
        guard isAdopted(host), let running else {
            throw PlanningError(
                .unsupported, host: host.name,
                "it is no running member of \(spec.name): an upgrade is for a cluster that is whole (pgadopt status)")
        }
        return running
    }

    private func upgradeStep(_ host: HostSpec, _ running: ServerFacts, _ bundle: BundleSource) -> PlannedStep {
        let role: AgentChange.Role = host.name == primary.name ? .leader : .replica
        let change = UpgradeChange(
            member: host.name, role: role, digest: bundle.digest, unit: layout.unit, unitFiles: unitFiles(of: host),
            restPort: spec.replicas.restPort, storePrefix: storePrefix, postmaster: running.identity)
        return PlannedStep(
            host: host.name, kind: .upgrade(change), effect: .service,
            summary: "restart \(layout.unit) with the new programs; process \(running.postmasterPID), the "
                + (role == .leader ? "leader" : "standby") + ", runs on and no client is disconnected",
            estimate: StepEstimate(.seconds(3)), undo: "install the bundle of before with pgadopt upgrade")
    }
}
