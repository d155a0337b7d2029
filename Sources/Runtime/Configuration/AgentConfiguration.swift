import JSON
import PostgresModel

/// The agent's configuration, in the format of Patroni's file (compatibility sheet d.2) with a section of our own.
/// Nil means: not said in the file; the dynamic configuration or a built-in default decides.
public struct AgentConfiguration: Hashable, Sendable {
    /// The cluster's name.
    public var scope: String
    /// This member's name.
    public var name: String
    /// Keys lie below `/namespace/scope/`; without outer slashes.
    public var namespace: String
    public var restapi: RestAPI
    public var etcd: Etcd
    public var postgresql: Postgres
    public var bootstrap: Bootstrap
    /// With the types and the order of the file; published as they are.
    public var tags: JSONObject
    public var watchdog: Watchdog
    public var log: Log
    public var pgadopt: Own

    public init(
        scope: String, name: String, namespace: String = "service", restapi: RestAPI, etcd: Etcd, postgresql: Postgres,
        bootstrap: Bootstrap = .init(), tags: JSONObject = .init(), watchdog: Watchdog = .init(), log: Log = .init(),
        pgadopt: Own = .init()
    ) {
        self.scope = scope
        self.name = name
        self.namespace = namespace
        self.restapi = restapi
        self.etcd = etcd
        self.postgresql = postgresql
        self.bootstrap = bootstrap
        self.tags = tags
        self.watchdog = watchdog
        self.log = log
        self.pgadopt = pgadopt
    }
}

/// A user with a password.
public struct Login: Hashable, Sendable {
    public var username: String
    public var password: Credential?

    public init(username: String, password: Credential? = nil) {
        self.username = username
        self.password = password
    }
}

/// Addresses to listen at; `*` stands for all.
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    public var hosts: [String]
    public var port: Int

    public init(hosts: [String], port: Int) {
        self.hosts = hosts
        self.port = port
    }

    /// `addr[,addr]:port`, with the port optional when there is a default; nil for anything else.
    public init?(_ text: String, defaultPort: Int? = nil) {
        var rest = text[...]
        var port = defaultPort
        if let colon = text.lastIndex(of: ":"), let number = Int(text[text.index(after: colon)...]) {
            let before = text[..<colon]
            // A bare IPv6 address has no port: its colons are not ours.
            let isPlain = !before.contains(":") || before.hasSuffix("]")
            if isPlain || before.contains(",") {
                rest = before
                port = number
            }
        }
        guard let port, (1...65535).contains(port) else { return nil }
        let hosts = rest.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let host = part.trimmingSpaces
            return host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        }
        guard hosts.allSatisfy({ $0 == "*" || HostPort.isHost($0) }) else { return nil }
        self.init(hosts: hosts, port: port)
    }

    public var description: String {
        hosts.map { $0.contains(":") ? "[\($0)]" : $0 }.joined(separator: ",") + ":\(port)"
    }
}

extension AgentConfiguration {
    public struct RestAPI: Hashable, Sendable {
        public enum ClientVerification: String, CaseIterable, Hashable, Sendable { case none, optional, required }

        public var listen: ListenAddress
        /// Where the other members and tools reach the API; published as `api_url`.
        public var connectAddress: HostPort
        public var certificateFile: String?
        public var keyFile: String?
        /// The authority whose client certificates are believed.
        public var caFile: String?
        public var verifyClient: ClientVerification
        /// Asked for by unsafe requests; nil: everybody may.
        public var authentication: Login?

        public init(
            listen: ListenAddress, connectAddress: HostPort, certificateFile: String? = nil, keyFile: String? = nil,
            caFile: String? = nil, verifyClient: ClientVerification = .none, authentication: Login? = nil
        ) {
            self.listen = listen
            self.connectAddress = connectAddress
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.caFile = caFile
            self.verifyClient = verifyClient
            self.authentication = authentication
        }
    }

    /// The `etcd3` section.
    public struct Etcd: Hashable, Sendable {
        public var endpoints: [HostPort]
        /// `protocol: https`
        public var usesTLS: Bool
        public var caFile: String?
        public var certificateFile: String?
        public var keyFile: String?
        public var login: Login?

        public init(
            endpoints: [HostPort], usesTLS: Bool = false, caFile: String? = nil, certificateFile: String? = nil,
            keyFile: String? = nil, login: Login? = nil
        ) {
            self.endpoints = endpoints
            self.usesTLS = usesTLS
            self.caFile = caFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.login = login
        }
    }

