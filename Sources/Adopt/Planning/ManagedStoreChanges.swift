/// The authority of a managed store, on the control host, and the certificates of those who talk to the store.
public struct StoreAuthorityChange: Codable, Equatable, Sendable {
    /// The common name of the authority.
    public var name: String
    /// On the control host.
    public var directory: String
    /// Members of the cluster whose agents get a certificate; the control host gets one too.
    public var agents: [String]
}

/// A member of the managed store on one host.
public struct StoreMemberChange: Codable, Equatable, Sendable {
    public var member: String
    /// What is installed where the program is missing; nil: the program is there.
    public var package: Package?
    public var program: String
    /// Its OS user; made when the package makes none.
    public var osUser: String
    /// Configuration, certificates and data.
    public var directory: String
    public var configuration: FileWrite
    public var unitFile: FileWrite
    public var unit: String
    /// On the control host: where the authority lies.
    public var authorityDirectory: String
    /// Names and addresses that the member's certificate is valid for.
    public var names: [String]
    public var ports: [Int]

    public struct Package: Codable, Equatable, Sendable {
        /// `apt-get`, `dnf` or `yum`.
        public var manager: String
        public var name: String
        /// The unit of the package itself, which must not start.
        public var unit: String
    }

    public var certificate: String { "\(directory)/tls/member.pem" }
    public var key: String { "\(directory)/tls/member.key" }
    public var authority: String { "\(directory)/tls/ca.pem" }
}

/// New certificates for the agent of a member that is adopted already.
public struct StoreClientChange: Codable, Equatable, Sendable {
    public struct Shipped: Codable, Equatable, Sendable {
        /// On the control host.
        public var source: String
        public var path: String
    }

    public var osUser: String
    public var files: [Shipped]
}

/// The managed store answers: every member, and a read that needs a majority of them.
public struct ManagedStoreCheck: Codable, Equatable, Sendable {
    public var endpoints: [String]
    /// By member; for what their logs say when it fails.
    public var units: [String: String]
    /// What keys of ours begin with.
    public var prefix: String
}
