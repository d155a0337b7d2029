import Facts
import Inventory
import PostgresModel

/// The etcd that pgadopt is asked to run itself.
let managedStoreRules: [Rule] = [
    Rule(
        "store.package", "etcd can be installed",
        fails: "it is not installed and the package lists have none; or what there is is older than 3.4",
        warns: "whether the repositories have it is known only when it is installed",
        why: "A managed store comes from the distribution's packages.",
        remedy: "Refresh the package lists, add a repository that has it, or name an etcd with store.endpoints.", .human
    ) { picture in
        picture.storeHosts.map { host, etcd in
            let version = etcd.program == nil ? etcd.candidate?.version : etcd.version
            if let version, !EtcdFacts.isSupported(version: version) {
                return .fail(host.name, "etcd \(version): 3.4 or later is needed")
            }
            if let program = etcd.program {
                return .ok(host.name, "\(program) \(etcd.version ?? "of an unknown version")")
            }
            if let candidate = etcd.candidate {
                return .ok(host.name, "\(candidate.package) \(candidate.version) will be installed")
            }
            guard let manager = etcd.packageManager, manager != "apt-get" else {
                return .fail(host.name, "no etcd is installed, and no package of it is known here")
            }
            return .warn(host.name, "\(manager) will be asked for the package etcd")
        }
    },
    Rule(
        "store.foreign", "no etcd of somebody else is in the way",
        warns: "an etcd that is not ours runs here",
        why: "Two of them share disk and memory. The other one is never touched.",
        remedy: "Name it with store.endpoints where it may hold this cluster's keys too.", .human
    ) { picture in
        picture.storeHosts.map { host, etcd in
            etcd.foreign.isEmpty
                ? .ok(host.name, etcd.isRunning ? "ours alone" : "none runs")
                : .warn(host.name, "it runs in \(listed(etcd.foreign)), and stays as it is")
        }
    },
    Rule(
        "store.ports", "the store's ports are free", fails: "somebody else listens there",
        why: "A member whose port is taken does not start.",
        remedy: "Other ports with store.managed.client_port and peer_port; or, if it is an etcd, store.endpoints.",
        .human
    ) { picture in
        guard let managed = picture.spec.store.managed else { return [] }
        return picture.storeHosts.map { host, etcd in
            let ports = [managed.clientPort, managed.peerPort]
            if etcd.isRunning { return .ok(host.name, "used by the store itself") }
            let taken = ports.filter(Set(host.facts.listeningPorts).contains)
            return taken.isEmpty
                ? .ok(host.name, "\(listed(ports.map(String.init))) are free")
                : .fail(host.name, "taken: \(listed(taken.map(String.init)))")
        }
    },
    Rule(
        "store.leftovers", "no data of a former store is there",
        fails: "the directory holds data, and no unit of ours is set up for it",
        why: "A member that starts on another store's data takes its identity, or does not start at all.",
        remedy: "Move the directory aside if nobody needs it.", .human
    ) { picture in
        picture.storeHosts.compactMap { host, etcd in
            guard let directory = etcd.directory else { return nil }
            let isForeign = [.otherFiles, .dataDirectory].contains(directory.content) && !etcd.isSetUp
                && !etcd.isRunning && etcd.memberCertificateDays == nil
            return isForeign
                ? .fail(host.name, "\(directory.path) holds files that are not a store of ours")
                : .ok(host.name, "\(directory.path): \(etcd.isSetUp ? "ours" : "free")")
        }
    },
    Rule(
        "store.disk", "the disk under the store is quick and has room",
        fails: "less than 1 GB is free", warns: "a write takes over 10 ms on average, or less than 4 GB is free",
        why: "etcd syncs every write; slow ones cost heartbeats, and with them leases. Its quota is 2 GB.",
        remedy: "A quicker disk below /var/lib, or a slower RTO class.", .human
    ) { picture in
        picture.storeHosts.compactMap { host, etcd in
            guard let directory = etcd.directory, let free = directory.freeSpace else { return nil }
            let time = directory.writeMilliseconds.map { ", \(($0 * 10).rounded() / 10) ms a write" } ?? ""
            let summary = "\(free) free\(time)"
            if free < ByteCount(1 << 30) { return .fail(host.name, summary) }
            return free < ByteCount(4 << 30) || (directory.writeMilliseconds ?? 0) > 10
                ? .warn(host.name, summary) : .ok(host.name, summary)
        }
    },
    Rule(
        "store.certificates", "the store's certificates are good for long",
        fails: "one ends within 7 days, or has ended", warns: "one ends within \(EtcdFacts.renewalDays) days",
        why: "When they end, no agent can renew its lease, and the cluster has no leader.",
        remedy: "pgadopt plan renews them; nothing is restarted.", .none
    ) { picture in
        picture.certificates.map { host, owner, days in
            let summary = "that of \(owner) " + (days < 0 ? "ended \(-days) days ago" : "ends in \(days) days")
            if days < 7 { return .fail(host, summary) }
            return days < EtcdFacts.renewalDays ? .warn(host, summary) : .ok(host, summary)
        }
    },
]

extension ClusterPicture {
    /// Surveyed hosts that run, or will run, the managed store; empty when the store is the owner's.
    var storeHosts: [(Host, EtcdFacts)] {
        let names = spec.store.managed?.members ?? []
        return hosts.compactMap { host in
            guard names.contains(host.name), let etcd = host.facts.etcd else { return nil }
            return (host, etcd)
        }
    }

    /// True: the plan makes the store, or goes on making it. Once agents rely on it, a silent store is a failure.
    var isStoreToCome: Bool { spec.store.managed != nil && !members.contains(where: isAdopted) }

    /// Certificates of the managed store that exist: where, whose, and the days until their end.
    fileprivate var certificates: [(host: String?, owner: String, days: Int)] {
        guard spec.store.managed != nil else { return [] }
        var found: [(String?, String, Int)] = []
        if let days = facts.store.clientCertificateDays { found.append((nil, "this machine", days)) }
        for host in hosts {
            if let days = host.facts.etcd?.memberCertificateDays { found.append((host.name, "the store", days)) }
            if let days = host.facts.etcd?.agentCertificateDays { found.append((host.name, "the agent", days)) }
        }
        return found
    }
}
