import Facts
import Inventory
import PostgresModel

/// The ways between the hosts, tried from each of them.
let networkRules: [Rule] = [
    Rule(
        "net.reach", "every host reaches every other, and the store",
        fails:
            "what must answer is refused, silent for 3 s, unreachable or has no such name; or a port that is to "
                + "be used is silent",
        warns: "the host has no tool to try them with",
        why: "One-way firewalls are the rule: what works from here need not work from there.",
        remedy: "Open the firewall, or start what should listen.", .human
    ) { picture in
        picture.hosts.map { host in
            if host.facts.reach.isEmpty {
                return .warn(host.name, "no connection was tried", remedy: "See survey.complete.", .human)
            }
            let bad = host.facts.reach.filter { isBroken($0, from: host, picture) }
            if !bad.isEmpty {
                let local = bad[0].host == picture.primary?.spec.address && bad[0].outcome == .refused
                let shown = bad.map { "\($0.host):\($0.port) \($0.outcome.words)" }
                return local
                    ? .fail(
                        host.name, listed(shown), remedy: "See net.listen-addresses; else open the firewall.", .human)
                    : .fail(host.name, listed(shown))
            }
            if host.facts.reach.contains(where: { $0.outcome == .unknown }) {
                return .warn(
                    host.name, "the host has no tool to try connections with", remedy: "Install bash.", .human)
            }
            return .ok(host.name, "\(host.facts.reach.count) connections tried, all ways open")
        }
    },
    Rule(
        "net.quality", "the network is quick and loses nothing",
        warns: "packets to another host were lost, or took over 10 ms on average",
        why: "Leases are kept and replicas acknowledge over these ways; loss looks like failure.",
        remedy: "See the switch and the links; a slower RTO class.", .human
    ) { picture in
        picture.hosts.compactMap { host in
            let echoes = host.facts.network.echoes.filter { $0.received > 0 }
            guard !echoes.isEmpty else { return nil }
            let bad = echoes.filter { $0.received < $0.sent || ($0.average ?? 0) > 10 }.map { echo in
                "\(echo.host): \(echo.received) of \(echo.sent) came back, \(echo.average ?? 0) ms on average"
            }
            let slowest = echoes.compactMap(\.maximum).max() ?? 0
            return bad.isEmpty
                ? .ok(host.name, "no loss to \(echoes.count) hosts, \(slowest) ms at most")
                : .warn(host.name, listed(bad))
        }
    },
    Rule(
        "net.mtu", "full packets get through", fails: "packets of full size vanish on the way to another host",
        why: "A base backup stalls for ever behind such a black hole, while short tests all pass.",
        remedy: "The same MTU everywhere, or let ICMP \"fragmentation needed\" pass.", .human
    ) { picture in
        picture.hosts.compactMap { host in
            let echoes = host.facts.network.echoes.filter { $0.carriesFullPackets != nil }
            let small = host.facts.network.interfaces.compactMap(\.mtu).min().map { $0 < 1500 } ?? false
            guard !echoes.isEmpty, !small else { return nil }
            let holes = echoes.filter { $0.carriesFullPackets == false }.map(\.host)
            return holes.isEmpty
                ? .ok(host.name, "1,500 bytes to \(echoes.count) hosts")
                : .fail(host.name, "1,500 bytes do not reach \(listed(holes))")
        }
    },
    Rule(
        "net.link-speed", "links are fast enough for a copy", warns: "the fastest interface has less than 400 Mbit/s",
        why: "It bounds the base backup, and the WAL a replica can follow.",
        remedy: "A faster link; see build.estimate.", .human
    ) { picture in
        picture.members.compactMap { host in
            guard let speed = host.facts.network.interfaces.compactMap(\.megabits).max() else { return nil }
            return speed < 400 ? .warn(host.name, "\(speed) Mbit/s") : .ok(host.name, "\(speed) Mbit/s")
        }
    },
    Rule(
        "net.names", "names mean the same machine everywhere",
        fails: "two hosts resolve a name of the inventory to different addresses, or one not at all",
        warns: "a name means the host itself by a loopback address",
        why: "Members find each other by these names, in connection strings, keys and certificates.",
        remedy: "Use addresses in the inventory, or make DNS and /etc/hosts agree.", .human
    ) { picture in
        let names = Set(picture.spec.members.map(\.address).filter { IPAddress($0) == nil })
        if names.isEmpty { return picture.hosts.isEmpty ? [] : [.ok(nil, "the inventory uses addresses")] }
        return names.sorted().flatMap { name -> [Issue] in
            let views = picture.hosts.compactMap { host in host.facts.network.names[name].map { (host.name, $0) } }
            if let blind = views.first(where: { $0.1.isEmpty }) { return [.fail(blind.0, "cannot resolve \(name)")] }
            let loops = views.filter { $0.1.contains { IPAddress($0)?.isLoopback == true } }
            let others = views.filter { view in !loops.contains { $0.0 == view.0 } }
            if let first = others.first, let other = others.first(where: { $0.1 != first.1 }) {
                return [.fail(other.0, "\(name) is \(listed(other.1)), for \(first.0) it is \(listed(first.1))")]
            }
            if let own = loops.first { return [.warn(own.0, "\(name) is \(listed(own.1)) here")] }
            return views.isEmpty ? [] : [.ok(nil, "\(name) is \(listed(views[0].1)) for all \(views.count) hosts")]
        }
    },
    Rule(
        "net.source-address", "hosts come from the address of the inventory",
        warns: "a host's packets to another member come from another address",
        why: "pg_hba.conf's rules are for the inventory's addresses; what comes from another one is refused.",
        remedy: "Name that address in the inventory, or correct the route.", .human
    ) { picture in
        picture.members.compactMap { host in
            guard IPAddress(host.spec.address) != nil else { return nil }
            let others = Set(picture.members.map(\.spec.address)).subtracting([host.spec.address])
            let known = host.facts.network.sourceAddresses.filter { others.contains($0.key) }
            guard !known.isEmpty else { return nil }
            let odd = known.filter { $0.value != host.spec.address }.map { "\($0.value) to \($0.key)" }.sorted()
            return odd.isEmpty ? .ok(host.name, host.spec.address) : .warn(host.name, "comes from \(listed(odd))")
        }
    },
    Rule(
        "net.idle-drop", "idle connections live",
        warns: "connection tracking forgets them in under 2 hours, sooner than tcp_keepalives_idle speaks",
        why: "Replication over a connection that a firewall forgot ends without a word.",
        remedy: "tcp_keepalives_idle = 60.", .reload
    ) { picture in
        let keepalive = picture.seconds("tcp_keepalives_idle").flatMap { $0 > 0 ? $0 : nil } ?? 7200
        return picture.members.compactMap { host in
            guard let idle = host.facts.kernel.connectionTrackingIdle else { return nil }
            let summary =
                "forgotten after \(spoken(seconds: Double(idle))), keepalives after \(spoken(seconds: keepalive))"
            return idle < 7200 && Double(idle) <= keepalive ? .warn(host.name, summary) : .ok(host.name, summary)
        }
    },
]

