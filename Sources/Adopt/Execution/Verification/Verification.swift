import Facts
import Inventory
import Planning
import PostgresModel

/// One thing that `verify` has proved, or not.
public struct Verdict: Codable, Equatable, Sendable {
    public enum Level: String, Codable, Sendable {
        case ok
        /// The cluster works, and will not in a case that is named.
        case warn
        case fail
    }

    /// Stable, such as `connection.replication`.
    public var name: String
    /// Nil: the cluster as a whole.
    public var host: String?
    public var level: Level
    public var summary: String
    /// What to do; empty when in order.
    public var remedy: String

    public init(_ name: String, host: String? = nil, _ level: Level, _ summary: String, remedy: String = "") {
        self.name = name
        self.host = host
        self.level = level
        self.summary = summary
        self.remedy = level == .ok ? "" : remedy
    }
}

/// Survey and probes -> verdicts. Pure.
public struct Verification: Sendable {
    public var spec: ClusterSpec
    public var facts: ClusterFacts
    public var probes: VerificationProbes

    public init(spec: ClusterSpec, facts: ClusterFacts, probes: VerificationProbes) {
        self.spec = spec
        self.facts = facts
        self.probes = probes
    }

    public var verdicts: [Verdict] {
        leadership() + members() + streaming() + slots() + canary() + connections() + rewind() + standbySettings()
            + reboot() + store() + storeCertificates()
    }

    // MARK: Who leads

    private func leadership() -> [Verdict] {
        let view = AdoptedCluster(spec: spec, facts: facts)
        guard view.identity != nil else {
            return [Verdict(
                "leader", .fail, "the store knows no cluster \(spec.name)", remedy: "Adopt it: pgadopt plan INVENTORY")]
        }
        let writable = spec.members.map(\.name).filter { view.server($0)?.sql?.isInRecovery == false }
        guard let leader = view.leader else {
            return [Verdict(
                "leader", .fail, "no member holds the lease",
                remedy: "Look at pgadopt status and at the agents' journals.")]
        }
        if writable == [leader] {
            return [Verdict("leader", host: leader, .ok, "\(leader) holds the lease and is the only writable server")]
        }
        let names = writable.isEmpty ? "none" : writable.joined(separator: ", ")
        return [Verdict(
            "leader", host: leader, .fail, "\(leader) holds the lease; writable servers: \(names)",
            remedy: "Look at the agents' journals on these hosts.")]
    }

    private func members() -> [Verdict] {
        let view = AdoptedCluster(spec: spec, facts: facts)
        guard let identity = view.identity else { return [] }
        let timeline = view.leader.flatMap { view.server($0)?.control?.timeline }
        return spec.members.map { host in
            if let gone = facts.unreachable.first(where: { $0.host == host.name }) {
                return Verdict("member", host: host.name, .fail, gone.reason, remedy: "Make the host reachable.")
            }
            guard let server = view.server(host.name), let control = server.control else {
                return Verdict(
                    "member", host: host.name, .fail, "no server of this cluster (\(identity)) runs here",
                    remedy: "Look at journalctl -u \(view.layout.unit) on \(host.name).")
            }
            // A standby's control file names the new timeline from its next restartpoint on.
            if let timeline, control.timeline > timeline {
                return Verdict(
                    "member", host: host.name, .fail,
                    "it is on timeline \(control.timeline), ahead of the leader's \(timeline)",
                    remedy: "It has history of its own. Rebuild it: patronictl reinit \(spec.name) \(host.name)")
            }
            return Verdict(
                "member", host: host.name, .ok,
                "process \(server.postmasterPID) with system identifier \(control.systemIdentifier)")
        }
    }

    // MARK: Replication

    private func streaming() -> [Verdict] {
        let view = AdoptedCluster(spec: spec, facts: facts)
        return view.replicas.map { host in
            guard let receiver = view.server(host.name)?.sql?.walReceiver else {
                return Verdict(
                    "streaming", host: host.name, .fail, "it receives no WAL",
                    remedy: "Look at the server's log on \(host.name).")
            }
            let source = receiver.senderHost.map { "\($0):\(receiver.senderPort ?? 5432)" } ?? "?"
            return receiver.status == "streaming"
                ? Verdict("streaming", host: host.name, .ok, "streams from \(source)")
                : Verdict(
                    "streaming", host: host.name, .fail, "its receiver of WAL from \(source) is \(receiver.status)",
                    remedy: "Look at the server's log on \(host.name).")
        }
    }

