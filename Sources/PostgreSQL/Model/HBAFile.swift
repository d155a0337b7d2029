/// pg_hba.conf: its bytes, and the rules in them.
///
/// The grammar is that of PostgreSQL's documentation, section "The pg_hba.conf File" (12 to 18): tokens separated
/// by blanks, quotes that take away a keyword's meaning, comma-separated lists, `#` comments, a backslash at a
/// line's end that continues it (14 and later), include directives (16 and later).
public struct HBAFile: Equatable, Sendable {
    /// The file exactly as it is.
    public private(set) var bytes: [UInt8]
    /// Records and include directives in the order of the file.
    public private(set) var entries: [HBAEntry]

    public init(bytes: [UInt8]) {
        self.bytes = bytes
        entries = HBAParser.entries(of: bytes)
    }

    public init(text: String) { self.init(bytes: Array(text.utf8)) }

    /// The file as text; bytes that are not UTF-8 become replacement characters.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    public var rules: [HBARule] {
        entries.compactMap { if case .rule(let rule) = $0.content { rule } else { nil } }
    }

    /// Lines that PostgreSQL would refuse, as `LINE: reason`.
    public var errors: [String] {
        entries.compactMap { if case .invalid(let reason) = $0.content { "line \($0.line): \(reason)" } else { nil } }
    }

    /// True: rules come from other files too, which this file alone does not show.
    public var hasIncludes: Bool {
        entries.contains { if case .include = $0.content { true } else { false } }
    }
}

/// One logical line that is not blank and not a comment.
public struct HBAEntry: Equatable, Sendable {
    public enum Content: Equatable, Sendable {
        case rule(HBARule)
        /// `include`, `include_if_exists` or `include_dir`, and its argument.
        case include(directive: String, path: String)
        case invalid(String)
    }

    /// The first physical line, from 1.
    public var line: Int
    public var content: Content
}

/// One record of pg_hba.conf.
public struct HBARule: Equatable, Sendable {
    public enum Connection: String, Sendable, CaseIterable { case local, host, hostssl, hostnossl, hostgssenc, hostnogssenc }

    /// A name in the database or user list. Quoted names are never keywords.
    public struct Name: Equatable, Sendable {
        public var text: String
        public var isQuoted: Bool
    }

    public enum Address: Equatable, Sendable {
        /// `local` records have none.
        case none
        case all
        case sameHost
        case sameNet
        case network(IPNetwork)
        /// A host name, or a suffix when it starts with a dot.
        case name(String)
    }

    /// The first physical line of the record, from 1.
    public var line: Int
    public var connection: Connection
    public var databases: [Name]
    public var users: [Name]
    public var address: Address
    /// `trust`, `reject`, `scram-sha-256`, `peer` and so on.
    public var method: String
    /// `name=value` words after the method. May hold secrets.
    public var options: [String]
    /// The record in one line, words joined by blanks, option values hidden when they are secret.
    public var summary: String
}

/// A connection that a server would have to judge.
public struct HBAConnection: Equatable, Sendable {
    public enum Database: Equatable, Sendable { case named(String), replication }

    public var database: Database
    public var user: String
    /// Nil: over the Unix socket.
    public var address: IPAddress?
    /// The client's name, where a rule may name it; the server would ask the resolver.
    public var hostName: String?
    public var usesTLS: Bool
    /// Roles the user is a member of, for `+role`.
    public var roles: Set<String>
    /// The server's own addresses and networks, for samehost and samenet.
    public var serverAddresses: [IPNetwork]

    public init(
        database: Database, user: String, address: IPAddress?, hostName: String? = nil, usesTLS: Bool = false,
        roles: Set<String> = [], serverAddresses: [IPNetwork] = []
    ) {
        self.database = database
        self.user = user
        self.address = address
        self.hostName = hostName
        self.usesTLS = usesTLS
        self.roles = roles
        self.serverAddresses = serverAddresses
    }
}

extension HBAFile {
    /// The rule that decides about a connection: the first that matches, as PostgreSQL takes it. Nil: none, and the
    /// server would refuse. Rules of included files are not seen (``hasIncludes``).
    public func firstMatch(_ connection: HBAConnection) -> HBARule? { rules.first { $0.matches(connection) } }
}

extension HBARule {
    public func matches(_ connection: HBAConnection) -> Bool {
        matchesKind(connection) && matchesAddress(connection) && databases.contains { matches($0, database: connection) }
            && users.contains { matches($0, user: connection) }
    }

    private func matchesKind(_ connection: HBAConnection) -> Bool {
        switch self.connection {
        case .local: connection.address == nil
        case .host, .hostnogssenc: connection.address != nil
        case .hostssl: connection.address != nil && connection.usesTLS
        case .hostnossl: connection.address != nil && !connection.usesTLS
        case .hostgssenc: false
        }
    }

    private func matchesAddress(_ connection: HBAConnection) -> Bool {
        guard let client = connection.address else { return true }
        switch address {
        case .none: return false
        case .all: return true
        case .network(let network): return network.contains(client)
        case .sameHost: return client.isLoopback || connection.serverAddresses.contains { $0.address == client }
        case .sameNet: return client.isLoopback || connection.serverAddresses.contains { $0.contains(client) }
        case .name(let name):
            guard let host = connection.hostName?.lowercased() else { return false }
            return name.hasPrefix(".") ? host.hasSuffix(name.lowercased()) : host == name.lowercased()
        }
    }

    private func matches(_ name: Name, database connection: HBAConnection) -> Bool {
        // `all` does not match replication; `replication` matches nothing else.
        switch connection.database {
        case .replication: return !name.isQuoted && name.text == "replication"
        case .named(let database):
            if !name.isQuoted {
                switch name.text {
                case "all": return true
                case "sameuser": return database == connection.user
                case "samerole", "samegroup": return database == connection.user || connection.roles.contains(database)
                case "replication": return false
                default: break
                }
            }
            return matches(name, literal: database)
        }
    }

    private func matches(_ name: Name, user connection: HBAConnection) -> Bool {
        if !name.isQuoted {
            if name.text == "all" { return true }
            if name.text.hasPrefix("+") {
                let role = String(name.text.dropFirst())
                return role == connection.user || connection.roles.contains(role)
            }
        }
        return matches(name, literal: connection.user)
    }

    /// A name that starts with a slash is a regular expression (16 and later) and one that starts with @ a file:
    /// neither can be judged here, so they match nothing.
    private func matches(_ name: Name, literal: String) -> Bool {
        if !name.isQuoted, name.text.hasPrefix("/") || name.text.hasPrefix("@") { return false }
        return name.text == literal
    }
}