    public struct Postgres: Hashable, Sendable {
        public var listen: ListenAddress
        /// Where members and clients reach the server; published as `conn_url`.
        public var connectAddress: HostPort
        public var dataDirectory: String
        /// Where postgresql.conf lies; nil: in the data directory.
        public var configDirectory: String?
        /// Nil: the programs are searched in PATH.
        public var binDirectory: String?
        /// The password file the agent writes for replication connections.
        public var pgpass: String?
        /// The database for the agent's own connections. Default `postgres`.
        public var database: String?
        public var superuser: Login?
        public var replication: Login?
        /// Nil: the superuser rewinds.
        public var rewind: Login?
        public var parameters: [String: String]
        public var useUnixSocket: Bool?
        public var usePgRewind: Bool?
        /// How long a start or stop may take before it counts as failed. Default 60 s.
        public var pgCtlTimeout: Duration?

        public init(
            listen: ListenAddress, connectAddress: HostPort, dataDirectory: String, configDirectory: String? = nil,
            binDirectory: String? = nil, pgpass: String? = nil, database: String? = nil, superuser: Login? = nil,
            replication: Login? = nil, rewind: Login? = nil, parameters: [String: String] = [:],
            useUnixSocket: Bool? = nil, usePgRewind: Bool? = nil, pgCtlTimeout: Duration? = nil
        ) {
            self.listen = listen
            self.connectAddress = connectAddress
            self.dataDirectory = dataDirectory
            self.configDirectory = configDirectory
            self.binDirectory = binDirectory
            self.pgpass = pgpass
            self.database = database
            self.superuser = superuser
            self.replication = replication
            self.rewind = rewind
            self.parameters = parameters
            self.useUnixSocket = useUnixSocket
            self.usePgRewind = usePgRewind
            self.pgCtlTimeout = pgCtlTimeout
        }
    }

    public struct Bootstrap: Hashable, Sendable {
        /// The first dynamic configuration of a new cluster.
        public var dcs: JSONObject

        public init(dcs: JSONObject = .init()) { self.dcs = dcs }
    }

    /// The kernel's watchdog device, beside the guard process.
    public struct Watchdog: Hashable, Sendable {
        public enum Mode: String, CaseIterable, Hashable, Sendable { case off, automatic, required }

        public var mode: Mode
        public var device: String
        /// How long before the lease's end the device must fire.
        public var safetyMargin: Duration

        public init(mode: Mode = .automatic, device: String = "/dev/watchdog", safetyMargin: Duration = .seconds(5)) {
            self.mode = mode
            self.device = device
            self.safetyMargin = safetyMargin
        }
    }

    public struct Log: Hashable, Sendable {
        public enum Level: String, CaseIterable, Hashable, Sendable {
            case debug = "DEBUG", info = "INFO", warning = "WARNING", error = "ERROR", critical = "CRITICAL"
        }

        public enum Form: String, CaseIterable, Hashable, Sendable { case plain, json }

        public var level: Level
        public var form: Form

        public init(level: Level = .info, form: Form = .plain) {
            self.level = level
            self.form = form
        }
    }

    /// The section `pgadopt`: what Patroni has no word for. All of it absent in a plain Patroni file.
    public struct Own: Hashable, Sendable {
        /// Sockets and pids; gone at a reboot. Default `/run/pgadopt/SCOPE`.
        public var runtimeDirectory: String?
        /// What must outlive a reboot. Default `/var/lib/pgadopt/SCOPE`.
        public var stateDirectory: String?
        /// The guard program. Default: `pgadopt-guard` beside the agent.
        public var guardProgram: String?
        /// The owner's postgresql.conf when it lies outside the data directory.
        public var configFile: String?
        public var hbaFile: String?
        public var identFile: String?
        /// Our own file that the owner's postgresql.conf includes last.
        public var includeFile: String?
        /// The unit that owned the server before adoption; neutralised, given back at release.
        public var legacyUnit: String?
        /// Further arguments of the postmaster, one an element.
        public var postmasterOptions: [String]

        public init(
            runtimeDirectory: String? = nil, stateDirectory: String? = nil, guardProgram: String? = nil,
            configFile: String? = nil, hbaFile: String? = nil, identFile: String? = nil, includeFile: String? = nil,
            legacyUnit: String? = nil, postmasterOptions: [String] = []
        ) {
            self.runtimeDirectory = runtimeDirectory
            self.stateDirectory = stateDirectory
            self.guardProgram = guardProgram
            self.configFile = configFile
            self.hbaFile = hbaFile
            self.identFile = identFile
            self.includeFile = includeFile
            self.legacyUnit = legacyUnit
            self.postmasterOptions = postmasterOptions
        }
    }
}

extension StringProtocol {
    /// Without spaces and tabs at both ends.
    var trimmingSpaces: String {
        var result = self[...]
        while let first = result.first, first == " " || first == "\t" { result = result.dropFirst() }
        while let last = result.last, last == " " || last == "\t" { result = result.dropLast() }
        return String(result)
    }
}
