import PostgresModel

/// What lies where the plan wants a data directory (or, on the primary, where it is).
public struct TargetFacts: Codable, Equatable, Sendable {
    public enum Content: String, Codable, Sendable { case absent, empty, dataDirectory, otherFiles, unreadable }

    public var path: String
    public var content: Content
    /// If there is a data directory: its identity.
    public var control: ControlFacts?
    /// PG_VERSION's text, if there is one.
    public var version: String?
    public var owner: String?
    public var freeSpace: ByteCount?
    public var filesystem: String?
    /// Free space of the file system of pg_wal, where it is another one.
    public var walFreeSpace: ByteCount?
    /// Nil: not known. File systems without a fixed number say 0.
    public var freeInodes: Int64?
    /// As findmnt shows them.
    public var mountOptions: [String] = []
    /// Milliseconds a write took on average since boot, on the block device below.
    public var writeMilliseconds: Double?
    /// Of the file system it is, or would be, on.
    public var mountPoint: String?
    /// The place for pg_wal, where that is not to lie in the data directory.
    public var walPlace: PlaceFacts?
    /// The same question for each tablespace location of the primary.
    public var tablespaces: [TargetFacts]

    public init(
        path: String, content: Content, control: ControlFacts? = nil, version: String? = nil, owner: String? = nil,
        freeSpace: ByteCount? = nil, filesystem: String? = nil, walFreeSpace: ByteCount? = nil,
        tablespaces: [TargetFacts] = []
    ) {
        self.path = path
        self.content = content
        self.control = control
        self.version = version
        self.owner = owner
        self.freeSpace = freeSpace
        self.filesystem = filesystem
        self.walFreeSpace = walFreeSpace
        self.tablespaces = tablespaces
    }
}

/// Another program that manages PostgreSQL's availability or its processes.
public struct RivalFacts: Codable, Equatable, Sendable {
    public var name: String
    public var isRunning: Bool
    /// How it was noticed: a process, a unit, a package.
    public var evidence: String

    public init(name: String, isRunning: Bool, evidence: String) {
        self.name = name
        self.isRunning = isRunning
        self.evidence = evidence
    }
}

/// An agent of ours that runs on the host.
public struct AgentFacts: Codable, Equatable, Sendable {
    public var processID: Int
    /// The unit its cgroup names, if any.
    public var unit: String?
    public var commandLine: [String]

    public init(processID: Int, unit: String? = nil, commandLine: [String] = []) {
        self.processID = processID
        self.unit = unit
        self.commandLine = commandLine
    }

    /// The cluster it keeps, by its unit or its configuration's name; nil: neither is as pgadopt makes them.
    public var cluster: String? {
        if let unit, unit.hasPrefix("pgadopt-agent@"), unit.hasSuffix(".service") {
            return String(unit.dropFirst("pgadopt-agent@".count).dropLast(".service".count))
        }
        let place = "/etc/pgadopt/"
        return commandLine.first { $0.hasPrefix(place) && $0.hasSuffix(".yml") }
            .map { String($0.dropFirst(place.count).dropLast(".yml".count)) }
    }
}

/// The outcome of one TCP connection attempt from a host, with a limit of three seconds.
public struct ReachFacts: Codable, Equatable, Sendable {
    /// `refused`: the address answered that nothing listens there. `unknown`: the host has no tool to try with.
    public enum Outcome: String, Codable, Sendable { case open, refused, timeout, unreachable, noSuchName, unknown }

    public var host: String
    public var port: Int
    public var outcome: Outcome
    /// What the attempt said, for people.
    public var detail: String

    public init(host: String, port: Int, outcome: Outcome, detail: String = "") {
        self.host = host
        self.port = port
        self.outcome = outcome
        self.detail = detail
    }
}
