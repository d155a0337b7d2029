import PostgresModel
import YAML

/// Everything that is wrong with an inventory, in the order of the file.
public struct InventoryError: Error, Hashable, Sendable, CustomStringConvertible {
    public var problems: [Diagnostic]

    public init(problems: [Diagnostic]) { self.problems = problems }

    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// What reading an inventory gave.
public struct InventoryReading: Sendable {
    /// Nil when there is at least one error.
    public var inventory: Inventory?
    /// Errors and warnings by position.
    public var problems: [Diagnostic]
}

extension Inventory {
    /// Reads an inventory file's text. `path` is the file's path: it names the file in messages, and relative
    /// paths in the file are relative to its directory. `home` replaces a leading `~/`; without it such paths stay.
    public static func read(_ bytes: [UInt8], path: String, home: String? = nil) -> InventoryReading {
        var reader = InventoryReader(path: path, home: home)
        let inventory = reader.read(bytes)
        return InventoryReading(inventory: reader.report.hasErrors ? nil : inventory, problems: reader.report.sorted)
    }

    public static func read(_ text: String, path: String, home: String? = nil) -> InventoryReading {
        read(Array(text.utf8), path: path, home: home)
    }

    /// As `read`, with the problems thrown when one of them is an error.
    public init(reading text: String, path: String, home: String? = nil) throws(InventoryError) {
        let reading = Self.read(text, path: path, home: home)
        guard let inventory = reading.inventory else { throw InventoryError(problems: reading.problems) }
        self = inventory
    }
}

/// Text -> model. The schema reports what has the wrong form; here, absent and malformed look the same.
struct InventoryReader {
    var report: Diagnostics
    private let directory: String
    private let home: String?

    init(path: String, home: String?) {
        report = Diagnostics(file: path)
        directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        self.home = home
    }

    mutating func read(_ bytes: [UInt8]) -> Inventory? {
        do throws(YAMLError) {
            let document = try YAMLDocument(collecting: bytes, file: report.file)
            for duplicate in document.duplicates { report.append(duplicate) }
            guard let root = document.root, !root.isNull else {
                report.error(
                    "the file is empty; 'pgadopt init' writes a commented start", at: .start,
                    allowed: ValueType.section(InventorySchema.file).allowed)
                return nil
            }
            return read(root)
        } catch {
            report.append(error)
            return nil
        }
    }

    private mutating func read(_ root: YAMLNode) -> Inventory {
        InventorySchema.file.check(root, named: "the inventory", &report)
        let entries = root["clusters"]?.mapping?.entries ?? []
        if let clusters = root["clusters"], clusters.mapping != nil, entries.isEmpty {
            report.error("'clusters' names no cluster", at: clusters.position)
        }
        let clusters = entries.map { cluster($0) }
        checkAcrossClusters(zip(entries, clusters).map { ($0, $1) }, &report)
        return Inventory(clusters: clusters)
    }

    private mutating func cluster(_ entry: YAMLMapping.Entry) -> ClusterSpec {
        let node = entry.value
        let hostEntries = node["hosts"]?.mapping?.entries ?? []
        let hosts = hostEntries.map { host($0, cluster: node) }
        checkHosts(entry, Array(zip(hostEntries, hosts)), &report)
        return ClusterSpec(
            name: entry.key, rto: word(node["rto"], default: .normal),
            // Stable: within a role the order of the file stays.
            hosts: HostRole.allCases.flatMap { role in hosts.filter { $0.role == role } },
            store: store(node["store"], of: entry, hosts), postgres: postgres(node["postgres"]),
            replicas: replicas(node["replicas"]))
    }

    private mutating func host(_ entry: YAMLMapping.Entry, cluster: YAMLNode) -> HostSpec {
        let own = entry.value
        let address = own["address"]?.asText
        let login = own["ssh"]?["host"]?.asText ?? address ?? entry.key
        return HostSpec(
            name: entry.key, role: word(own["role"], default: .replica), address: address ?? login,
            ssh: ssh(host: login, own: own["ssh"], shared: cluster["ssh"]),
            postgres: postgres(own["postgres"]), tags: tags(own["tags"]))
    }

    private mutating func ssh(host: String, own: YAMLNode?, shared: YAMLNode?) -> SSHSpec {
        let value = { (key: String) in own?[key].flatMap { $0.isNull ? nil : $0 } ?? shared?[key] }
        let sharedSecret = secret(shared, "passphrase")
        return SSHSpec(
            host: host, port: value("port")?.asInt, user: value("user")?.asText,
            identityFile: path(value("identity_file")), passphraseSource: secret(own, "passphrase") ?? sharedSecret,
            useAgent: value("use_agent")?.asBool ?? true, knownHostsFile: path(value("known_hosts_file")),
            jump: value("jump")?.asText, sudo: word(value("sudo"), default: .auto))
    }

    private func postgres(_ node: YAMLNode?) -> PostgresSpec {
        PostgresSpec(
            port: node?["port"]?.asInt, dataDirectory: node?["data_directory"]?.asText,
            service: node?["service"]?.asText, binDirectory: node?["bin_directory"]?.asText,
            osUser: node?["os_user"]?.asText, walDirectory: node?["wal_directory"]?.asText)
    }

