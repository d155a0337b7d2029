/// The inventory: what the operator says about clusters, hosts and the store. Everything that can be
/// discovered on the hosts is optional here.
public struct Inventory: Hashable, Sendable, Codable {
    public var clusters: [ClusterSpec]

    public init(clusters: [ClusterSpec]) { self.clusters = clusters }
}

/// One cluster: a running primary and the hosts that are to become its replicas.
public struct ClusterSpec: Hashable, Sendable, Codable {
    /// Patroni's scope: the cluster's name in the store, in unit names and in `cluster_name`.
    /// Letters, digits, `-`, `_` and `.`; at most 63 characters.
    public var name: String
    /// How fast a lost leader must be replaced; sets ttl, loop_wait, retry_timeout and the start timeout together.
    public var rto: RTOClass
    /// The primary first, then the replicas in the order of the file, then the witness if there is one.
    public var hosts: [HostSpec]
    public var store: StoreSpec
    public var postgres: PostgresSpec
    public var replicas: ReplicaOptions

    public init(
        name: String, rto: RTOClass = .normal, hosts: [HostSpec], store: StoreSpec, postgres: PostgresSpec = .init(),
        replicas: ReplicaOptions = .init()
    ) {
        self.name = name
        self.rto = rto
        self.hosts = hosts
        self.store = store
        self.postgres = postgres
        self.replicas = replicas
    }

    /// Exactly one host has this role; the reader guarantees it.
    public var primary: HostSpec? { hosts.first { $0.role == .primary } }
    public var replicaHosts: [HostSpec] { hosts.filter { $0.role == .replica } }
    /// The hosts that run PostgreSQL: all but a witness.
    public var members: [HostSpec] { hosts.filter { $0.role != .witness } }
}

/// Recovery-time classes (design, section 4): about 6, 12, 30 and 120 seconds of ttl.
public enum RTOClass: String, CaseIterable, Hashable, Sendable, Codable {
    case fast, normal, safe, wide

    /// The lease's time to live, and Patroni's two other timers. Seconds: 6/2/2, 12/4/4, 30/10/10, 120/20/30.
    public var timers: (ttl: Duration, loopWait: Duration, retryTimeout: Duration) {
        switch self {
        case .fast: (.seconds(6), .seconds(2), .seconds(2))
        case .normal: (.seconds(12), .seconds(4), .seconds(4))
        case .safe: (.seconds(30), .seconds(10), .seconds(10))
        case .wide: (.seconds(120), .seconds(20), .seconds(30))
        }
    }
}

public enum HostRole: String, CaseIterable, Hashable, Sendable, Codable { case primary, replica, witness }

/// One host.
public struct HostSpec: Hashable, Sendable, Codable {
    /// The member's name in the cluster (Patroni's `name`); unique in its cluster.
    public var name: String
    public var role: HostRole
    /// Where the other members and clients reach PostgreSQL and the agent: an address or a DNS name.
    /// Default: the SSH host.
    public var address: String
    public var ssh: SSHSpec
    /// Values that differ from the cluster's `postgres` section.
    public var postgres: PostgresSpec
    /// Patroni tags, `nofailover` and `failover_priority` among them; kept as text.
    public var tags: [String: String]

    public init(
        name: String, role: HostRole, address: String, ssh: SSHSpec, postgres: PostgresSpec = .init(),
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.role = role
        self.address = address
        self.ssh = ssh
        self.postgres = postgres
        self.tags = tags
    }
}

/// How the tool reaches a host. Absent values come from `~/.ssh/config` (asked with `ssh -G`).
public struct SSHSpec: Hashable, Sendable, Codable {
    /// A name, an address or an alias of `~/.ssh/config`.
    public var host: String
    public var port: Int?
    public var user: String?
    /// A private key file. Its passphrase, if any, is read from `passphraseSource`.
    public var identityFile: String?
    public var passphraseSource: SecretSource?
    /// False: do not ask the ssh-agent.
    public var useAgent: Bool
    public var knownHostsFile: String?
    /// A jump host: `[user@]host[:port]` or an alias.
    public var jump: String?
    public var sudo: SudoPolicy

    public init(
        host: String, port: Int? = nil, user: String? = nil, identityFile: String? = nil,
        passphraseSource: SecretSource? = nil, useAgent: Bool = true, knownHostsFile: String? = nil,
        jump: String? = nil, sudo: SudoPolicy = .auto
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.identityFile = identityFile
        self.passphraseSource = passphraseSource
        self.useAgent = useAgent
        self.knownHostsFile = knownHostsFile
        self.jump = jump
        self.sudo = sudo
    }
}

/// `auto`: sudo unless the login user is root. `never`: the login user must be root.
public enum SudoPolicy: String, CaseIterable, Hashable, Sendable, Codable { case auto, never }

/// Where a secret lies; never the secret itself.
public enum SecretSource: Hashable, Sendable, Codable {
    case file(String)
    case environment(String)

    private enum CodingKeys: String, CodingKey { case file, environment }

