import PostgresModel
import YAML

extension ValueType {
    /// `store: managed`. The text is not repeated: somebody may have written an address with a password.
    static let managedWord = ValueType.checked(allowed: "managed") { text in
        text == "managed" ? .good : .bad("is text", suggestion: nearest(to: text, among: ["managed"]))
    }
}

/// What the file says of a managed store.
struct ManagedStoreReading {
    /// Where it says so.
    var position: YAMLPosition
    var clientPort: Int
    var peerPort: Int
    var directory: YAMLNode?
}

/// Nil: the store is not a managed one.
func readManagedStore(_ node: YAMLNode, _ report: inout Diagnostics) -> ManagedStoreReading? {
    let section: YAMLNode?
    let position: YAMLPosition
    if node.asText == "managed" {
        (section, position) = (nil, node.position)
    } else {
        guard let entry = node.mapping?["managed"], entry.value.mapping != nil || entry.value.asBool == true else {
            return nil
        }
        (section, position) = (entry.value.mapping == nil ? nil : entry.value, entry.keyPosition)
    }
    let reading = ManagedStoreReading(
        position: position, clientPort: section?["client_port"]?.asInt ?? ManagedStoreSpec.defaultClientPort,
        peerPort: section?["peer_port"]?.asInt ?? ManagedStoreSpec.defaultPeerPort,
        directory: section?["directory"])
    if reading.clientPort == reading.peerPort {
        report.error(
            "'client_port' and 'peer_port' are the same: \(reading.clientPort)",
            at: (section?["peer_port"] ?? section?["client_port"])?.position ?? position, allowed: "two ports")
    }
    return reading
}

/// Enough hosts, and nothing that belongs to an etcd of the owner's.
func checkManagedStore(
    _ node: YAMLNode, _ managed: ManagedStoreReading, _ cluster: YAMLMapping.Entry, _ members: [HostSpec],
    _ report: inout Diagnostics
) {
    for key in ["endpoints", "tls", "username", "password_file", "password_env"] {
        guard let entry = node.mapping?[key] else { continue }
        report.error(
            "'\(key)' is given for a managed store", at: entry.keyPosition,
            allowed: "managed and namespace; the endpoints are the hosts' own, the certificates are made")
    }
    let isComplete = cluster.value["hosts"]?.mapping?.entries.isEmpty == false
    if isComplete, members.count < ManagedStoreSpec.memberCount {
        report.error(
            "a managed store needs \(ManagedStoreSpec.memberCount) hosts, and '\(cluster.key.excerpt)' has "
                + "\(members.count)", at: managed.position,
            allowed: "one more host with 'role: replica' or 'role: witness'")
    }
}

/// Hosts may run the stores of several clusters, but not on one port.
func checkManagedPorts(_ clusters: [(YAMLMapping.Entry, ClusterSpec)], _ report: inout Diagnostics) {
    var owners: [Place: String] = [:]
    for (entry, cluster) in clusters {
        guard let managed = cluster.store.managed else { continue }
        for host in cluster.hosts where managed.members.contains(host.name) {
            for port in [managed.clientPort, managed.peerPort] {
                let place = Place(address: host.address.lowercased(), port: port)
                if let other = owners[place], other != cluster.name {
                    report.error(
                        "the stores of '\(cluster.name.excerpt)' and '\(other.excerpt)' would both listen at \(place)",
                        at: entry.value["store"]?.position ?? entry.keyPosition,
                        allowed: "another 'client_port' and 'peer_port' in one of the clusters, "
                            + "or the endpoints of the other one's store")
                }
                owners[place] = cluster.name
            }
        }
    }
}