/// True: what must answer does not, or the way to a port that is to be used is closed.
private func isBroken(_ try: ReachFacts, from host: ClusterPicture.Host, _ picture: ClusterPicture) -> Bool {
    switch `try`.outcome {
    case .open, .unknown: return false
    case .timeout, .unreachable, .noSuchName: return `try`.host != host.spec.address
    case .refused:
        if `try`.host == host.spec.address { return false }
        let isStore = picture.spec.store.endpoints.contains {
            $0.hasSuffix("\(`try`.host):\(`try`.port)") || $0.hasSuffix("[\(`try`.host)]:\(`try`.port)")
        }
        if isStore { return !picture.isStoreToCome }
        // A server or agent that is still to come refuses; that way is open.
        guard let peer = picture.members.first(where: { $0.spec.address == `try`.host }) else { return false }
        if `try`.port == picture.spec.replicas.restPort { return picture.hasAgent(peer) }
        if picture.isRelayed, peer.name == picture.primary?.name {
            return `try`.port == picture.spec.replicas.portOfRelay && picture.hasAgent(peer)
        }
        return peer.name == picture.primary?.name || picture.isAdopted(peer) && !peer.facts.servers.isEmpty
            || picture.standby(on: peer) != nil
    }
}

extension ReachFacts.Outcome {
    var words: String {
        switch self {
        case .open: "answers"
        case .refused: "refuses connections"
        case .timeout: "does not answer within 3 s"
        case .unreachable: "is unreachable"
        case .noSuchName: "has a name this host cannot resolve"
        case .unknown: "was not tried"
        }
    }
}