    private func slots() -> [Verdict] {
        let view = AdoptedCluster(spec: spec, facts: facts)
        guard let leader = view.leader, let sql = view.server(leader)?.sql else { return [] }
        return view.replicas.map { host in
            // A cascading standby has its slot on its own upstream.
            let upstream = view.upstream(of: host.name) ?? leader
            let slots = view.server(upstream)?.sql?.slots ?? sql.slots
            let name = slotName(forMember: host.name)
            guard let slot = slots.first(where: { $0.name == name && !$0.isLogical }) else {
                return Verdict(
                    "slot", host: host.name, .fail,
                    "there is no slot \(name) on \(upstream): WAL it needs may be removed",
                    remedy: "The agent of \(upstream) makes it; look at its journal.")
            }
            if slot.walStatus == "lost" {
                return Verdict(
                    "slot", host: host.name, .fail, "the slot \(name) on \(upstream) has lost WAL that it was to keep",
                    remedy: "Rebuild the member: patronictl reinit \(spec.name) \(host.name)")
            }
            let kept = slot.retainedWAL.map { ", keeps \($0) of WAL" } ?? ""
            return slot.isActive
                ? Verdict("slot", host: host.name, .ok, "slot \(name) on \(upstream) is in use\(kept)")
                : Verdict(
                    "slot", host: host.name, .warn, "nobody uses the slot \(name) on \(upstream)\(kept)",
                    remedy: "The member streams without it, or not at all; look at primary_slot_name on \(host.name).")
        }
    }

    private func canary() -> [Verdict] {
        guard let canary = probes.canary else {
            return [Verdict(
                "canary", .fail, "the leader took no write", remedy: "Look at the server's log on the leader.")]
        }
        return AdoptedCluster(spec: spec, facts: facts).replicas.map { host in
            guard let milliseconds = canary.milliseconds[host.name] else {
                return Verdict(
                    "canary", host: host.name, .fail,
                    "a record written on \(canary.leader) at \(canary.lsn) was not replayed within "
                        + "\(VerificationProbes.canaryLimit.components.seconds) s",
                    remedy: "Look at replay_lag in pg_stat_replication, and for pg_wal_replay_pause() on \(host.name).")
            }
            return Verdict(
                "canary", host: host.name, .ok,
                "a record written on \(canary.leader) at \(canary.lsn) was replayed after \(milliseconds) ms")
        }
    }

    // MARK: After a failover

    /// Each member logs in to each other one, as it will have to when that one leads.
    private func connections() -> [Verdict] {
        VerificationProbes.Purpose.allCases.flatMap { purpose in
            spec.members.map { host in
                let own = probes.connections.filter { $0.from == host.name && $0.purpose == purpose }
                let failed = own.filter { $0.problem != nil }
                let name = "connection.\(purpose.rawValue)"
                let others = spec.members.filter { $0.name != host.name }
                let view = AdoptedCluster(spec: spec, facts: facts)
                if own.isEmpty, purpose == .rewind, others.allSatisfy({ view.isLocal($0.name) }) {
                    return Verdict(
                        name, host: host.name, .ok, "waits for the next planned restart of "
                            + "\(others.map(\.name).joined(separator: " and ")), which listens on its own host only")
                }
                if own.isEmpty {
                    return Verdict(name, host: host.name, .fail, "not tried: the host could not be asked")
                }
                if failed.isEmpty {
                    return Verdict(
                        name, host: host.name, .ok,
                        "logs in to \(own.map(\.to).joined(separator: " and ")) for \(purpose.words)")
                }
                let words = failed.map { "\($0.to): \($0.problem ?? "")" }.joined(separator: "; ")
                return Verdict(
                    name, host: host.name, .fail, "cannot log in for \(purpose.words): \(words)",
                    remedy: "The block of pgadopt at the top of pg_hba.conf there has the rules; look also for a "
                        + "firewall and for listen_addresses.")
            }
        }
    }

    private func rewind() -> [Verdict] {
        let view = AdoptedCluster(spec: spec, facts: facts)
        return spec.members.compactMap { host in
            guard let server = view.server(host.name), let control = server.control else { return nil }
            let hints = server.sql?.setting("wal_log_hints").map { $0 == "on" } ?? control.walLogHints
            if !control.dataChecksums && !hints {
                return Verdict(
                    "rewind", host: host.name, .warn,
                    "neither data checksums nor wal_log_hints: after a failover it is rebuilt whole instead of rewound",
                    remedy: "wal_log_hints = on waits for the next planned restart or switchover.")
            }
            if server.sql?.setting("full_page_writes") == "off" {
                return Verdict(
                    "rewind", host: host.name, .fail, "full_page_writes is off, and pg_rewind needs it",
                    remedy: "Turn it on; a reload is enough.")
            }
            let reason = control.dataChecksums ? "data checksums are on" : "wal_log_hints is on"
            return Verdict("rewind", host: host.name, .ok, "pg_rewind can be used: \(reason)")
        }
    }

