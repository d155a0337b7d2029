import Cluster
import JSON
import Planning
import PostgresModel

/// The state of a cluster as the store shows it.
public struct StatusText: Sendable {
    public var style: TextStyle

    public init(style: TextStyle = .plain) { self.style = style }

    public func text(cluster: String, _ view: ClusterView) -> String {
        var lines = [style.bold("Cluster \(cluster)") + "  system identifier \(view.initialize ?? "not set")"]
        if let leader = view.leader {
            lines.append("leader: \(leader.name.printable)")
        } else {
            lines.append(style.red("leader: none holds the lease"))
        }
        if view.isPaused {
            lines.append(style.yellow(
                "paused: agents promote, demote, start and stop nothing by themselves; a lost leader is not replaced"))
        }
        lines.append("")
        let rows = [["member", "role", "state", "timeline", "lag", "address"]] + view.members.map { row($0, view) }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for (index, row) in rows.enumerated() {
            let text = zip(row, widths).map { $0.padded($1) }.joined(separator: "  ").trimmedEnd
            lines.append(index == 0 ? style.dim(text) : text)
        }
        if view.members.isEmpty { lines.append("no member has reported") }
        return (lines + wish(view) + relays(view) + deferred(view)).joined(separator: "\n") + "\n"
    }

    private func wish(_ view: ClusterView) -> [String] {
        guard let wish = view.failover, !wish.isEmpty, let time = wish.scheduledAt else { return [] }
        return ["", "switchover to \(wish.candidate?.printable ?? "the best replica") is planned for \(time.printable)"]
    }

    private func relays(_ view: ClusterView) -> [String] {
        view.relays.flatMap { member, relay -> [String] in
            let carries =
                if let problem = relay.problem {
                    style.red("it does not run: \(problem.printable)")
                } else {
                    "\(relay.connections.map(String.init) ?? "no") connections now"
                        + (relay.certificateEnd.map { ", its certificate ends \(UTCTime(seconds: $0).day)" } ?? "")
                }
            return [""] + style.wrapped(
                "\(member.printable) listens on its own host only: until its next planned restart replicas come "
                    + "through the relay of its agent at \(relay.address.printable); \(carries)", first: "")
        }
    }

    private func deferred(_ view: ClusterView) -> [String] {
        let waiting = DeferredValue.all(view)
        if waiting.isEmpty { return [] }
        var lines = ["", style.yellow("waiting for a planned switchover or restart:")]
        for value in waiting {
            lines += style.wrapped(value.change.printable, first: "  \(value.member.printable)  ")
            lines += style.wrapped("until then \(value.meanwhile)", first: "      ").map(style.dim)
        }
        return lines
    }

    private func row(_ member: Member, _ view: ClusterView) -> [String] {
        let isLeader = member.name == view.leader?.name
        return [
            member.name.printable, isLeader ? "leader" : member.role?.rawValue ?? "unknown",
            member.replicationState?.printable ?? member.state?.rawValue ?? "unknown",
            member.timeline?.description ?? "-", isLeader ? "-" : lag(member, view), member.connURL?.printable ?? "-",
        ]
    }

    private func lag(_ member: Member, _ view: ClusterView) -> String {
        guard let leader = view.status.optime,
            let position = member.replayLSN ?? member.receiveLSN ?? member.xlogLocation
        else { return "unknown" }
        return leader.bytes(ahead: position).description
    }
}

/// A setting of a member that waits for its server's next start, as its key in the store says.
struct DeferredValue: Equatable, Sendable {
    var member: String
    /// Nil: the member does not say which.
    var name: String?
    var running: String?
    var wanted: String?

    static func all(_ view: ClusterView) -> [DeferredValue] {
        view.members.filter(\.pendingRestart).flatMap { member -> [DeferredValue] in
            if member.pendingRestartReason.isEmpty { return [DeferredValue(member: member.name)] }
            return member.pendingRestartReason.map { name, reason in
                DeferredValue(
                    member: member.name, name: name, running: reason["old_value"].map(shown),
                    wanted: reason["new_value"].map(shown))
            }
        }
    }

    private static func shown(_ value: JSON) -> String { value.string ?? value.text }

    var change: String {
        guard let name else { return "settings have changed" }
        guard let running, let wanted else { return name }
        return "\(name)  \(running.isEmpty ? "''" : running) -> \(wanted.isEmpty ? "''" : wanted)"
    }

    var meanwhile: String { name.map { lostMeanwhile($0, wanted: wanted) } ?? "the running values stay in force" }
}

extension ClusterView {
    /// Replication relays that are needed at present.
    fileprivate var relays: [(member: String, relay: RelayReport)] {
        members.compactMap { member in RelayReport(member.other["pgadopt_relay"]).map { (member.name, $0) } }
    }
}

extension ClusterView {
    /// Relays that are needed and do not run, one sentence each.
    public var relayProblems: [String] {
        relays.compactMap { member, relay in relay.problem.map { "no relay on \(member): \($0)" } }
    }
}

/// `status` for programs: Patroni's `GET /cluster` with what else the text shows.
public struct StatusJSON: Sendable {
    public init() {}

    /// - Parameter problems: what makes `status` end with 1, one sentence each.
    public func text(cluster: String, _ view: ClusterView, problems: [String]) -> String {
        var object = view.clusterJSON(scope: cluster).object ?? JSONObject()
        object["problems"] = .array(problems.map(JSON.string))
        object["deferred"] = .array(DeferredValue.all(view).map { value in
            var entry: JSONObject = ["member": .string(value.member)]
            entry["setting"] = value.name.map(JSON.string)
            entry["running"] = value.running.map(JSON.string)
            entry["wanted"] = value.wanted.map(JSON.string)
            entry["meanwhile"] = .string(value.meanwhile)
            return .object(entry)
        })
        let relays = view.relays.map { member, relay -> JSON in
            var entry: JSONObject = ["member": .string(member), "address": .string(relay.address)]
            entry["connections"] = relay.connections.map { .int(Int64($0)) }
            entry["certificate_ends"] = relay.certificateEnd.map { .string(UTCTime(seconds: $0).description) }
            entry["problem"] = relay.problem.map(JSON.string)
            return JSON.object(entry)
        }
        if !relays.isEmpty { object["relays"] = .array(relays) }
        return JSON.object(object).prettyText
    }
}

extension String {
    var trimmedEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