    private mutating func store(
        _ node: YAMLNode?, of cluster: YAMLMapping.Entry, _ hosts: [HostSpec]
    ) -> StoreSpec {
        if let node, let managed = readManagedStore(node, &report) {
            return managedStore(node, managed, of: cluster, hosts)
        }
        // A key with nothing after its colon is a key not given.
        if let node, node.mapping != nil, node["endpoints"]?.isNull != false {
            report.error(
                "store has no 'endpoints'", at: node["endpoints"]?.position ?? node.position,
                allowed: "\(ValueType.list(of: .endpoint).allowed), or 'store: managed'")
        }
        let endpoints = node?["endpoints"]?.sequence ?? []
        var seen: Set<String> = []
        for endpoint in endpoints {
            guard let text = endpoint.asText, !seen.insert(text).inserted else { continue }
            report.error("the endpoint '\(text.excerpt)' is there twice", at: endpoint.position)
        }
        let password = secret(node, "password")
        if let entry = node?.mapping?["password_file"] ?? node?.mapping?["password_env"], node?["username"] == nil {
            report.error("'\(entry.key)' is given without 'username'", at: entry.keyPosition)
        }
        return StoreSpec(
            endpoints: endpoints.compactMap(\.asText),
            namespace: node?["namespace"]?.asText.map(normalizedNamespace) ?? "service", tls: tls(node?["tls"]),
            username: node?["username"]?.asText, passwordSource: password)
    }

    private mutating func managedStore(
        _ node: YAMLNode, _ managed: ManagedStoreReading, of cluster: YAMLMapping.Entry, _ hosts: [HostSpec]
    ) -> StoreSpec {
        let members = managedStoreMembers(hosts)
        checkManagedStore(node, managed, cluster, members, &report)
        let spec = ManagedStoreSpec(
            clientPort: managed.clientPort, peerPort: managed.peerPort,
            directory: path(managed.directory) ?? "\(directory)\(cluster.key)-store", members: members.map(\.name))
        return StoreSpec(
            endpoints: members.map { HostPort(host: $0.address, port: spec.clientPort).description },
            namespace: node["namespace"]?.asText.map(normalizedNamespace) ?? "service",
            tls: TLSSpec(
                caFile: spec.authorityFile, certificateFile: spec.clientCertificateFile,
                keyFile: spec.clientKeyFile),
            managed: spec)
    }

    private mutating func tls(_ node: YAMLNode?) -> TLSSpec? {
        guard let node, let mapping = node.mapping else { return nil }
        let result = TLSSpec(
            caFile: path(node["ca_file"]), certificateFile: path(node["cert_file"]), keyFile: path(node["key_file"]))
        switch (mapping["cert_file"], mapping["key_file"]) {
        case (let certificate?, nil):
            report.error("'cert_file' is given without 'key_file'", at: certificate.keyPosition)
        case (nil, let key?): report.error("'key_file' is given without 'cert_file'", at: key.keyPosition)
        case (nil, nil), (_?, _?): break
        }
        return result
    }

    private func replicas(_ node: YAMLNode?) -> ReplicaOptions {
        ReplicaOptions(
            maxRate: node?["max_rate"]?.asByteCount,
            checkpoint: node?["checkpoint"]?.asText.flatMap { CheckpointMode(rawValue: $0) },
            maxLatency: maxLatency(node?["max_latency"]),
            cloneFrom: node?["clone_from"]?.asText.flatMap { CloneSource(rawValue: $0) },
            compress: node?["compress"]?.asText.flatMap { CopyCompression(rawValue: $0) },
            restPort: node?["rest_port"]?.asInt ?? 8008, relayPort: node?["relay_port"]?.asInt,
            pgBackRest: readBackrest(node?["pgbackrest"]))
    }

    private func maxLatency(_ node: YAMLNode?) -> Int? {
        node?.asText == "off" ? nil : node?.asInt ?? ReplicaOptions.defaultMaxLatency
    }

    private mutating func tags(_ node: YAMLNode?) -> [String: String] {
        var tags: [String: String] = [:]
        for entry in node?.mapping?.entries ?? [] {
            if let spec = InventorySchema.tags[entry.key] {
                spec.type.check(entry.value, named: entry.key, &report)
            } else if let known = nearest(to: entry.key, among: InventorySchema.tags.keys.map(\.name)) {
                report.warning(
                    "the tag '\(entry.key.excerpt)' has no effect of its own", at: entry.keyPosition, suggestion: known)
            }
            tags[entry.key] = entry.value.asText
        }
        return tags
    }

    private mutating func secret(_ node: YAMLNode?, _ name: String) -> SecretSource? {
        let file = node?.mapping?["\(name)_file"]
        let variable = node?.mapping?["\(name)_env"]
        if file != nil, let variable {
            report.error(
                "'\(name)_env' and '\(name)_file' are both given; allowed: one of them", at: variable.keyPosition)
        }
        return path(file?.value).map { .file($0) } ?? variable?.value.asText.map { .environment($0) }
    }

    private func word<Word: RawRepresentable<String>>(_ node: YAMLNode?, default fallback: Word) -> Word {
        node?.asText.flatMap { Word(rawValue: $0) } ?? fallback
    }

    /// Absolute, or relative to the inventory's directory.
    private func path(_ node: YAMLNode?) -> String? {
        guard let text = node?.asText, !text.isEmpty else { return nil }
        if text.hasPrefix("~/") { return home.map { $0 + text.dropFirst() } ?? text }
        return text.hasPrefix("/") ? text : directory + text
    }
}

/// `/service/` and `service` are the same namespace (compatibility sheet a.2).
private func normalizedNamespace(_ text: String) -> String {
    text.split(separator: "/").joined(separator: "/")
}
