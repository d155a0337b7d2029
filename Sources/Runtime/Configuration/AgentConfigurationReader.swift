import JSON
import PostgresModel
import YAML

/// What reading a configuration gave.
public struct AgentConfigurationReading: Sendable {
    /// Nil when there is at least one error.
    public var configuration: AgentConfiguration?
    /// Errors and warnings by position; unknown keys and keys without effect are warnings.
    public var problems: [Diagnostic]
    /// Environment variables that gave a value; no program that the agent starts should see them.
    public var consumedVariables: [String] = []
    /// All sources merged, for messages and for printing.
    var root: YAMLNode?
    /// The names of the sources, by the index that positions carry.
    var files: [String] = []

    init(configuration: AgentConfiguration?, problems: [Diagnostic]) {
        self.configuration = configuration
        self.problems = problems
    }

    public var warnings: [Diagnostic] { problems.filter { $0.severity == .warning } }
    public var errors: [Diagnostic] { problems.filter { $0.severity == .error } }
}

extension AgentConfiguration {
    /// Reads a configuration file's text; `path` names it in messages.
    public static func read(_ bytes: [UInt8], path: String) -> AgentConfigurationReading {
        read([ConfigurationSource(name: path, bytes: bytes)], environment: [:])
    }

    public static func read(_ text: String, path: String) -> AgentConfigurationReading {
        read(Array(text.utf8), path: path)
    }

    /// As `read`, with the problems thrown when one of them is an error.
    public init(reading bytes: [UInt8], path: String) throws(ConfigurationError) {
        let reading = Self.read(bytes, path: path)
        guard let configuration = reading.configuration else {
            throw ConfigurationError(.invalid(reading.problems))
        }
        self = configuration
    }
}

/// Text -> model. The schema reports what has the wrong form; here, that yields nil.
struct AgentConfigurationReader {
    var report: Diagnostics

    init(path: String) { report = Diagnostics(file: path) }

    /// One source as nodes; nil when it holds nothing or cannot be read.
    mutating func document(_ bytes: [UInt8], source: Int) -> YAMLNode? {
        do throws(YAMLError) {
            let document = try YAMLDocument(collecting: bytes, file: report.files[source])
            for duplicate in document.duplicates { report.append(duplicate) }
            guard let root = document.root, !root.isNull else { return nil }
            return source == 0 ? root : root.moved(to: source)
        } catch {
            report.append(error)
            return nil
        }
    }

    /// The configuration below `root`; nil when something is missing.
    mutating func configuration(_ root: YAMLNode?) -> AgentConfiguration? {
        guard let root else {
            if !report.hasErrors {
                report.error("there is no configuration", at: .start, allowed: ValueType.section(AgentSchema.file).allowed)
            }
            return nil
        }
        let schema = AgentSchema.file(
            methods: AgentSchema.methodNames(in: root["postgresql"]),
            bootstrapMethod: root["bootstrap"]?["method"]?.asText)
        schema.check(root, named: "the configuration", &report)
        let configuration = read(root)
        checkDynamic(root["bootstrap"]?["dcs"])
        return configuration
    }

    /// Ranges of the first dynamic configuration, where they are written. The cluster takes defaults for what is
    /// wrong, so these are warnings.
    private mutating func checkDynamic(_ node: YAMLNode?) {
        guard let node, node.mapping != nil else { return }
        for warning in DynamicConfiguration.read(node.value.json).warnings {
            var place = node
            for name in warning.prefix(while: { $0 != " " }).split(separator: ".") {
                guard let next = place[String(name)] else { break }
                place = next
            }
            report.warning("bootstrap.dcs: \(warning)", at: place.position)
        }
    }

    private mutating func read(_ root: YAMLNode) -> AgentConfiguration? {
        // Every section is read before any is missed, so that every problem is reported.
        let restapi = restAPI(root["restapi"])
        let control = control(root["ctl"])
        let etcd = etcd(root["etcd3"])
        let postgresql = postgres(root["postgresql"])
        let tags = tags(root["tags"])
        let bootstrap = bootstrap(root["bootstrap"])
        let log = log(root["log"])
        guard let scope = root["scope"]?.givenText, let name = root["name"]?.givenText else { return nil }
        guard let restapi, let etcd, let postgresql else { return nil }
        let namespace = root["namespace"]?.givenText ?? "service"
        var configuration = AgentConfiguration(
            scope: scope, name: name, namespace: namespace.split(separator: "/").joined(separator: "/"),
            restapi: restapi, etcd: etcd, postgresql: postgresql, bootstrap: bootstrap, tags: tags,
            watchdog: watchdog(root["watchdog"]), log: log, pgadopt: own(root["pgadopt"]))
        configuration.ctl = control
        return configuration
    }

