import Facts
import Inventory
import PostgresModel

/// Is the store fit for the lease?
let storeHealthRules: [Rule] = [
    Rule(
        "store.version", "etcd's version is supported", fails: "before 3.4", warns: "endpoints run different versions",
        why: "Leases and transactions as the agent uses them need 3.4.", remedy: "Upgrade etcd.", .service
    ) { picture in
        let versions = Set(picture.facts.store.endpoints.compactMap(\.version))
        guard !versions.isEmpty else { return [] }
        let old = versions.filter { version in
            let parts = version.split(separator: ".").compactMap { Int($0) }
            return parts.count >= 2 && (parts[0], parts[1]) < (3, 4)
        }.sorted()
        if !old.isEmpty { return [.fail(nil, "etcd \(listed(old))")] }
        return versions.count > 1 ? [.warn(nil, "etcd \(listed(versions.sorted()))")] : [.ok(nil, "etcd \(versions.first ?? "")")]
    },
    Rule(
        "store.latency", "the store answers fast enough for the RTO class",
        fails: "the slowest of its reads takes over a quarter of retry_timeout", warns: "over 100 ms",
        why: "A lease that cannot be renewed in time is lost: the cluster would fail over for nothing.",
        remedy: "A slower RTO class, or faster disks and links for etcd.", .none
    ) { picture in
        guard let time = picture.facts.store.slowestReadMilliseconds ?? picture.facts.store.readMilliseconds else { return [] }
        let limit = Double(picture.spec.rto.timers.retryTimeout.components.seconds) * 250
        let summary = "\((time * 10).rounded() / 10) ms for a linearizable read; class \(picture.spec.rto.rawValue) bears \(Int(limit)) ms"
        if time > limit { return [.fail(nil, summary)] }
        return time > 100 ? [.warn(nil, summary)] : [.ok(nil, summary)]
    },
    Rule(
        "store.alarms", "etcd raises no alarm", fails: "NOSPACE or CORRUPT is raised, or a member reports an error",
        why: "With NOSPACE raised etcd takes no write: no lease can be had.", remedy: "Compact, defragment, disarm; see etcd's documentation.", .service
    ) { picture in
        guard let alarms = picture.facts.store.alarms else { return [] }
        return alarms.isEmpty ? [.ok(nil, "none")] : [.fail(nil, listed(alarms))]
    },
    Rule(
        "store.space", "etcd's database is small", warns: "over 1.5 GB, near its default quota of 2 GB",
        why: "At its quota etcd takes no more writes.", remedy: "Compact and defragment it; see who else writes there.", .service
    ) { picture in
        guard let size = picture.facts.store.endpoints.compactMap(\.databaseSize).max() else { return [] }
        return size > ByteCount(1_500_000_000) ? [.warn(nil, "\(size)")] : [.ok(nil, "\(size)")]
    },
    Rule(
        "store.places", "no single host takes the store with it", warns: "more than half of the endpoints are on one host",
        why: "The loss of that host is the loss of the quorum, and with it of every leader.",
        remedy: "Spread the members; a witness host makes the third.", .human
    ) { picture in
        let hosts = picture.spec.store.endpoints.compactMap { endpoint -> String? in
            let plain = endpoint.split(separator: "/").last.map(String.init) ?? endpoint
            return plain.lastIndex(of: ":").map { String(plain[..<$0]) }
        }
        guard hosts.count > 1, let (host, count) = Dictionary(hosts.map { ($0, 1) }, uniquingKeysWith: +).max(by: { $0.value < $1.value })
        else { return hosts.count == 1 ? [.warn(nil, "one endpoint only: \(hosts[0])")] : [] }
        return count * 2 > hosts.count
            ? [.warn(nil, "\(count) of \(hosts.count) endpoints are on \(host)")] : [.ok(nil, "\(Set(hosts).count) hosts")]
    },
]
