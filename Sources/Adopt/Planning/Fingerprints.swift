import Facts
import Inventory
import PostgresModel

/// What a plan relies on. Taken from the facts; compared again before the first effect of `apply`.
public struct Fingerprints: Codable, Equatable, Sendable {
    public struct Server: Codable, Equatable, Sendable {
        public var host: String
        public var systemIdentifier: SystemIdentifier?
        public var timeline: Timeline?
        public var postmaster: PostmasterIdentity
        public var isInRecovery: Bool?

        public init(
            host: String, systemIdentifier: SystemIdentifier?, timeline: Timeline?, postmaster: PostmasterIdentity,
            isInRecovery: Bool?
        ) {
            self.host = host
            self.systemIdentifier = systemIdentifier
            self.timeline = timeline
            self.postmaster = postmaster
            self.isInRecovery = isInRecovery
        }
    }

    public struct File: Codable, Equatable, Sendable {
        public var host: String
        public var path: String
        /// SHA-256, hexadecimal.
        public var digest: String

        public init(host: String, path: String, digest: String) {
            self.host = host
            self.path = path
            self.digest = digest
        }
    }

    /// A data directory that will be made.
    public struct Target: Codable, Equatable, Sendable {
        public var host: String
        public var path: String
        public var content: TargetFacts.Content

        public init(host: String, path: String, content: TargetFacts.Content) {
            self.host = host
            self.path = path
            self.content = content
        }
    }

    public struct Store: Codable, Equatable, Sendable {
        /// The store's revision at the survey; for people, since other clusters move it too.
        public var revision: Int64?
        /// SHA-256 over the keys and values below the cluster's prefix; nil: the store could not be read.
        public var digest: String?

        public init(revision: Int64?, digest: String?) {
            self.revision = revision
            self.digest = digest
        }
    }

    /// The servers found on the members; a server that appears or goes is drift.
    public var servers: [Server]
    public var files: [File]
    public var targets: [Target]
    public var store: Store

    public init(servers: [Server], files: [File], targets: [Target], store: Store) {
        self.servers = servers
        self.files = files
        self.targets = targets
        self.store = store
    }
}

extension Fingerprints {
    public init(spec: ClusterSpec, facts: ClusterFacts) {
        var servers: [Server] = []
        var files: [File] = []
        var targets: [Target] = []
        for host in facts.hosts where spec.members.contains(where: { $0.name == host.host }) {
            for server in host.servers {
                servers.append(
                    Server(
                        host: host.host, systemIdentifier: server.control?.systemIdentifier,
                        timeline: server.control?.timeline,
                        postmaster: PostmasterIdentity(
                            pid: server.postmasterPID, startTicks: server.postmasterStartTicks),
                        isInRecovery: server.sql?.isInRecovery))
                files += server.configFiles.map { File(host: host.host, path: $0.path, digest: $0.digest) }
            }
            if let target = host.target {
                targets.append(Target(host: host.host, path: target.path, content: target.content))
            }
        }
        let content = facts.store.keys.map { keys in
            sha256(keys.sorted { $0.key < $1.key }.compactMap { Self.lasting($0.key, $0.value) }.joined())
        }
        self.init(
            servers: servers, files: files, targets: targets,
            store: Store(revision: facts.store.revision, digest: content))
    }

    /// What of a key a plan relies on. The agents of an adopted cluster report every few seconds how far they are:
    /// of a member's key only its being there counts, of the cluster's status nothing.
    private static func lasting(_ key: String, _ value: String) -> String? {
        let words = key.split(separator: "/")
        if words.last == "status" || words.last == "failsafe" || words.suffix(2) == ["optime", "leader"] { return nil }
        let isMember = words.dropLast().last == "members"
        return "\(key)\u{0}\(isMember ? "" : value)\u{0}"
    }
}
