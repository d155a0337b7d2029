/// Where pgadopt keeps its things on a member. Everything it makes is at one of these places, so that a person
/// can look at it and `release` can take it away.
public struct Layout: Equatable, Sendable {
    public var scope: String
    public init(scope: String) { self.scope = scope }

    public static let bundle = "/usr/lib/pgadopt"
    public static let unitTemplate = "/etc/systemd/system/pgadopt-agent@.service"
    public static let replicationRole = "pgadopt_replication"
    public static let rewindRole = "pgadopt_rewind"

    public var unit: String { "pgadopt-agent@\(scope).service" }
    /// The agent's configuration, in Patroni's format.
    public var agentConfiguration: String { "/etc/pgadopt/\(scope).yml" }
    /// Passwords, the passfile and the store's certificates; mode 0700, owned by the PostgreSQL OS user.
    public var secrets: String { "/etc/pgadopt/\(scope)" }
    public var passfile: String { "\(secrets)/passfile" }
    public func passwordFile(role: String) -> String { "\(secrets)/\(role).password" }
    /// Journal, lock, backups of configuration files, logs of builds.
    public var state: String { "/var/lib/pgadopt/\(scope)" }
    /// The agent's own; the rest of `state` belongs to root.
    public var agentState: String { "\(state)/agent" }
    public var lock: String { "\(state)/lock" }
    public var journal: String { "\(state)/journal.jsonl" }
    /// Copies of the plans that were applied, by their digests.
    public var plans: String { "\(state)/plans" }
    public func plan(_ digest: String) -> String { "\(plans)/\(digest).json" }
    public var backup: String { "\(state)/backup" }
    public var build: String { "\(state)/build" }
    /// While it exists, the distribution's unit does not start the server.
    public var marker: String { "/etc/pgadopt/\(scope).adopted" }
    /// The transient unit that holds the running server's processes.
    public var serverScope: String { "pgadopt-server-\(scope).scope" }
}