    private mutating func restAPI(_ node: YAMLNode?) -> AgentConfiguration.RestAPI? {
        typealias RestAPI = AgentConfiguration.RestAPI
        let login = login(node?["authentication"])
        keyNeedsCertificate(node)
        if let key = node?.mapping?["verify_client"], key.value.givenText != "none", node?["cafile"] == nil {
            report.error("'verify_client' needs the authority of the clients' certificates", at: key.keyPosition,
                allowed: "'cafile' beside it")
        }
        guard let listen = node?["listen"]?.givenText.flatMap({ ListenAddress($0) }) else { return nil }
        guard let address = node?["connect_address"]?.givenText.flatMap({ HostPort($0) }) else { return nil }
        var result = RestAPI(
            listen: listen, connectAddress: address, certificateFile: node?["certfile"]?.givenText,
            keyFile: node?["keyfile"]?.givenText, caFile: node?["cafile"]?.givenText,
            verifyClient: word(node?["verify_client"]) ?? .none, authentication: login)
        result.keyFilePassword = secret(node?["keyfile_password"])
        result.ciphers = node?["ciphers"]?.givenText
        result.allowlist = node?["allowlist"]?.commaList ?? []
        result.allowlistIncludeMembers = node?["allowlist_include_members"]?.asBool ?? false
        result.extraHeaders = headers(node?["http_extra_headers"])
        result.tlsExtraHeaders = headers(node?["https_extra_headers"])
        result.requestQueueSize = node?["request_queue_size"]?.asInt
        result.serverTokens = node?["server_tokens"]?.givenText.flatMap { .init(word: $0) } ?? .original
        return result
    }

    private mutating func control(_ node: YAMLNode?) -> AgentConfiguration.Control {
        var result = AgentConfiguration.Control()
        result.authentication = login(node?["authentication"])
        keyNeedsCertificate(node)
        result.insecure = node?["insecure"]?.asBool ?? false
        result.caFile = node?["cacert"]?.givenText
        result.certificateFile = node?["certfile"]?.givenText
        result.keyFile = node?["keyfile"]?.givenText
        result.keyFilePassword = secret(node?["keyfile_password"])
        return result
    }

    private mutating func keyNeedsCertificate(_ node: YAMLNode?) {
        guard let key = node?.mapping?["keyfile"], node?["certfile"] == nil else { return }
        report.error("'keyfile' is given without 'certfile'", at: key.keyPosition)
    }

    private func headers(_ node: YAMLNode?) -> [AgentConfiguration.RestAPI.Header] {
        node?.mapping?.entries.compactMap { entry in entry.value.givenText.map { .init(entry.key, $0) } } ?? []
    }

    private func secret(_ node: YAMLNode?) -> Credential? { node?.givenText.map { .inline($0) } }

    private mutating func bootstrap(_ node: YAMLNode?) -> AgentConfiguration.Bootstrap {
        var result = AgentConfiguration.Bootstrap(
            dcs: node?["dcs"]?.value.json.object ?? .init(), isPresent: node?.mapping != nil)
        guard let node, node.mapping != nil else { return result }
        var options = PostgresOptionsReader(nil, report: report)
        result.initdbOptions = options.options(
            node["initdb"], named: "initdb", refused: ["pgdata", "nosync", "pwfile", "sync-only", "version", "help"])
        result.pgHBA = node["pg_hba"]?.sequence?.compactMap(\.asText) ?? []
        let post = node["post_bootstrap"] ?? node["post_init"]
        result.postBootstrap = post?.givenText.flatMap { CommandWords($0) }
        if let method = node["method"], let name = method.givenText, name != "initdb" {
            if node[name] == nil {
                options.report.error(
                    "the method '\(name.excerpt)' has no section below bootstrap", at: method.position,
                    allowed: "initdb, or the name of a section with its 'command'")
            }
            result.method = .custom(name: name, options.script(node[name], named: name))
        }
        report = options.report
        return result
    }

