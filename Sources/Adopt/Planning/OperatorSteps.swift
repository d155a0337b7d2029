/// A command of the operator's in a playbook (`run:`).
public struct OperatorCommand: Equatable, Sendable {
    /// On which hosts it runs.
    public enum Hosts: Equatable, Sendable {
        case primary
        /// The replica that is being built; only in the section `replica`.
        case replica
        case replicas
        case members
        case named([String])
    }

    /// Unique in the playbook; the step's id ends with it.
    public var name: String
    /// A script for /bin/sh. It may be run twice: when apply was killed while it ran.
    public var command: String
    public var hosts: Hosts
    public var effect: StepEffect
    /// A script that takes it back; nil: nothing does.
    public var undo: String?
    /// The OS user it runs as.
    public var user: String
    /// Seconds; after that it counts as failed.
    public var timeout: Int
    /// Where in the playbook it stands: `file:line:column`.
    public var place: String
}

/// A point in a playbook where apply stops (`pause:`).
public struct OperatorPause: Equatable, Sendable {
    /// Unique in the playbook; the step's id ends with it.
    public var name: String
    /// What the person who is asked reads.
    public var message: String
    /// Where in the playbook it stands: `file:line:column`.
    public var place: String
}

/// The operator's own command on one host.
public struct RunChange: Codable, Equatable, Sendable {
    public var name: String
    /// Run by /bin/sh, given on standard input, so that nothing of it shows in process lists.
    public var command: String
    public var undo: String?
    public var user: String
    /// Seconds.
    public var timeout: Int
    /// `file:line:column` of the playbook.
    public var place: String
}

/// A person is asked before the next step; a run without one stops here, and `apply --continue` goes on.
public struct PauseChange: Codable, Equatable, Sendable {
    public var name: String
    public var message: String
    /// `file:line:column` of the playbook.
    public var place: String
}

extension PlanContext {
    /// The steps of a command, one a host.
    /// - Parameter replica: the replica whose section it stands in.
    func runSteps(_ run: OperatorCommand, replica: String? = nil) throws(PlanningError) -> [PlannedStep] {
        try hosts(of: run, replica: replica).map { host in
            var step = PlannedStep(
                host: host,
                kind: .run(RunChange(
                    name: run.name, command: run.command, undo: run.undo, user: run.user, timeout: run.timeout,
                    place: run.place)),
                effect: run.effect, summary: "run the playbook's command \(run.name) as \(run.user)",
                estimate: StepEstimate(.seconds(1)),
                undo: run.undo == nil ? "nothing: the playbook names no undo" : "run the playbook's undo command")
            if let replica, replica != host { step.id += "-for-\(replica)" }
            return step
        }
    }

    private func hosts(of run: OperatorCommand, replica: String?) throws(PlanningError) -> [String] {
        switch run.hosts {
        case .primary: return [primary.name]
        case .replica: return [replica ?? primary.name]
        case .replicas: return replicas.map(\.name)
        case .members: return [primary.name] + replicas.map(\.name)
        case .named(let names):
            let known = spec.hosts.map(\.name)
            for name in names where !known.contains(name) {
                throw PlanningError(
                    .unsupported,
                    "\(run.place): no host '\(name)' in cluster \(spec.name); allowed: primary, replicas, members, "
                        + known.joined(separator: ", "))
            }
            return names
        }
    }

    func pauseStep(_ pause: OperatorPause, replica: String? = nil) -> PlannedStep {
        PlannedStep(
            host: replica ?? primary.name,
            kind: .pause(PauseChange(name: pause.name, message: pause.message, place: pause.place)),
            effect: .none, summary: "stop until a person says go on: \(pause.message)",
            estimate: StepEstimate(.zero), undo: "changes nothing")
    }
}