    /// A standby must not have less of these than the primary has had, or it stops.
    private func standbySettings() -> [Verdict] {
        let view = AdoptedCluster(spec: spec, facts: facts)
        guard let leader = view.leader, let sql = view.server(leader)?.sql else { return [] }
        let names = [
            "max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions",
            "max_locks_per_transaction",
        ]
        return view.replicas.compactMap { host in
            guard let own = view.server(host.name)?.sql else { return nil }
            let less = names.filter { name in
                guard let here = own.setting(name).flatMap({ Int($0) }),
                    let there = sql.setting(name).flatMap({ Int($0) })
                else { return false }
                return here < there
            }
            return less.isEmpty
                ? Verdict("settings", host: host.name, .ok, "no limit is below the leader's")
                : Verdict(
                    "settings", host: host.name, .fail, "lower than on \(leader): \(less.joined(separator: ", "))",
                    remedy: "Restart the member: patronictl restart \(spec.name) \(host.name)")
        }
    }

    // MARK: After a reboot

    private func reboot() -> [Verdict] {
        let view = AdoptedCluster(spec: spec, facts: facts)
        return spec.members.map { host in
            guard let units = probes.units[host.name] else {
                return Verdict("reboot", host: host.name, .fail, "not tried: the host could not be asked")
            }
            var problems: [String] = []
            if units.agentEnabled != "enabled" { problems.append("\(view.layout.unit) is \(units.agentEnabled)") }
            if units.agentActive != "active" { problems.append("\(view.layout.unit) is \(units.agentActive) now") }
            if !units.hasMarker { problems.append("\(view.layout.marker) is missing") }
            for unit in units.legacy where unit.hasStopCommand || unit.killMode != "none" {
                problems.append("\(unit.name) has its own commands in systemd: another drop-in wins over ours")
            }
            if host.name == view.leader, !units.guardRuns { problems.append("no lease guard runs") }
            if problems.isEmpty {
                let legacy = units.legacy.map(\.name).joined(separator: ", ")
                return Verdict(
                    "reboot", host: host.name, .ok,
                    "the agent starts at boot\(legacy.isEmpty ? "" : "; \(legacy) starts nothing")")
            }
            return Verdict(
                "reboot", host: host.name, .fail, problems.joined(separator: "; "),
                remedy: "Make a plan, which puts it back: pgadopt plan INVENTORY")
        }
    }

    private func store() -> [Verdict] {
        let broken = facts.store.endpoints.filter { $0.error != nil }
        if facts.store.keys == nil {
            return [Verdict("store", .fail, "the store cannot be read", remedy: "Look at etcd on its hosts.")]
        }
        if broken.isEmpty {
            return [Verdict("store", .ok, "all \(facts.store.endpoints.count) etcd endpoints answer")]
        }
        let words = broken.map { "\($0.endpoint): \($0.error ?? "")" }.joined(separator: "; ")
        return [Verdict("store", .warn, words, remedy: "Bring these etcd members back before another one is lost.")]
    }
}

/// The cluster as survey and store show it.
struct AdoptedCluster {
    var spec: ClusterSpec
    var facts: ClusterFacts

    var layout: Layout { Layout(scope: spec.name) }

    private func key(_ name: String) -> String? {
        let namespace = spec.store.namespace.split(separator: "/").joined(separator: "/")
        return facts.store.keys?[name] ?? facts.store.keys?["/\(namespace)/\(spec.name)/\(name)"]
    }

    /// The system identifier below `initialize`.
    var identity: SystemIdentifier? { key("initialize").flatMap { SystemIdentifier($0) } }
    var leader: String? { key("leader").flatMap { name in spec.members.contains { $0.name == name } ? name : nil } }
    var replicas: [HostSpec] { spec.members.filter { $0.name != leader } }

    /// The member's server of this cluster, where it runs.
    func server(_ host: String) -> ServerFacts? {
        guard let identity else { return nil }
        return facts.host(host)?.servers.first { $0.control?.systemIdentifier == identity }
    }

    /// The member's server, as it runs, listens on its own host only.
    func isLocal(_ host: String) -> Bool {
        guard let value = server(host)?.sql?.setting("listen_addresses"),
            let address = spec.members.first(where: { $0.name == host })?.address
        else { return false }
        return ListenAddresses(value).keepsOut(fromAddress: address)
    }

    /// The member a standby streams from, by its receiver's address.
    func upstream(of host: String) -> String? {
        guard let sender = server(host)?.sql?.walReceiver?.senderHost else { return nil }
        return spec.members.first { $0.address == sender || $0.name == sender }?.name
    }
}

extension Verification {
    /// Who leads, and who would take over: the standby that replayed the canary first.
    public var leader: String? { AdoptedCluster(spec: spec, facts: facts).leader }
    public var candidate: String? { probes.canary?.milliseconds.min { ($0.value, $0.key) < ($1.value, $1.key) }?.key }
}
