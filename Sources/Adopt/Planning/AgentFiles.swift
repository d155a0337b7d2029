import Configuration
import Inventory
import JSON
import PostgresModel

/// The agent's configuration and its unit.
extension PlanContext {
    func agentChange(of host: HostSpec) throws(PlanningError) -> AgentChange {
        let isPrimary = host.name == primary.name
        let text: String
        do throws(ConfigurationError) {
            text = try agentConfiguration(of: host).yamlText()
        } catch {
            throw PlanningError(.unsupported, host: host.name, "the agent's configuration cannot be written: \(error)")
        }
        return AgentChange(
            member: host.name, role: isPrimary ? .leader : .replica,
            configuration: FileWrite(
                path: layout.agentConfiguration, owner: osUser(of: host), mode: "0640", content: text),
            unitFiles: unitFiles(of: host), unit: layout.unit, osUser: osUser(of: host),
            stateDirectory: layout.agentState, restPort: spec.replicas.restPort, storePrefix: storePrefix,
            postmaster: runningServer(of: host)?.identity)
    }

    private func agentConfiguration(of host: HostSpec) -> AgentConfiguration {
        let tls = spec.store.tls
        let login = spec.store.username.map {
            Login(username: $0, password: .file("\(layout.secrets)/store.password"))
        }
        return AgentConfiguration(
            scope: spec.name, name: host.name, namespace: spec.store.namespace.trimmingSlashes,
            restapi: .init(
                listen: ListenAddress(hosts: ["0.0.0.0"], port: spec.replicas.restPort),
                connectAddress: HostPort(host: host.address, port: spec.replicas.restPort)),
            etcd: .init(
                endpoints: spec.store.endpoints.compactMap { HostPort($0, defaultPort: 2379) }, usesTLS: tls != nil,
                caFile: tls?.caFile == nil ? nil : "\(layout.secrets)/store-ca.pem",
                certificateFile: tls?.certificateFile == nil ? nil : "\(layout.secrets)/store-cert.pem",
                keyFile: tls?.keyFile == nil ? nil : "\(layout.secrets)/store-key.pem", login: login),
            postgresql: postgresSection(of: host), tags: tags(of: host), pgadopt: ownSection(of: host))
    }

    private func postgresSection(of host: HostSpec) -> AgentConfiguration.Postgres {
        let port = port(of: host)
        let running = model(of: host).sql?.setting("listen_addresses") ?? "*"
        let wanted = standbys[host.name] == nil ? wantedListenAddresses(of: host) : nil
        let listen = ListenAddresses(wanted ?? running).entries
        var section = AgentConfiguration.Postgres(
            listen: ListenAddress(hosts: listen.isEmpty ? ["localhost"] : listen, port: port),
            connectAddress: HostPort(host: host.address, port: port), dataDirectory: dataDirectory(of: host),
            configDirectory: configDirectory(of: host), binDirectory: binDirectory(of: host),
            pgpass: "\(layout.agentState)/pgpass", superuser: Login(username: osUser(of: host)),
            replication: credentials(Layout.replicationRole), rewind: credentials(Layout.rewindRole),
            parameters: parameters(of: host), useUnixSocket: true)
        let wal = walDirectory(of: host)
        if let wal { section.options.basebackupOptions = [ProgramOption("waldir", wal)] }
        if let restore = backrestRestore(of: host) {
            // A copy of the leader where the repository is of no help.
            section.options.createReplicaMethods = [restore.replicaMethod(walDirectory: wal), .basebackup]
        }
        if let command = walCommand(of: host) { section.options.recoveryConf = ["restore_command": command] }
        return section
    }

    private func ownSection(of host: HostSpec) -> AgentConfiguration.Own {
        let isOutside = configDirectory(of: host) != nil
        let model = model(of: host)
        return .init(
            stateDirectory: layout.agentState, configFile: isOutside ? model.configFile : nil,
            hbaFile: isOutside ? model.hbaFile : nil, identFile: isOutside ? model.identFile : nil,
            includeFile: settingsPath(of: host), legacyUnit: legacyUnit(of: host),
            storeLeaderApart: spec.store.endpoints.contains { HostPort($0, defaultPort: 2379)?.host == host.address },
            relay: relaySection(of: host))
    }

    private func credentials(_ role: String) -> Login {
        Login(username: role, password: .file(layout.passwordFile(role: role)))
    }

    private func tags(of host: HostSpec) -> JSONObject {
        var tags = JSONObject()
        for (key, text) in host.tags.sorted(by: { $0.key < $1.key }) {
            tags[key] = Int64(text).map(JSON.int) ?? (text == "true" ? true : text == "false" ? false : .string(text))
        }
        return tags
    }

    func unitFiles(of host: HostSpec) -> [FileWrite] {
        var files = [FileWrite(path: Layout.unitTemplate, content: Self.unitTemplate)]
        let user = osUser(of: host)
        if user != "postgres" {
            files.append(FileWrite(
                path: "/etc/systemd/system/\(layout.unit).d/user.conf", content: "[Service]\nUser=\(user)\n"))
        }
        return files
    }

    /// ExecStop tells a shutdown of the host (stop PostgreSQL, hand the lock over) from a restart of the agent
    /// (disturb nobody): the agent's own user cannot ask systemd once D-Bus has been stopped.
    /// KillMode=process: PostgreSQL outlives the agent. After=etcd.service: on a host that runs the store too,
    /// the agent can give its lease back before the store goes down. WatchdogSec: until the agent names a shorter
    /// time; one whose loop hangs is replaced, and the guard sees to the server meanwhile. The OOM setting protects agent
    /// and guard; PostgreSQL's backends go back to 0 by PG_OOM_ADJUST_FILE.
    static let unitTemplate = """
        # Written by pgadopt; one instance a cluster. It stays as it is until adoption is taken back.
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
        # Only root can ask systemd while the host goes down; the agent finds the answer in this file.
        ExecStop=+/bin/sh -c 'if [ "$(systemctl is-system-running)" = stopping ]; then touch /run/pgadopt/%i/host-stops; fi'
        KillMode=process
        Restart=always
        RestartSec=100ms
        WatchdogSec=2min
        WatchdogSignal=SIGKILL
        RuntimeDirectory=pgadopt/%i
        RuntimeDirectoryMode=0750
        RuntimeDirectoryPreserve=yes
        Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj
        OOMScoreAdjust=-900
        LimitNOFILE=65536
        LimitNICE=-20
        TasksMax=infinity
        TimeoutStartSec=infinity
        TimeoutStopSec=10min

        [Install]
        WantedBy=multi-user.target

        """
}