    private mutating func etcd(_ node: YAMLNode?) -> AgentConfiguration.Etcd? {
        guard let node, node.mapping != nil else { return nil }
        let login = login(node)
        if login == nil, let entry = node.mapping?["password"] ?? node.mapping?["password_file"] {
            report.error("'\(entry.key)' is given without 'username'", at: entry.keyPosition)
        }
        let port = node["port"]?.asInt ?? 2379
        let texts = node["hosts"]?.sequence?.compactMap(\.asText)
            ?? node["hosts"]?.commaList
            ?? node["host"]?.givenText.map { [$0] } ?? []
        var endpoints = texts.compactMap { HostPort($0, defaultPort: port) }
        var usesTLS = node["protocol"]?.givenText == "https"
        if endpoints.isEmpty, let text = (node["proxy"] ?? node["url"])?.givenText,
            let (place, isTLS) = AgentSchema.endpoint(url: text, defaultPort: port) {
            endpoints = [place]
            usesTLS = usesTLS || isTLS
        }
        if ["hosts", "host", "url", "proxy", "srv"].allSatisfy({ node[$0]?.isNull ?? true }) {
            report.error("etcd3 names no endpoint", at: node.position, allowed: "hosts: [host:port, ...]")
        }
        return AgentConfiguration.Etcd(
            endpoints: endpoints, usesTLS: usesTLS, caFile: node["cacert"]?.givenText,
            certificateFile: node["cert"]?.givenText, keyFile: node["key"]?.givenText, login: login)
    }

    private mutating func postgres(_ node: YAMLNode?) -> AgentConfiguration.Postgres? {
        let users = node?["authentication"]
        let superuser = login(users?["superuser"])
        let replication = login(users?["replication"])
        let rewind = login(users?["rewind"])
        var reader = PostgresOptionsReader(node, report: report)
        let options = reader.read()
        report = reader.report
        guard let listen = node?["listen"]?.givenText.flatMap({ ListenAddress($0, defaultPort: 5432) }) else { return nil }
        guard let address = node?["connect_address"]?.givenText.flatMap({ HostPort($0, defaultPort: 5432) })
        else { return nil }
        guard let dataDirectory = node?["data_dir"]?.givenText else { return nil }
        var result = AgentConfiguration.Postgres(
            listen: listen, connectAddress: address, dataDirectory: dataDirectory,
            configDirectory: node?["config_dir"]?.givenText, pgpass: node?["pgpass"]?.givenText, superuser: superuser,
            replication: replication, rewind: rewind)
        result.proxyAddress = node?["proxy_address"]?.givenText.flatMap { HostPort($0, defaultPort: 5432) }
        result.options = options
        return result
    }

    private mutating func login(_ node: YAMLNode?) -> Login? {
        guard let node, let mapping = node.mapping else { return nil }
        if let both = mapping["password_file"], let password = mapping["password"], !password.value.isNull {
            report.error("'password' and 'password_file' are both given; allowed: one of them", at: both.keyPosition)
        }
        guard let username = node["username"]?.givenText else { return nil }
        let file = node["password_file"]?.givenText.map { Credential.file($0) }
        var login = Login(username: username, password: file ?? secret(node["password"]))
        login.security.sslmode = word(node["sslmode"])
        login.security.sslcert = node["sslcert"]?.givenText
        login.security.sslkey = node["sslkey"]?.givenText
        login.security.sslpassword = secret(node["sslpassword"])
        login.security.sslrootcert = node["sslrootcert"]?.givenText
        login.security.sslcrl = node["sslcrl"]?.givenText
        login.security.sslcrldir = node["sslcrldir"]?.givenText
        login.security.gssencmode = node["gssencmode"]?.givenText
        login.security.channelBinding = node["channel_binding"]?.givenText
        login.security.sslnegotiation = node["sslnegotiation"]?.givenText
        return login
    }

    private mutating func tags(_ node: YAMLNode?) -> JSONObject {
        for entry in node?.mapping?.entries ?? [] {
            MemberTags.types[entry.key]?.check(entry.value, named: entry.key, &report)
        }
        let tags = node?.value.json.object ?? .init()
        for conflict in MemberTags(tags).conflicts { report.warning(conflict, at: node?.position ?? .start) }
        return tags
    }

    private func watchdog(_ node: YAMLNode?) -> AgentConfiguration.Watchdog {
        let standard = AgentConfiguration.Watchdog()
        let margin = node?["safety_margin"]
        return AgentConfiguration.Watchdog(
            mode: watchdogMode(node?["mode"]) ?? standard.mode, device: node?["device"]?.givenText ?? standard.device,
            safetyMargin: margin?.givenText == "-1" ? nil : margin?.asDuration ?? standard.safetyMargin)
    }

    /// A bare `off` is a boolean to other readers of YAML.
    private func watchdogMode(_ node: YAMLNode?) -> AgentConfiguration.Watchdog.Mode? {
        word(node) ?? (node?.asBool == false ? .off : nil)
    }

