import JSON
import PostgresModel
import YAML

/// What reading a configuration gave.
public struct AgentConfigurationReading: Sendable {
    /// Nil when there is at least one error.
    public var configuration: AgentConfiguration?
    /// Errors and warnings by position; unknown keys and keys without effect are warnings.
    public var problems: [Diagnostic]

    public var warnings: [Diagnostic] { problems.filter { $0.severity == .warning } }
}

extension AgentConfiguration {
    /// Reads a configuration file's text; `path` names it in messages.
    public static func read(_ bytes: [UInt8], path: String) -> AgentConfigurationReading {
        var reader = AgentConfigurationReader(path: path)
        let configuration = reader.read(bytes)
        let isUsable = !reader.report.hasErrors
        return AgentConfigurationReading(
            configuration: isUsable ? configuration : nil, problems: reader.report.sorted)
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

    mutating func read(_ bytes: [UInt8]) -> AgentConfiguration? {
        do throws(YAMLError) {
            let document = try YAMLDocument(collecting: bytes, file: report.file)
            for duplicate in document.duplicates { report.append(duplicate) }
            guard let root = document.root, !root.isNull else {
                report.error("the file is empty", at: .start, allowed: ValueType.section(AgentSchema.file).allowed)
                return nil
            }
            AgentSchema.file.check(root, named: "the configuration", &report)
            return read(root)
        } catch {
            report.append(error)
            return nil
        }
    }

    private mutating func read(_ root: YAMLNode) -> AgentConfiguration? {
        // Every section is read before any is missed, so that every problem is reported.
        let restapi = restAPI(root["restapi"])
        let etcd = etcd(root["etcd3"])
        let postgresql = postgres(root["postgresql"])
        let tags = tags(root["tags"])
        let bootstrap = AgentConfiguration.Bootstrap(dcs: root["bootstrap"]?["dcs"]?.value.json.object ?? .init())
        guard let scope = root["scope"]?.asText, let name = root["name"]?.asText else { return nil }
        guard let restapi, let etcd, let postgresql else { return nil }
        let namespace = root["namespace"]?.asText ?? "service"
        return AgentConfiguration(
            scope: scope, name: name, namespace: namespace.split(separator: "/").joined(separator: "/"),
            restapi: restapi, etcd: etcd, postgresql: postgresql, bootstrap: bootstrap, tags: tags,
            watchdog: watchdog(root["watchdog"]), log: log(root["log"]), pgadopt: own(root["pgadopt"]))
    }

    private mutating func restAPI(_ node: YAMLNode?) -> AgentConfiguration.RestAPI? {
        typealias RestAPI = AgentConfiguration.RestAPI
        let login = login(node?["authentication"])
        if let key = node?.mapping?["keyfile"], node?["certfile"] == nil {
            report.error("'keyfile' is given without 'certfile'", at: key.keyPosition)
        }
        guard let listen = node?["listen"]?.asText.flatMap({ ListenAddress($0) }) else { return nil }
        guard let address = node?["connect_address"]?.asText.flatMap({ HostPort($0) }) else { return nil }
        return RestAPI(
            listen: listen, connectAddress: address, certificateFile: node?["certfile"]?.asText,
            keyFile: node?["keyfile"]?.asText, caFile: node?["cafile"]?.asText,
            verifyClient: word(node?["verify_client"]) ?? .none, authentication: login)
    }

    private mutating func etcd(_ node: YAMLNode?) -> AgentConfiguration.Etcd? {
        guard let node, node.mapping != nil else { return nil }
        let login = login(node)
        if login == nil, let entry = node.mapping?["password"] ?? node.mapping?["password_file"] {
            report.error("'\(entry.key)' is given without 'username'", at: entry.keyPosition)
        }
        let port = node["port"]?.asInt ?? 2379
        let texts = node["hosts"]?.sequence?.compactMap(\.asText)
            ?? node["hosts"]?.asText?.split(separator: ",").map { $0.trimmingSpaces }
            ?? node["host"]?.asText.map { [$0] } ?? []
        var endpoints = texts.compactMap { HostPort($0, defaultPort: port) }
        var usesTLS = node["protocol"]?.asText == "https"
        if endpoints.isEmpty, let text = node["url"]?.asText,
            let (place, isTLS) = AgentSchema.endpoint(url: text, defaultPort: port) {
            endpoints = [place]
            usesTLS = usesTLS || isTLS
        }
        if ["hosts", "host", "url"].allSatisfy({ node[$0]?.isNull ?? true }) {
            report.error("etcd3 names no endpoint", at: node.position, allowed: "hosts: [host:port, ...]")
        }
        return AgentConfiguration.Etcd(
            endpoints: endpoints, usesTLS: usesTLS, caFile: node["cacert"]?.asText,
            certificateFile: node["cert"]?.asText, keyFile: node["key"]?.asText, login: login)
    }

    private mutating func postgres(_ node: YAMLNode?) -> AgentConfiguration.Postgres? {
        let users = node?["authentication"]
        let superuser = login(users?["superuser"])
        let replication = login(users?["replication"])
        let rewind = login(users?["rewind"])
        let parameters = parameters(node?["parameters"])
        guard let listen = node?["listen"]?.asText.flatMap({ ListenAddress($0, defaultPort: 5432) }) else { return nil }
        guard let address = node?["connect_address"]?.asText.flatMap({ HostPort($0, defaultPort: 5432) })
        else { return nil }
        guard let dataDirectory = node?["data_dir"]?.asText else { return nil }
        return AgentConfiguration.Postgres(
            listen: listen, connectAddress: address, dataDirectory: dataDirectory,
            configDirectory: node?["config_dir"]?.asText, binDirectory: node?["bin_dir"]?.asText,
            pgpass: node?["pgpass"]?.asText, database: node?["database"]?.asText, superuser: superuser,
            replication: replication, rewind: rewind, parameters: parameters,
            useUnixSocket: node?["use_unix_socket"]?.asBool, usePgRewind: node?["use_pg_rewind"]?.asBool,
            pgCtlTimeout: node?["pg_ctl_timeout"]?.asDuration)
    }

    /// PostgreSQL reads the text as it was written: `on`, `0x10` and `1.0` stay what they are.
    private mutating func parameters(_ node: YAMLNode?) -> [String: String] {
        var parameters: [String: String] = [:]
        for entry in node?.mapping?.entries ?? [] {
            guard let scalar = entry.value.scalar else {
                report.error(
                    "the parameter '\(entry.key.excerpt)' is \(entry.value.kindText)", at: entry.value.position,
                    allowed: "text, a number, on or off")
                continue
            }
            if !scalar.isNull { parameters[entry.key] = scalar.text }
        }
        return parameters
    }

    private mutating func login(_ node: YAMLNode?) -> Login? {
        guard let node, let mapping = node.mapping else { return nil }
        if let both = mapping["password_file"], let password = mapping["password"], !password.value.isNull {
            report.error("'password' and 'password_file' are both given; allowed: one of them", at: both.keyPosition)
        }
        guard let username = node["username"]?.asText else { return nil }
        let file = node["password_file"]?.asText.map { Credential.file($0) }
        return Login(username: username, password: file ?? node["password"]?.asText.map { .inline($0) })
    }

    private mutating func tags(_ node: YAMLNode?) -> JSONObject {
        for entry in node?.mapping?.entries ?? [] {
            MemberTags.types[entry.key]?.check(entry.value, named: entry.key, &report)
        }
        return node?.value.json.object ?? .init()
    }

    private func watchdog(_ node: YAMLNode?) -> AgentConfiguration.Watchdog {
        let standard = AgentConfiguration.Watchdog()
        return AgentConfiguration.Watchdog(
            mode: word(node?["mode"]) ?? standard.mode, device: node?["device"]?.asText ?? standard.device,
            safetyMargin: node?["safety_margin"]?.asDuration ?? standard.safetyMargin)
    }

    private func log(_ node: YAMLNode?) -> AgentConfiguration.Log {
        AgentConfiguration.Log(level: word(node?["level"]) ?? .info, form: word(node?["type"]) ?? .plain)
    }

    private func own(_ node: YAMLNode?) -> AgentConfiguration.Own {
        AgentConfiguration.Own(
            runtimeDirectory: node?["runtime_dir"]?.asText, stateDirectory: node?["state_dir"]?.asText,
            guardProgram: node?["guard"]?.asText, configFile: node?["config_file"]?.asText,
            hbaFile: node?["hba_file"]?.asText, identFile: node?["ident_file"]?.asText,
            includeFile: node?["include_file"]?.asText, legacyUnit: node?["legacy_unit"]?.asText,
            postmasterOptions: node?["postmaster_options"]?.sequence?.compactMap(\.asText) ?? [])
    }

    private func word<Word: RawRepresentable<String>>(_ node: YAMLNode?) -> Word? {
        node?.asText.flatMap { Word(rawValue: $0) }
    }
}

/// Types of the tags that mean something to the agent (compatibility sheet d.6).
enum MemberTags {
    private static let anyInteger = ValueType.integer(Int.min...Int.max)
    static let types: [String: ValueType] = [
        "nofailover": .bool, "failover_priority": anyInteger, "nosync": .bool, "sync_priority": anyInteger,
        "noloadbalance": .bool, "clonefrom": .bool, "replicatefrom": .text, "nostream": .bool,
    ]
}
