import Configuration
import JSON
import PostgresModel
import Testing
import YAML

@Suite struct WriterTests {
    private func full(_ text: String) -> AgentConfiguration {
        AgentConfiguration(
            scope: "orders", name: "h1", namespace: "service",
            restapi: .init(
                listen: .init(hosts: ["0.0.0.0", "::1"], port: 8008), connectAddress: .init(host: "10.0.0.1", port: 8008),
                certificateFile: text, keyFile: "/k", caFile: "/ca", verifyClient: .required,
                authentication: Login(username: text, password: .file("/p"))),
            etcd: .init(
                endpoints: [HostPort(host: "10.0.0.1", port: 2379), HostPort(host: "fe80::1", port: 2379)], usesTLS: true,
                caFile: "/c", certificateFile: "/d", keyFile: "/e", login: Login(username: "u", password: .file(text))),
            postgresql: .init(
                listen: .init(hosts: ["*"], port: 5432), connectAddress: .init(host: "10.0.0.1", port: 5432),
                dataDirectory: text, configDirectory: "/etc/postgresql/15/main", binDirectory: "/usr/lib/postgresql/15/bin",
                pgpass: "/var/lib/pgadopt/pgpass", database: text, superuser: Login(username: "pgadopt"),
                replication: Login(username: "replicator", password: .file("/etc/r")), rewind: Login(username: text),
                parameters: ["work_mem": "64MB", "hot_standby": "on", "x.y": text], useUnixSocket: true,
                usePgRewind: false),
            bootstrap: .init(dcs: ["ttl": 40, "note": .string(text), "list": [1, true, nil, 2.5]]),
            tags: ["nofailover": false, "zone": .string(text), "priority": 3],
            watchdog: .init(mode: .off, device: "/dev/wd", safetyMargin: .seconds(-0)),
            log: .init(level: .debug, form: .json),
            pgadopt: .init(
                runtimeDirectory: "/run/pgadopt/orders", stateDirectory: text, guardProgram: "/opt/guard",
                configFile: "/etc/postgresql/15/main/postgresql.conf", hbaFile: "/h", identFile: "/i", includeFile: "/inc",
                legacyUnit: "postgresql@15-main.service"))
    }

    @Test(arguments: ["plain", "yes", "12", "a: b # c", "'", "\"", "\\", "ü", "{x}", "*a", " lead", "trail ", "null", "-"])
    func whatIsWrittenIsReadBackTheSame(_ text: String) throws {
        let configuration = full(text)
        let reading = AgentConfiguration.read(try configuration.yamlText(), path: "c.yml")
        #expect(reading.problems == [])
        #expect(reading.configuration == configuration)
    }

    @Test func absentValuesLeaveNoTrace() throws {
        let minimal = AgentConfiguration(
            scope: "s", name: "n",
            restapi: .init(listen: .init(hosts: ["*"], port: 8008), connectAddress: .init(host: "h", port: 8008)),
            etcd: .init(endpoints: [HostPort(host: "e", port: 2379)]),
            postgresql: .init(
                listen: .init(hosts: ["*"], port: 5432), connectAddress: .init(host: "h", port: 5432), dataDirectory: "/d"))
        let text = try minimal.yamlText()
        #expect(AgentConfiguration.read(text, path: "c").configuration == minimal)
        #expect(text == """
            # The configuration of pgadopt-agent on this host, written by 'pgadopt apply'.
            # The format is Patroni's; the section 'pgadopt' is our own. Settings of the whole cluster are not here but
            # in the store: GET and PATCH /config of any agent's API. After a change of this file: restart the agent.
            scope: s
            name: "n"
            namespace: service
            # Health checks, patronictl and other members come here.
            restapi:
              listen: "*:8008"
              connect_address: h:8008
            # The store that decides who leads.
            etcd3:
              hosts:
                - e:2379
            # The server on this host.
            postgresql:
              listen: "*:5432"
              connect_address: h:5432
              data_dir: /d

            """)
    }

    @Test func aSecretItselfIsNeverWritten() {
        var configuration = full("x")
        configuration.postgresql.superuser?.password = .inline("sesame")
        let error = #expect(throws: ConfigurationError.self) { try configuration.yamlText() }
        #expect(error?.code == .secretInside(key: "postgresql.authentication.superuser.password"))
        #expect(error?.description.contains("sesame") == false)
    }
}

extension WriterTests {
    /// Every key that a file of ours may hold survives writing and reading.
    @Test func everySectionIsWrittenAndReadBack() throws {
        let text = """
            \(SectionTests.with(SectionTests.server))
            bootstrap: {dcs: {ttl: 40}, method: m, m: {command: "/bin/a 'b c'", x: y}, initdb: [data-checksums, {encoding: UTF8}]}
            ctl: {insecure: true, authentication: {username: u, password_file: f}}
            log: {level: DEBUG, format: "%(message)s 5%%", dir: /l, mode: 384, loggers: {a: ERROR}}
            watchdog: {safety_margin: -1}
            """
        let first = AgentConfiguration.read(text, path: "a")
        #expect(first.problems == [])
        let configuration = try #require(first.configuration)
        let second = AgentConfiguration.read(try configuration.yamlText(), path: "b")
        #expect(second.problems == [])
        #expect(second.configuration == configuration)
    }
}
