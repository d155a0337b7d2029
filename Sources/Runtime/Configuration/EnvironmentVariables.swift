import YAML

/// Patroni's environment variables (compatibility sheet d.5) and ours, as a mapping that lies over the file's.
struct EnvironmentVariables {
    enum Kind {
        case text
        /// YAML, with or without its brackets: `a,b`, `[a, b]`.
        case list
        /// YAML, with or without its braces: `a: b`, `{a: b}`.
        case map
        /// Text, or a list when it begins like one.
        case textOrList
    }

    struct Variable {
        var name: String
        var path: [String]
        var kind: Kind
    }

    /// The configuration as a whole; everything else is passed over when it is used.
    static let whole = "PATRONI_CONFIGURATION"

    /// Every variable that means something, and those of other stores so that they can be refused.
    static let all: [Variable] = topLevel + restapi + ctl + log + postgresql + users + etcd + own

    /// Two older names of `log` variables; the newer one wins.
    private static let older = [
        "PATRONI_LOGLEVEL": "PATRONI_LOG_LEVEL", "PATRONI_LOGFORMAT": "PATRONI_LOG_FORMAT",
        "PATRONI_LOG_DATEFMT": "PATRONI_LOG_DATEFORMAT",
    ]

    /// Reads `environment`. Every variable is a source of its own, so that a message names it.
    static func read(
        _ environment: [String: String], into report: inout Diagnostics
    ) -> (root: YAMLNode?, consumed: [String]) {
        var root = YAMLNode(.mapping(YAMLMapping()), at: .start)
        var consumed: [String] = []
        let known = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
        for name in environment.keys.sorted() where name.hasPrefix("PATRONI_") || name.hasPrefix("PGADOPT_") {
            guard let text = environment[name], !text.isEmpty, name != whole else { continue }
            let source = report.addSource(name)
            let position = YAMLPosition(line: 1, column: 1, source: source)
            let current = older[name] ?? name
            if current != name, environment[current]?.isEmpty == false { continue }
            guard let variable = known[current] else {
                consumed += unknown(name, at: position, known: known.keys.sorted(), &root, &report) ? [name] : []
                continue
            }
            consumed.append(name)
            guard let value = value(text, variable.kind, source: source, &report) else { continue }
            root.put(value, at: variable.path[...], position)
        }
        return (root.mapping?.entries.isEmpty == false ? root : nil, consumed)
    }

    private static func value(
        _ text: String, _ kind: Kind, source: Int, _ report: inout Diagnostics
    ) -> YAMLNode? {
        let position = YAMLPosition(line: 1, column: 1, source: source)
        var yaml = text
        let bare = text.trimmingSpaces
        switch kind {
        case .text: return YAMLNode(.scalar(YAMLScalar(text, style: .doubleQuoted)), at: position)
        case .textOrList:
            guard bare.hasPrefix("[") || bare.hasPrefix("- ") else {
                return YAMLNode(.scalar(YAMLScalar(text, style: .doubleQuoted)), at: position)
            }
        case .list: if !bare.hasPrefix("-"), !bare.contains("[") { yaml = "[\(text)]" }
        case .map: if !bare.hasPrefix("{") { yaml = "{\(text)}" }
        }
        do throws(YAMLError) {
            return try YAMLDocument.parse(yaml, file: report.files[source])?.moved(to: source)
        } catch {
            // Positions lie in the text with its brackets; the variable is short enough without them.
            report.error("is no YAML: \(error.message)", at: position)
            return nil
        }
    }

    /// Reports a variable that is not ours. True: it concerned us nevertheless.
    private static func unknown(
        _ name: String, at position: YAMLPosition, known: [String], _ root: inout YAMLNode, _ report: inout Diagnostics
    ) -> Bool {
        let words = name.split(separator: "_").map { $0.lowercased() }
        let stores = ["etcd", "consul", "zookeeper", "exhibitor", "kubernetes", "raft", "citus"]
        if words.count >= 3, stores.contains(words[1]), name.hasPrefix("PATRONI_") {
            let key = words.dropFirst(2).joined(separator: "_")
            root.put(YAMLNode(.scalar(YAMLScalar("", style: .doubleQuoted)), at: position), at: [words[1], key], position)
            return true
        }
        if name.hasSuffix("_OPTIONS") || name.hasSuffix("_PASSWORD") {
            report.warning(
                "'\(name)' has no effect: roles are made by 'post_bootstrap', as since Patroni 4.0", at: position)
            return true
        }
        let suggestion = nearest(to: name, among: known)
        if name.hasPrefix("PATRONI_") || suggestion != nil {
            report.warning("'\(name.excerpt)' is no variable of the agent, ignored", at: position, suggestion: suggestion)
        }
        return false
    }
}

