import Planning
import PostgresModel

/// A release without the server that was adopted: it is gone for good, and one of its copies leads.
public struct LostServer: Equatable, Sendable {
    /// The host that was adopted as the primary.
    public var host: String
    /// Who leads now.
    public var leader: String

    public init(host: String, leader: String) {
        self.host = host
        self.leader = leader
    }
}

extension Plan {
    /// The acts of a release without the server that was adopted: everything on the other hosts, and the leader goes to
    /// the unit that was written for it at the adoption.
    func releaseActs(
        begun: Set<String>, touched: Set<String>? = nil, replicas fate: ReplicaFate, without lost: LostServer
    ) -> [ReleaseAct] {
        var acts: [ReleaseAct] = []
        for act in releaseActs(begun: begun, touched: touched, replicas: fate, leader: lost.leader) {
            if act.action.host == lost.host { continue }
            var act = act
            switch act.action {
            // On the server that is lost.
            case .undo(let step) where step.kind.name == .slot: continue
            case .promote(let copy) where copy.member == lost.leader: continue
            case .keepStreaming(var copy, let settings):
                copy.sourceHost = lost.leader
                copy.sourceAddress = spec.members.first { $0.name == lost.leader }?.address ?? copy.sourceAddress
                copy.sourcePort = server(of: lost.leader)?.port ?? copy.sourcePort
                act.action = .keepStreaming(copy, settings: settings)
            default: break
            }
            acts.append(act)
        }
        guard let server = server(of: lost.leader), let end = acts.firstIndex(where: { $0.action.isLast }) else {
            return acts
        }
        // The slots of copies that stream on stay.
        let unused = spec.members.filter { fate != .keep || [lost.host, lost.leader].contains($0.name) }
        let names = unused.map { slotName(forMember: $0.name) }
        acts.insert(ReleaseAct(action: .dropSlots(host: lost.leader, server, names: names)), at: end)
        return acts
    }

    /// The server that this plan made or took over on a host.
    private func server(of host: String) -> LocalServer? {
        for step in steps where step.host == host {
            if case .upstream(let change) = step.kind { return change.server }
        }
        guard let copy = copy(on: host) else { return nil }
        return LocalServer(
            osUser: copy.osUser, binDirectory: copy.binDirectory, socketDirectory: primary.socketDirectory,
            port: primary.port)
    }

    /// What such a release cannot restore, in sentences for people.
    public func notRestored(without lost: LostServer) -> [String] {
        var lines = [
            "\(lost.host) is not touched. Should it ever start, its agent and its server must not: keep it off, or "
                + "wipe it.",
            "The files of before were on \(lost.host). \(lost.leader) goes on with the copies made at the adoption, "
                + "our include file and our block in pg_hba.conf among them; take those out when you like.",
        ]
        let roles = steps.compactMap { step -> [String]? in
            if case .roles(let change) = step.kind { change.roles.map(\.name) } else { nil }
        }
        if let names = roles.first, !names.isEmpty {
            lines.append(
                "The roles \(names.joined(separator: " and ")) stay in the database: whether they were there before is "
                    + "known on \(lost.host) only. DROP OWNED BY and DROP ROLE remove them.")
        }
        return lines
    }
}
