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
    /// How this member speaks to the API of others.
    public var ctl = Control()
    public var etcd: Etcd
    public var postgresql: Postgres
    public var bootstrap: Bootstrap
    /// With the types and the order of the file. `memberTags` says what they mean and which of them are published.
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

    public var memberTags: MemberTags { MemberTags(tags) }
}

extension AgentConfiguration {
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

    /// The kernel's watchdog device, beside the guard process.
    public struct Watchdog: Hashable, Sendable {
        public enum Mode: String, CaseIterable, Hashable, Sendable { case off, automatic, required }

        public var mode: Mode
        public var device: String
        /// How long before the lease's end the device must fire. Nil (`safety_margin: -1`): half of the ttl.
        public var safetyMargin: Duration?

        public init(mode: Mode = .automatic, device: String = "/dev/watchdog", safetyMargin: Duration? = .seconds(5)) {
            self.mode = mode
            self.device = device
            self.safetyMargin = safetyMargin
        }

        /// The time after which the device fires when it is not told otherwise: `ttl` less the margin, or half of it
        /// without one. The margin leaves five sixths of a short ttl at least: the device is fed at each third, and must
        /// neither reset the host for one renewal that gets no answer nor cut off the orderly stop that a leader without
        /// a store begins when a quarter of the ttl is left. An answer takes a sixth at most, so the lease still holds.
        public func timeout(ttl: Duration) -> Duration { safetyMargin.map { max(ttl - $0, ttl * 5 / 6) } ?? ttl / 2 }
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
        /// While this member leads, a leader of the store on the same host is moved to another one. Default: no.
        public var storeLeaderApart: Bool
        /// Nil: this member neither needs a relay nor uses another's.
        public var relay: Relay?

        public init(
            runtimeDirectory: String? = nil, stateDirectory: String? = nil, guardProgram: String? = nil,
            configFile: String? = nil, hbaFile: String? = nil, identFile: String? = nil, includeFile: String? = nil,
            legacyUnit: String? = nil, postmasterOptions: [String] = [], storeLeaderApart: Bool = false,
            relay: Relay? = nil
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
            self.storeLeaderApart = storeLeaderApart
            self.relay = relay
        }
    }
}
