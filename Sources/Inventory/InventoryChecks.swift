import PostgresModel
import YAML

/// Checks that need more than one value.

/// Roles, addresses and names of one cluster's hosts.
func checkHosts(
    _ cluster: YAMLMapping.Entry, _ hosts: [(YAMLMapping.Entry, HostSpec)], _ report: inout Diagnostics
) {
    guard let section = cluster.value["hosts"], section.mapping != nil else { return }
    checkRoles(cluster.key.excerpt, hosts, at: section.position, &report)
    checkAddresses(hosts, &report)
    checkSlots(hosts, &report)
    let names = Set(hosts.map(\.1.name))
    for (entry, host) in hosts {
        guard let upstream = entry.value["tags"]?["replicatefrom"], let name = upstream.asText else { continue }
        guard !names.contains(name) || name == host.name else { continue }
        let problem =
            name == host.name ? "is the host itself" : "is '\(name.excerpt)', which is no host of this cluster"
        report.error(
            "'replicatefrom' \(problem)", at: upstream.position,
            suggestion: nearest(to: name, among: names.subtracting([host.name]).sorted()))
    }
}

private func checkRoles(
    _ cluster: String, _ hosts: [(YAMLMapping.Entry, HostSpec)], at position: YAMLPosition, _ report: inout Diagnostics
) {
    // A host whose role is malformed has been reported; it could be the one that seems to be missing.
    let isComplete = hosts.allSatisfy { $0.0.value["role"]?.asText.flatMap { HostRole(rawValue: $0) } != nil }
    let having = { (role: HostRole) in
        hosts.filter { $0.0.value["role"]?.asText == role.rawValue }
    }
    let primaries = having(.primary)
    if primaries.isEmpty, isComplete {
        report.error(
            "the cluster '\(cluster)' has no primary", at: position, allowed: "exactly one host with 'role: primary'")
    }
    for (entry, host) in primaries.dropFirst() {
        report.error(
            "'\(host.name.excerpt)' is a second primary beside '\(primaries[0].1.name.excerpt)'",
            at: entry.value["role"]?.position ?? entry.keyPosition, allowed: "exactly one host with 'role: primary'")
    }
    if having(.replica).isEmpty, isComplete {
        report.error(
            "the cluster '\(cluster)' has no replica", at: position, allowed: "at least one host with 'role: replica'")
    }
    for (entry, host) in having(.witness).dropFirst() {
        report.error(
            "'\(host.name.excerpt)' is a second witness", at: entry.value["role"]?.position ?? entry.keyPosition,
            allowed: "at most one host with 'role: witness'")
    }
}

/// Two members at one address would be one server.
private func checkAddresses(_ hosts: [(YAMLMapping.Entry, HostSpec)], _ report: inout Diagnostics) {
    var owners: [String: String] = [:]
    for (entry, host) in hosts {
        let address = host.address.lowercased()
        if let owner = owners[address] {
            let place = entry.value["address"] ?? entry.value["ssh"]?["host"]
            report.error(
                "'\(host.name.excerpt)' has the same address as '\(owner.excerpt)': \(host.address.excerpt)",
                at: place?.position ?? entry.keyPosition, allowed: "one address for each host of a cluster")
        } else {
            owners[address] = host.name
        }
    }
}

/// Different names can lead to one slot name (`db-1`, `db_1`); the second member would steal the first one's slot.
private func checkSlots(_ hosts: [(YAMLMapping.Entry, HostSpec)], _ report: inout Diagnostics) {
    var owners: [String: String] = [:]
    for (entry, host) in hosts where host.role != .witness {
        let slot = slotName(forMember: host.name)
        if let owner = owners[slot] {
            report.error(
                "'\(host.name.excerpt)' and '\(owner.excerpt)' would share the replication slot '\(slot)'",
                at: entry.keyPosition, allowed: "names that differ in more than case, '-', '.' and '_'")
        } else {
            owners[slot] = host.name
        }
    }
}

/// Hosts may serve several clusters, but not on one port.
func checkAcrossClusters(_ clusters: [(YAMLMapping.Entry, ClusterSpec)], _ report: inout Diagnostics) {
    var rest: [Place: String] = [:]
    var postgres: [Place: String] = [:]
    checkManagedPorts(clusters, &report)
    for (entry, cluster) in clusters {
        for host in cluster.members {
            let position = entry.value["hosts"]?.mapping?[host.name]?.keyPosition ?? entry.keyPosition
            let me = "\(cluster.name)/\(host.name)".excerpt
            let restPlace = Place(address: host.address.lowercased(), port: cluster.replicas.restPort)
            if let other = rest[restPlace], !other.hasPrefix(cluster.name + "/") {
                report.error(
                    "the agents of '\(me)' and '\(other)' would both listen at \(restPlace)", at: position,
                    allowed: "another 'rest_port' in one of the clusters")
            }
            rest[restPlace] = me
            guard let port = host.postgres.merged(over: cluster.postgres).port else { continue }
            let place = Place(address: host.address.lowercased(), port: port)
            if let other = postgres[place], !other.hasPrefix(cluster.name + "/") {
                report.error(
                    "'\(me)' and '\(other)' are the same server: \(place)", at: position,
                    allowed: "each server in one cluster")
            }
            postgres[place] = me
        }
    }
}

struct Place: Hashable, CustomStringConvertible {
    var address: String
    var port: Int

    var description: String { "\(address.excerpt) port \(port)" }
}
