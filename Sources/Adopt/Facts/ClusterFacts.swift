import PostgresModel

/// Everything the survey of one cluster found: its hosts and the store.
public struct ClusterFacts: Codable, Equatable, Sendable {
    public var cluster: String
    /// In the order of the inventory. A host that could not be surveyed is in `unreachable` instead.
    public var hosts: [HostFacts]
    public var unreachable: [UnreachableHost]
    public var store: StoreFacts
    /// When the survey ended, RFC 3339 in UTC.
    public var takenAt: String

    public init(
        cluster: String, hosts: [HostFacts], unreachable: [UnreachableHost] = [], store: StoreFacts, takenAt: String
    ) {
        self.cluster = cluster
        self.hosts = hosts
        self.unreachable = unreachable
        self.store = store
        self.takenAt = takenAt
    }

    public func host(_ name: String) -> HostFacts? { hosts.first { $0.host == name } }
}

public struct UnreachableHost: Codable, Equatable, Sendable {
    public var host: String
    /// What happened and what to do, for people.
    public var reason: String
    /// The check that fails because of it: `ssh.reach`, `ssh.auth`, `ssh.hostkey`, `ssh.sudo`.
    public var check: String

    public init(host: String, reason: String, check: String) {
        self.host = host
        self.reason = reason
        self.check = check
    }
}

/// The consensus store, read linearizably and never written.
public struct StoreFacts: Codable, Equatable, Sendable {
    /// One entry an endpoint; `error` nil when it answered.
    public struct Endpoint: Codable, Equatable, Sendable {
        public var endpoint: String
        public var version: String?
        public var error: String?
        public var databaseSize: ByteCount?

        public init(endpoint: String, version: String? = nil, error: String? = nil) {
            self.endpoint = endpoint
            self.version = version
            self.error = error
        }
    }

    public var endpoints: [Endpoint]
    public var memberCount: Int?
    /// Keys found below `/namespace/scope/`, name to value, nil when the store could not be read.
    public var keys: [String: String]?
    /// The store's revision at the read.
    public var revision: Int64?
    /// Round-trip of one linearizable read, milliseconds.
    public var readMilliseconds: Double?
    /// The slowest of several such reads.
    public var slowestReadMilliseconds: Double?
    /// Alarms and errors that members report; nil: not asked.
    public var alarms: [String]?
    /// Of a managed store: days until this machine's own certificate ends; nil: there is none.
    public var clientCertificateDays: Int?

    public init(
        endpoints: [Endpoint] = [], memberCount: Int? = nil, keys: [String: String]? = nil, revision: Int64? = nil,
        readMilliseconds: Double? = nil
    ) {
        self.endpoints = endpoints
        self.memberCount = memberCount
        self.keys = keys
        self.revision = revision
        self.readMilliseconds = readMilliseconds
    }
}
