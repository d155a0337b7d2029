import Inventory
import YAML

extension PlanContext {
    func agentChange(of host: HostSpec) -> AgentChange {
        let isPrimary = host.name == primary.name
        return AgentChange(
            member: host.name, role: isPrimary ? .leader : .replica,
            configuration: FileWrite(
                path: layout.agentConfiguration, owner: osUser(of: host), mode: "0640",
                content: agentConfiguration(of: host)),
            unitFiles: unitFiles(of: host), unit: layout.unit, restPort: spec.replicas.restPort,
            storePrefix: storePrefix, postmaster: isPrimary ? postmaster : nil)
    }

    /// Patroni's configuration format (compatibility sheet d.2); passwords are in files it refers to.
    private func agentConfiguration(of host: HostSpec) -> String {
        let fields: [YAMLField] = [
            YAMLField("scope", .string(spec.name), comment: "Written by pgadopt apply. Reload: systemctl reload \(layout.unit)"),
            YAMLField("name", .string(host.name)),
            YAMLField("namespace", .string("/\(spec.store.namespace.trimmingSlashes)/")),
            YAMLField("restapi", .map([
                YAMLField("listen", .string("0.0.0.0:\(spec.replicas.restPort)")),
                YAMLField("connect_address", .string("\(bracketed(host.address)):\(spec.replicas.restPort)")),
            ])),
            YAMLField("etcd3", .map(storeFields())),
            YAMLField("postgresql", .map(postgresFields(of: host))),
            YAMLField("watchdog", .map([YAMLField("mode", "automatic")])),
            YAMLField("tags", .map(host.tags.sorted { $0.key < $1.key }.map { YAMLField($0.key, tagValue($0.value)) })),
        ]
        return YAMLValue.map(fields).yamlText
    }

    private func storeFields() -> [YAMLField] {
        var fields = [YAMLField("hosts", .list(spec.store.endpoints.map { .string($0) }))]
        if let tls = spec.store.tls {
            fields.append(YAMLField("protocol", "https"))
            if tls.caFile != nil { fields.append(YAMLField("cacert", .string("\(layout.secrets)/store-ca.pem"))) }
            if tls.certificateFile != nil { fields.append(YAMLField("cert", .string("\(layout.secrets)/store-cert.pem"))) }
            if tls.keyFile != nil { fields.append(YAMLField("key", .string("\(layout.secrets)/store-key.pem"))) }
        }
        if let username = spec.store.username {
            fields.append(YAMLField("username", .string(username)))
            fields.append(YAMLField("password_file", .string("\(layout.secrets)/store.password")))
        }
        return fields
    }

    private func postgresFields(of host: HostSpec) -> [YAMLField] {
        let port = port(of: host)
        let listen = sql.setting("listen_addresses") ?? "*"
        var fields = [
            YAMLField("listen", .string("\(listen):\(port)")),
            YAMLField("connect_address", .string("\(bracketed(host.address)):\(port)")),
            YAMLField("data_dir", .string(dataDirectory(of: host))),
        ]
        if let directory = configDirectory { fields.append(YAMLField("config_dir", .string(directory))) }
        fields += [
            YAMLField("bin_dir", .string(binDirectory(of: host))),
            YAMLField("pgpass", .string("/run/pgadopt/\(spec.name)/pgpass")),
            YAMLField("use_unix_socket", true),
            YAMLField("authentication", .map([
                YAMLField("superuser", .map([YAMLField("username", .string(osUser(of: host)))])),
                YAMLField("replication", .map(credentials(Layout.replicationRole))),
                YAMLField("rewind", .map(credentials(Layout.rewindRole))),
            ])),
            YAMLField("parameters", .map([YAMLField("unix_socket_directories", .string(socketDirectories))])),
        ]
        return fields
    }

    private var socketDirectories: String {
        server.socketDirectories.isEmpty ? socketDirectory : server.socketDirectories.joined(separator: ",")
    }

    private func credentials(_ role: String) -> [YAMLField] {
        [YAMLField("username", .string(role)), YAMLField("password_file", .string(layout.passwordFile(role: role)))]
    }

    private func tagValue(_ text: String) -> YAMLValue {
        if let number = Int(text) { return .int(number) }
        return switch text {
        case "true": true
        case "false": false
        default: .string(text)
        }
    }

    private func bracketed(_ address: String) -> String { address.contains(":") ? "[\(address)]" : address }

    private func unitFiles(of host: HostSpec) -> [FileWrite] {
        var files = [FileWrite(path: Layout.unitTemplate, content: Self.unitTemplate)]
        let user = osUser(of: host)
        if user != "postgres" {
            files.append(FileWrite(
                path: "/etc/systemd/system/\(layout.unit).d/user.conf", content: "[Service]\nUser=\(user)\n"))
        }
        return files
    }

    /// KillMode=process: PostgreSQL outlives the agent. After=etcd.service: on a host that runs the store too,
    /// the agent can give its lease back before the store goes down. The OOM setting protects agent and guard;
    /// PostgreSQL's backends go back to 0 by PG_OOM_ADJUST_FILE.
    static let unitTemplate = """
        # Written by pgadopt; one instance a cluster. pgadopt release removes it.
        [Unit]
        Description=pgadopt agent of PostgreSQL cluster %i
        After=network-online.target time-sync.target etcd.service
        Wants=network-online.target
        StartLimitIntervalSec=0

        [Service]
        Type=notify
        NotifyAccess=main
        User=postgres
        ExecStart=/usr/lib/pgadopt/bin/pgadopt-agent /etc/pgadopt/%i.yml
        ExecReload=/bin/kill -HUP $MAINPID
        KillMode=process
        Restart=always
        RestartSec=100ms
        RuntimeDirectory=pgadopt/%i
        RuntimeDirectoryMode=0750
        RuntimeDirectoryPreserve=yes
        Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj
        OOMScoreAdjust=-900
        LimitNOFILE=65536
        TasksMax=infinity
        TimeoutStartSec=infinity
        TimeoutStopSec=10min

        [Install]
        WantedBy=multi-user.target

        """
}
