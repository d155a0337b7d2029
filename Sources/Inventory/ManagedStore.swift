/// An etcd that pgadopt installs and runs on three hosts of the cluster.
public struct ManagedStoreSpec: Hashable, Sendable, Codable {
    public static let defaultClientPort = 2379
    public static let defaultPeerPort = 2380
    /// Two survive the loss of one; more members would only make every write slower.
    public static let memberCount = 3

    public var clientPort: Int
    public var peerPort: Int
    /// On the control host: the authority's certificate and key, and those of the store's clients.
    public var directory: String
    /// Names of the hosts that run it: the primary, the witness if there is one, replicas in the order of the file.
    public var members: [String]

    public init(
        clientPort: Int = defaultClientPort, peerPort: Int = defaultPeerPort, directory: String, members: [String]
    ) {
        self.clientPort = clientPort
        self.peerPort = peerPort
        self.directory = directory
        self.members = members
    }

    public var authorityFile: String { "\(directory)/ca.pem" }
    public var authorityKeyFile: String { "\(directory)/ca.key" }
    /// The control host's own.
    public var clientCertificateFile: String { "\(directory)/client.pem" }
    public var clientKeyFile: String { "\(directory)/client.key" }
    /// An agent's, by the member's name.
    public func certificateFile(of member: String) -> String { "\(directory)/agent-\(member).pem" }
    public func keyFile(of member: String) -> String { "\(directory)/agent-\(member).key" }
}

/// The hosts of a cluster that run its managed store.
func managedStoreMembers(_ hosts: [HostSpec]) -> [HostSpec] {
    let order: [HostRole] = [.primary, .witness, .replica]
    return Array(order.flatMap { role in hosts.filter { $0.role == role } }.prefix(ManagedStoreSpec.memberCount))
}
