import Cluster
import Configuration
import Glibc
import HACore
import Kernel
import PostgresModel
import Server
import Store

// From the words of the parts to the words of the core.

extension StoreObservation {
    init(_ state: StoreState) {
        switch state {
        case .unknown: self = .unknown
        case .connected(let view, let confirmed): self = .connected(view, confirmed: confirmed)
        case .unreachable(let since, let last, _): self = .unreachable(since: since, last: last)
        case .regressed(let last, let reason): self = .regressed(last: last, why: reason)
        }
    }
}

extension LeaseObservation {
    init(_ state: LeaseState) {
        switch state {
        case .none: self = .none
        case .held(let id, let deadline): self = .held(id: id, deadline: deadline)
        }
    }
}

extension ClusterView {
    /// The members' PostgreSQL addresses, as they publish them.
    var upstreams: [Upstream] {
        members.compactMap { member in
            guard let address = member.address else { return nil }
            return Upstream(name: member.name, host: address.host, port: address.port)
        }
    }
}

extension Credential {
    /// The secret itself; a file's first line.
    /// - Throws: when the file cannot be read; the error names the file, never its content.
    func secret() throws -> String {
        switch self {
        case .inline(let text): return text
        case .file(let path):
            return String(try readSmallText(path).prefix { !$0.isNewline })
        }
    }
}

extension AgentConfiguration {
    var runtimeDirectory: String { pgadopt.runtimeDirectory ?? "/run/pgadopt/\(scope)" }
    var stateDirectory: String { pgadopt.stateDirectory ?? "/var/lib/pgadopt/\(scope)" }
    /// How far this member has followed the store.
    var storeMarkPath: String { "\(stateDirectory)/\(name).store" }

    /// As members and tools find the API; the last part of the path is Patroni's.
    var apiURL: String { "\(restapi.usesTLS ? "https" : "http")://\(restapi.connectAddress)/patroni" }

    /// Default: beside the agent's own program.
    var guardPath: String {
        if let path = pgadopt.guardProgram { return path }
        let own = linkTarget("/proc/self/exe") ?? "/usr/lib/pgadopt/bin/pgadopt-agent"
        return own.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/pgadopt-guard"
    }
}

extension AgentConfiguration {
    /// Where the server's own output goes when this agent starts it. On a Debian layout where pg_ctlcluster sends it,
    /// so that log rotation and monitoring go on as before.
    var serverLogFile: String {
        let parts = (pgadopt.configFile ?? "").split(separator: "/")
        let logs = "/var/log/postgresql"
        // /etc/postgresql/VERSION/NAME/postgresql.conf
        if parts.count == 5, parts[0] == "etc", parts[1] == "postgresql", access(logs, W_OK) == 0 {
            return "\(logs)/postgresql-\(parts[2])-\(parts[3]).log"
        }
        return "\(stateDirectory)/postgresql.log"
    }
}

extension ServerSettings {
    /// - Throws: ConfigurationError or an unreadable password file.
    init(_ configuration: AgentConfiguration) throws {
        let postgres = configuration.postgresql
        let state = configuration.stateDirectory
        func login(_ login: Configuration.Login?, default user: String) throws -> ServerSettings.Login {
            var options = Dictionary(uniqueKeysWithValues: (login?.security.settings ?? []).map { ($0.keyword, $0.value) })
            options["krbsrvname"] = postgres.options.krbsrvname
            return .init(user: login?.username ?? user, password: try login?.password?.secret(), options: options)
        }
        let superuser = try login(postgres.superuser, default: "postgres")
        let replication = try login(postgres.replication, default: "pgadopt_replication")
        let rewind = try postgres.rewind.map { try login($0, default: "pgadopt_rewind") } ?? superuser
        let scope = configuration.scope
        let member = configuration.name
        let parameters = postgres.parameters
        let directory = postgres.dataDirectory
        self.init(
            name: member, dataDirectory: directory, binDirectory: postgres.programDirectory,
            configFile: configuration.pgadopt.configFile ?? postgres.configFile,
            includeFile: configuration.pgadopt.includeFile ?? "\(directory)/pgadopt.conf",
            host: configuration.localHost, port: postgres.listen.port, database: postgres.database ?? "postgres",
            superuser: superuser, replication: replication, rewind: rewind,
            passFile: postgres.pgpass ?? "\(state)/pgpass", stateDirectory: state,
            logFile: configuration.serverLogFile
        ) { recovery in
            let standby = recovery.primaryConnInfo.map { info in
                ManagedConfiguration.Standby(
                    primaryConnInfo: ConnectionInfo(text: info), primarySlotName: recovery.primarySlotName)
            }
            let file = ManagedConfiguration(scope: scope, member: member, parameters: parameters, standby: standby)
            // Parameters were checked when the configuration was read; what cannot be written is left out.
            return (try? file.render()) ?? ""
        }
        programNames = postgres.options.binNames
        for place in configuration.pgadopt.relay?.members ?? [] {
            relays["\(place.host):\(place.port)"] = configuration.pgadopt.relay?.connectionSettings
        }
    }
}

extension AgentConfiguration {
    /// Where the agent reaches its own server. Patroni goes by TCP unless told otherwise, and a file written for it may
    /// have rules and a password for that way only; a user without a password is let in by the socket's rules.
    var localHost: String {
        let usesSocket = postgresql.useUnixSocket ?? (postgresql.superuser?.password == nil || isAdopted)
        return usesSocket ? postgresql.socketDirectory : postgresql.listen.localHost
    }
}

extension ListenAddress {
    /// An address of this list that the host itself can reach, loopback first.
    var localHost: String {
        let everywhere: Set<String> = ["*", "0.0.0.0", "127.0.0.1", "localhost"]
        if hosts.contains(where: { everywhere.contains($0) }) { return "127.0.0.1" }
        guard let first = hosts.first else { return "127.0.0.1" }
        return first == "::" ? "::1" : first
    }
}

extension AgentConfiguration.Postgres {
    /// `bin_dir`, or where PATH has the postmaster's program.
    var programDirectory: String {
        if let binDirectory { return binDirectory }
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let name = options.binNames["postgres"] ?? "postgres"
        let found = path.split(separator: ":").first { access("\($0)/\(name)", X_OK) == 0 }
        return found.map(String.init) ?? "/usr/bin"
    }

    /// postgresql.conf where `config_dir` or `config_base_name` say that it is elsewhere; nil: in the data directory.
    var configFile: String? {
        guard configDirectory != nil || options.configBaseName != nil else { return nil }
        return "\(configDirectory ?? dataDirectory)/\(options.configBaseName ?? "postgresql").conf"
    }

    /// Debian's socket directory where it exists, PostgreSQL's own default otherwise.
    var socketDirectory: String {
        if let setting = parameters["unix_socket_directories"]?.split(separator: ",").first {
            return setting.drop { $0 == " " }.description
        }
        return access("/var/run/postgresql", F_OK) == 0 ? "/var/run/postgresql" : "/tmp"
    }
}

extension ConnectionInfo {
    /// Nil when the text is not of libpq's keyword form.
    init?(text: String) {
        guard let string = ConnectionString(parsing: text) else { return nil }
        self.init()
        for (keyword, value) in string.settings { self[keyword] = value }
    }
}
