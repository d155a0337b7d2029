import Inventory
import PostgresModel

/// A member of the cluster that the inventory does not name any more.
public struct Departure: Equatable, Sendable {
    /// As the plan that adopted it knew it: how to reach it among others.
    public var host: HostSpec
    public var dataDirectory: String
    public var binDirectory: String
    public var osUser: String
    /// Why it cannot be reached; nil: it answers.
    public var unreachable: String?
    /// The operator's word that it will not come back: only what the others have of it is removed.
    public var isGone = false

    /// - Returns: nil when `plan` did not adopt this host.
    public init?(of name: String, adoptedBy plan: Plan) {
        guard let host = plan.spec.members.first(where: { $0.name == name }) else { return nil }
        var found: (data: String, bin: String, user: String)?
        for step in plan.steps where step.host == name {
            switch step.kind {
            case .baseBackup(let change): found = (change.dataDirectory, change.binDirectory, change.osUser)
            case .upstream(let change): found = (change.dataDirectory, change.server.binDirectory, change.server.osUser)
            case .agent(let change) where change.role == .leader:
                found = (plan.primary.dataDirectory, plan.primary.binDirectory, plan.primary.osUser)
            default: break
            }
        }
        guard let found else { return nil }
        self.host = host
        (dataDirectory, binDirectory, osUser) = found
    }

    /// Members that were adopted by one of the plans and that the inventory does not name, but for those that have left
    /// already. Members that somebody else runs, Patroni's for instance, are none of ours.
    /// - Parameters:
    ///   - plans: of this cluster that were carried out, the oldest first.
    ///   - members: names that have a member key in the store.
    public static func all(from plans: [Plan], inventory spec: ClusterSpec, members: Set<String>) -> [Departure] {
        var found: [String: Departure] = [:]
        for plan in plans {
            for host in plan.spec.members where !spec.hosts.contains(where: { $0.name == host.name }) {
                if let departure = Departure(of: host.name, adoptedBy: plan) { found[host.name] = departure }
            }
            for step in plan.steps {
                guard case .leave(let change) = step.kind, !members.contains(change.member) else { continue }
                found[change.member] = nil
            }
        }
        return found.values.sorted { $0.host.name < $1.host.name }
    }
}

/// A member leaves: its agent and its standby are stopped, and the others forget it. Its data and files stay.
public struct LeaveChange: Codable, Equatable, Sendable {
    public var member: String
    public var unit: String
    public var dataDirectory: String
    public var binDirectory: String
    public var osUser: String
    /// True: the host is not touched, since it cannot be reached and will not come back.
    public var isGone: Bool
    public var primaryHost: String
    public var primary: LocalServer
    /// On the primary.
    public var slot: String
    /// `/NAMESPACE/SCOPE/`
    public var storePrefix: String
}

extension PlanContext {
    /// - Throws: ``PlanningError`` when one cannot be reached and was not said to be gone.
    func leaveSteps() throws(PlanningError) -> [PlannedStep] {
        var steps: [PlannedStep] = []
        for departure in departures { steps.append(try leaveStep(departure)) }
        return steps
    }

    private func leaveStep(_ departure: Departure) throws(PlanningError) -> PlannedStep {
        let name = departure.host.name
        let isGone = departure.isGone && departure.unreachable != nil
        if let reason = departure.unreachable, !isGone {
            throw PlanningError(
                .unsupported, host: name,
                "it is a member of \(spec.name) and not in the inventory, so it leaves; but it cannot be reached: "
                    + "\(reason). If it will not come back, --gone \(name) removes only what the others have of it")
        }
        let slot = slotName(forMember: name)
        let change = LeaveChange(
            member: name, unit: layout.unit, dataDirectory: departure.dataDirectory,
            binDirectory: departure.binDirectory, osUser: departure.osUser, isGone: isGone, primaryHost: primary.name,
            primary: local, slot: slot, storePrefix: storePrefix)
        let traces = "its member key and its slot \(slot) on \(primary.name) are removed"
        return PlannedStep(
            host: name, kind: .leave(change), effect: .service,
            summary: isGone
                ? "\(name) leaves the cluster and is gone for good: \(traces); the host itself is not touched"
                : "\(name) leaves the cluster: stop and disable \(layout.unit), stop the standby in "
                    + "\(departure.dataDirectory), whose data stays; \(traces)",
            estimate: StepEstimate(.seconds(4)),
            undo: isGone
                ? "none: add the host to the inventory again"
                : "start its agent (systemctl enable --now \(layout.unit)), then plan with it in the inventory")
    }

    /// - Throws: ``PlanningError`` when the leader is to leave.
    static func refuseLeaving(_ departures: [Departure], _ spec: ClusterSpec, leader: String?) throws(PlanningError) {
        guard let leader, departures.contains(where: { $0.host.name == leader }) else { return }
        throw PlanningError(
            .unsupported, host: leader,
            "it is not in the inventory, so it leaves; but it leads \(spec.name). Switch over first: put it back into "
                + "the inventory, pgadopt switchover INVENTORY, and take it out again")
    }
}