    private mutating func log(_ node: YAMLNode?) -> AgentConfiguration.Log {
        var log = AgentConfiguration.Log(form: word(node?["type"]) ?? .plain)
        log.level = node?["level"]?.givenText.flatMap { .init(word: $0) } ?? .info
        log.format = node?["format"]?.givenText.flatMap { LogFormat($0) } ?? .standard
        log.jsonFields = jsonFields(node?["format"]) ?? log.format.fields
        log.dateFormat = node?["dateformat"]?.givenText
        log.staticFields = node?["static_fields"]?.value.json.object ?? .init()
        if let directory = node?["dir"]?.givenText {
            var file = AgentConfiguration.Log.File(directory: directory)
            file.mode = node?["mode"]?.asInt
            if let count = node?["file_num"]?.asInt { file.count = count }
            if let size = node?["file_size"]?.asByteCount { file.size = Int(clamping: size) }
            log.file = file
        }
        for entry in node?["loggers"]?.mapping?.entries ?? [] {
            log.loggers[entry.key] = entry.value.givenText.flatMap { .init(word: $0) }
        }
        log.deduplicatesHeartbeats = node?["deduplicate_heartbeat_logs"]?.asBool ?? false
        return log
    }

    /// A list of fields, each a name or a name with another name to show: `- levelname: level`.
    private mutating func jsonFields(_ node: YAMLNode?) -> [LogFormat.NamedField]? {
        guard let items = node?.sequence else { return nil }
        var fields: [LogFormat.NamedField] = []
        for item in items {
            let entry = item.mapping?.entries.first
            guard let word = entry?.key ?? item.givenText, let field = LogFormat.Field(rawValue: word),
                let name = entry == nil ? word : entry?.value.givenText
            else {
                report.error(
                    "a field of 'format' is \(item.kindText)", at: item.position,
                    allowed: LogFormat.Field.allCases.map(\.rawValue).joined(separator: ", "))
                continue
            }
            fields.append(.init(field: field, name: name))
        }
        return fields
    }

    private func own(_ node: YAMLNode?) -> AgentConfiguration.Own {
        AgentConfiguration.Own(
            runtimeDirectory: node?["runtime_dir"]?.givenText, stateDirectory: node?["state_dir"]?.givenText,
            guardProgram: node?["guard"]?.givenText, configFile: node?["config_file"]?.givenText,
            hbaFile: node?["hba_file"]?.givenText, identFile: node?["ident_file"]?.givenText,
            includeFile: node?["include_file"]?.givenText, legacyUnit: node?["legacy_unit"]?.givenText,
            postmasterOptions: node?["postmaster_options"]?.sequence?.compactMap(\.asText) ?? [],
            storeLeaderApart: node?["store_leader_apart"]?.asBool ?? false, relay: relay(node?["relay"]))
    }

    /// Nil where a required key is missing, which the schema reports.
    private func relay(_ node: YAMLNode?) -> AgentConfiguration.Relay? {
        guard let certificate = node?["certfile"]?.givenText, let key = node?["keyfile"]?.givenText,
            let authority = node?["cafile"]?.givenText
        else { return nil }
        return AgentConfiguration.Relay(
            listen: node?["listen"]?.givenText.flatMap { ListenAddress($0) }, certificateFile: certificate, keyFile: key,
            authorityFile: authority,
            members: node?["members"]?.sequence?.compactMap { $0.asText.flatMap { HostPort($0) } } ?? [])
    }

    private func word<Word: RawRepresentable<String>>(_ node: YAMLNode?) -> Word? {
        node?.givenText.flatMap { Word(rawValue: $0) }
    }
}

extension MemberTags {
    private static let anyInteger = ValueType.integer(Int.min...Int.max)
    /// Types of the tags that mean something to the agent (compatibility sheet d.6).
    static let types: [String: ValueType] = [
        "nofailover": .bool, "failover_priority": anyInteger, "nosync": .bool, "sync_priority": anyInteger,
        "noloadbalance": .bool, "clonefrom": .bool, "replicatefrom": .text, "nostream": .bool,
    ]
}

extension YAMLNode {
    /// As `asText`; an empty text is the same as none.
    var givenText: String? { asText.flatMap { $0.isEmpty ? nil : $0 } }

    /// A list, or one text with commas.
    var commaList: [String]? {
        sequence?.compactMap(\.asText) ?? asText?.split(separator: ",").map { $0.trimmingSpaces }
    }
}

extension AgentConfiguration.RestAPI.ServerTokens {
    init?(word: String) {
        guard let match = Self.allCases.first(where: { $0.rawValue.lowercased() == word.lowercased() })
        else { return nil }
        self = match
    }
}