    /// `{"file": "PATH"}` or `{"environment": "NAME"}`
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .file(let path): try container.encode(path, forKey: .file)
        case .environment(let name): try container.encode(name, forKey: .environment)
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let path = try container.decodeIfPresent(String.self, forKey: .file) {
            self = .file(path)
        } else {
            self = .environment(try container.decode(String.self, forKey: .environment))
        }
    }
}

/// What is known of PostgreSQL on a host; all of it discovered when absent.
public struct PostgresSpec: Hashable, Sendable, Codable {
    /// 1...65535
    public var port: Int?
    public var dataDirectory: String?
    /// The systemd unit or init script that owns the server, such as `postgresql@15-main.service`.
    public var service: String?
    /// The directory of `postgres`, `pg_basebackup` and the other programs.
    public var binDirectory: String?
    /// The operating system's user that owns the data. Default `postgres`.
    public var osUser: String?
    /// Where pg_wal lies, or goes in a copy, when not in the data directory.
    public var walDirectory: String?

    public init(
        port: Int? = nil, dataDirectory: String? = nil, service: String? = nil, binDirectory: String? = nil,
        osUser: String? = nil, walDirectory: String? = nil
    ) {
        self.port = port
        self.dataDirectory = dataDirectory
        self.walDirectory = walDirectory
        self.service = service
        self.binDirectory = binDirectory
        self.osUser = osUser
    }

    /// These values, with those of `other` where absent.
    public func merged(over other: PostgresSpec) -> PostgresSpec {
        PostgresSpec(
            port: port ?? other.port, dataDirectory: dataDirectory ?? other.dataDirectory,
            service: service ?? other.service, binDirectory: binDirectory ?? other.binDirectory,
            osUser: osUser ?? other.osUser, walDirectory: walDirectory ?? other.walDirectory)
    }
}

/// The consensus store.
public struct StoreSpec: Hashable, Sendable, Codable {
    /// `host:port` of etcd's client endpoints, as the control host and the members reach them.
    public var endpoints: [String]
    /// Patroni's namespace; keys live below `/namespace/cluster/`. Default `service`.
    public var namespace: String
    public var tls: TLSSpec?
    public var username: String?
    public var passwordSource: SecretSource?
    /// Given: pgadopt installs and runs this etcd; endpoints and files of TLS are derived from it.
    public var managed: ManagedStoreSpec?

    public init(
        endpoints: [String], namespace: String = "service", tls: TLSSpec? = nil, username: String? = nil,
        passwordSource: SecretSource? = nil, managed: ManagedStoreSpec? = nil
    ) {
        self.managed = managed
        self.endpoints = endpoints
        self.namespace = namespace
        self.tls = tls
        self.username = username
        self.passwordSource = passwordSource
    }
}

/// Files in PEM form.
public struct TLSSpec: Hashable, Sendable, Codable {
    public var caFile: String?
    public var certificateFile: String?
    public var keyFile: String?

    public init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// How replicas are built.
public struct ReplicaOptions: Hashable, Sendable, Codable {
    public static let defaultMaxLatency = 130

    /// Upper bound of one base backup's rate in bytes per second; nil: none.
    public var maxRate: Int64?
    /// `fast` starts at once with a burst of writes; `spread` waits for the next paced checkpoint (minutes); nil: the
    /// second where the primary is being written to.
    public var checkpoint: CheckpointMode?
    /// A copy slows down while statements on the primary take longer than this percentage of what they took before;
    /// nil: it does not.
    public var maxLatency: Int?
    /// What the second and later replicas are copied from; nil: from the first when the database is big.
    public var cloneFrom: CloneSource?
    /// How copies are compressed on their way; nil: as the link and the servers let it seem useful.
    public var compress: CopyCompression?
    /// The agent's REST port. Default 8008.
    public var restPort: Int
    /// Given: replicas are restored from this repository; nil: they are copied by pg_basebackup.
    public var pgBackRest: BackrestSpec?

    /// The port of the replication relay, where a primary that listens on its own host only needs one.
    public var relayPort: Int?

    public init(
        maxRate: Int64? = nil, checkpoint: CheckpointMode? = nil, maxLatency: Int? = defaultMaxLatency,
        cloneFrom: CloneSource? = nil, compress: CopyCompression? = nil, restPort: Int = 8008,
        relayPort: Int? = nil, pgBackRest: BackrestSpec? = nil
    ) {
        self.maxRate = maxRate
        self.checkpoint = checkpoint
        self.maxLatency = maxLatency
        self.cloneFrom = cloneFrom
        self.compress = compress
        self.restPort = restPort
        self.relayPort = relayPort
        self.pgBackRest = pgBackRest
    }

    /// Default: 100 above the REST API's.
    public var portOfRelay: Int { relayPort ?? (restPort <= 65_435 ? restPort + 100 : restPort - 100) }
}

/// What replicas are copied from, where there is a choice.
public enum CloneSource: String, CaseIterable, Hashable, Sendable, Codable { case primary, replica }

/// What pg_basebackup's `--compress=server-METHOD` takes.
public enum CopyCompression: String, CaseIterable, Hashable, Sendable, Codable { case off = "none", gzip, lz4, zstd }

public enum CheckpointMode: String, CaseIterable, Hashable, Sendable, Codable { case fast, spread }