extension EnvironmentVariables {
    private static let topLevel = ["name", "namespace", "scope", "thread_pool_size", "thread_stack_size"].map {
        Variable(name: "PATRONI_\($0.uppercased())", path: [$0], kind: .text)
    }

    private static func section(_ section: String, prefix: String? = nil, _ kinds: [(Kind, [String])]) -> [Variable] {
        kinds.flatMap { kind, keys in
            keys.map { key in
                let name = "\(prefix ?? "PATRONI_\(section.uppercased())")_\(key.uppercased())"
                return Variable(name: name, path: [section, key], kind: kind)
            }
        }
    }

    private static func login(_ name: String, path: [String], more: [String] = []) -> [Variable] {
        (["username", "password", "password_file"] + more).map {
            Variable(name: "PATRONI_\(name)_\($0.uppercased())", path: path + [$0], kind: .text)
        }
    }

    private static let restapi = section("restapi", [
        (.text, [
            "listen", "connect_address", "certfile", "keyfile", "keyfile_password", "cafile", "ciphers", "verify_client",
            "allowlist_include_members", "request_queue_size", "thread_pool_size", "server_tokens",
        ]),
        (.list, ["allowlist"]), (.map, ["http_extra_headers", "https_extra_headers"]),
    ]) + login("RESTAPI", path: ["restapi", "authentication"])

    private static let ctl = section("ctl", [
        (.text, ["insecure", "cacert", "certfile", "keyfile", "keyfile_password"]),
    ]) + login("CTL", path: ["ctl", "authentication"])

    private static let log = section("log", [
        (.text, [
            "type", "level", "traceback_level", "dateformat", "max_queue_size", "dir", "mode", "file_size", "file_num",
            "deduplicate_heartbeat_logs",
        ]),
        (.textOrList, ["format"]), (.map, ["static_fields", "loggers"]),
    ])

    private static let postgresql = section("postgresql", [
        (.text, ["listen", "connect_address", "proxy_address", "config_dir", "data_dir", "pgpass", "bin_dir"]),
    ]) + ["pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind"].map {
        Variable(
            name: "PATRONI_POSTGRESQL_BIN_\($0.uppercased())", path: ["postgresql", "bin_name", $0], kind: .text)
    }

    private static let users = ["superuser", "replication", "rewind"].flatMap { role in
        login(role.uppercased(), path: ["postgresql", "authentication", role], more: [
            "sslmode", "sslkey", "sslpassword", "sslcert", "sslrootcert", "sslcrl", "sslcrldir", "gssencmode",
            "channel_binding", "sslnegotiation",
        ])
    }

    private static let etcd = section("etcd3", [
        (.text, [
            "host", "port", "protocol", "url", "proxy", "use_proxies", "srv", "srv_suffix", "cacert", "cert", "key",
            "username", "password", "password_file",
        ]),
        (.list, ["hosts"]),
    ])

    private static let own = section("pgadopt", prefix: "PGADOPT", [
        (.text, AgentSchema.own.keys.map(\.name).filter { $0 != "postmaster_options" }), (.list, ["postmaster_options"]),
    ])
}

extension YAMLNode {
    /// Sets the value at `path`, making mappings on the way.
    fileprivate mutating func put(_ value: YAMLNode, at path: ArraySlice<String>, _ position: YAMLPosition) {
        guard let key = path.first else {
            self = value
            return
        }
        var entries = mapping?.entries ?? []
        var child = YAMLNode(.mapping(YAMLMapping()), at: position)
        let index = entries.firstIndex { $0.key == key }
        if let index { child = entries[index].value }
        child.put(value, at: path.dropFirst(), position)
        let entry = YAMLMapping.Entry(key: key, keyPosition: position, value: child)
        if let index { entries[index].value = child } else { entries.append(entry) }
        content = .mapping(YAMLMapping(entries))
    }
}
