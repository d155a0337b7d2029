import Configuration
import JSON
import PostgresModel
import Testing
import YAML

@Suite struct AgentConfigurationTests {
    /// A Patroni file as its users have it.
    static let patroni = """
        scope: demo
        namespace: /service/
        name: n1
        log: {level: WARNING, traceback_level: ERROR}
        restapi:
          listen: 0.0.0.0:8008
          connect_address: 10.0.0.1:8008
          authentication: {username: admin, password: sesame}
        etcd3:
          hosts: 10.0.0.1:2379,10.0.0.2
          protocol: https
          cacert: /etc/ca.pem
          username: root
          password: etcdsecret
        bootstrap:
          dcs:
            ttl: 30
            synchronous_mode: on
            postgresql: {use_pg_rewind: true, parameters: {max_connections: 200}}
          initdb: [data-checksums]
        postgresql:
          listen: "*,[::1]:5433"
          connect_address: 10.0.0.1:5433
          data_dir: /data
          bin_dir: /usr/lib/postgresql/15/bin
          pgpass: /tmp/pgpass
          authentication:
            superuser: {username: postgres, password: supersecret}
            replication: {username: replicator, password_file: /etc/repl.pass}
          parameters:
            hot_standby: on
            work_mem: 0x10
            shared_buffers: 128MB
            archive_command: "cp '%p' /arch/%f"
            unset:
          pg_hba: [host all all 0.0.0.0/0 md5]
          callbacks: {on_start: /bin/true}
        watchdog: {mode: off}
        tags:
          clonefrom: true
          failover_priority: 2
          zone: west

        """

    private func read(_ text: String) -> AgentConfigurationReading { AgentConfiguration.read(text, path: "p.yml") }

    @Test func aPatroniFileIsRead() throws {
        let configuration = try #require(read(Self.patroni).configuration)
        #expect(configuration.scope == "demo" && configuration.name == "n1" && configuration.namespace == "service")
        #expect(configuration.restapi.listen == ListenAddress(hosts: ["0.0.0.0"], port: 8008))
        #expect(configuration.restapi.authentication == Login(username: "admin", password: .inline("sesame")))
        #expect(configuration.etcd.endpoints.map(\.description) == ["10.0.0.1:2379", "10.0.0.2:2379"])
        #expect(configuration.etcd.usesTLS && configuration.etcd.caFile == "/etc/ca.pem")
        #expect(configuration.etcd.login == Login(username: "root", password: .inline("etcdsecret")))
        #expect(configuration.postgresql.listen == ListenAddress(hosts: ["*", "::1"], port: 5433))
        #expect(configuration.postgresql.replication == Login(username: "replicator", password: .file("/etc/repl.pass")))
        #expect(configuration.postgresql.parameters == [
            "hot_standby": "on", "work_mem": "0x10", "shared_buffers": "128MB", "archive_command": "cp '%p' /arch/%f",
        ])
        #expect(configuration.watchdog.mode == .off)
        #expect(configuration.log.level == .warning)
        #expect(JSON.object(configuration.tags).text == #"{"clonefrom":true,"failover_priority":2,"zone":"west"}"#)
        #expect(JSON.object(configuration.bootstrap.dcs) == [
            "ttl": 30, "synchronous_mode": true,
            "postgresql": ["use_pg_rewind": true, "parameters": ["max_connections": 200]],
        ])
    }

    @Test func whatHasNoEffectIsNamedInWarnings() {
        let warnings = read(Self.patroni).warnings.map(\.description)
        #expect(warnings == [
            "p.yml:4:23: warning: 'traceback_level' has no effect: the agent has no tracebacks",
        ])
    }

    @Test func anUnknownKeyIsAWarningWithASuggestion() throws {
        let reading = read(Self.patroni.replacing("bin_dir:", with: "bindir:"))
        #expect(reading.configuration?.postgresql.binDirectory == nil)
        #expect(reading.warnings.map(\.description).contains(
            "p.yml:25:3: warning: unknown key 'bindir' in postgresql, ignored; did you mean 'bin_dir'?"))
    }

    @Test func everyErrorIsReportedAtOnceInTheOrderOfTheFile() {
        let text = """
            scope: a/b
            restapi: {listen: nowhere, connect_address: 10.0.0.1, keyfile: k}
            etcd: {host: e}
            etcd3: {password: x}
            postgresql:
              listen: 0.0.0.0:99999
              data_dir: []
              authentication: {superuser: {password: x}, rewind: {username: r, password: x, password_file: f}}
              parameters: {a: [1]}
            tags: {nofailover: perhaps}
            watchdog: {mode: sometimes, safety_margin: long}
            pgadopt: {guardd: x}
            scope: again
            """
        #expect(read(text).configuration == nil)
        #expect(read(text).problems.map(\.description) == [
            "p.yml:1:1: the configuration has no 'name'; allowed: text without '/'",
            "p.yml:1:8: 'scope' is 'a/b'; allowed: text without '/'",
            "p.yml:2:19: 'listen' is 'nowhere'; allowed: address[,address]:port",
            "p.yml:2:45: 'connect_address' is '10.0.0.1'; allowed: host:port",
            "p.yml:2:55: 'keyfile' is given without 'certfile'",
            "p.yml:3:1: 'etcd' is etcd's API of version 2; allowed: 'etcd3', the same endpoints with API version 3",
            "p.yml:4:8: etcd3 names no endpoint; allowed: hosts: [host:port, ...]",
            "p.yml:4:9: 'password' is given without 'username'",
            "p.yml:6:3: postgresql has no 'connect_address'; allowed: host[:port]",
            "p.yml:6:11: 'listen' is '0.0.0.0:99999'; allowed: address[,address][:port]",
            "p.yml:7:13: 'data_dir' is a list; allowed: text",
            "p.yml:8:31: superuser has no 'username'; allowed: text",
            "p.yml:8:81: 'password' and 'password_file' are both given; allowed: one of them",
            "p.yml:9:19: the parameter 'a' is a list; allowed: text, a number, on or off",
            "p.yml:10:20: 'nofailover' is 'perhaps'; allowed: true or false",
            "p.yml:11:18: 'mode' is 'sometimes'; allowed: off, automatic, required",
            "p.yml:11:44: 'safety_margin' is 'long'; allowed: a time such as 5, or -1 for half of the ttl",
            "p.yml:12:11: unknown key 'guardd' in pgadopt; allowed: runtime_dir, state_dir, guard, config_file, hba_file, "
                + "ident_file, include_file, legacy_unit, postmaster_options, store_leader_apart, relay; "
                + "did you mean 'guard'?",
            "p.yml:13:1: the key 'scope' is already there at line 1",
        ])
    }

    @Test(arguments: ["", "# nothing\n", "- a", "a: [", "\u{0}", "scope: x", "42"])
    func whatIsNoConfigurationIsAnErrorWithAPlace(_ text: String) {
        #expect(throws: ConfigurationError.self) { try AgentConfiguration(reading: Array(text.utf8), path: "p") }
        #expect(read(text).problems.allSatisfy { $0.position >= .start })
    }

    @Test func noSecretShowsInAnyPrintedForm() throws {
        let configuration = try #require(read(Self.patroni).configuration)
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!["sesame", "etcdsecret", "supersecret"].contains { text.contains($0) })
        }
    }

    @Test(arguments: [
        ("0.0.0.0:5432", ["0.0.0.0"], 5432), ("a, b:1", ["a", "b"], 1), ("*", ["*"], 5432), ("::1", ["::1"], 5432),
        ("[::1]:7", ["::1"], 7), ("127.0.0.1,::1:5433", ["127.0.0.1", "::1"], 5433), ("localhost", ["localhost"], 5432),
    ])
    func listenAddresses(_ text: String, _ hosts: [String], _ port: Int) {
        #expect(ListenAddress(text, defaultPort: 5432) == ListenAddress(hosts: hosts, port: port))
    }

    @Test(arguments: ["", ":", "a b:1", "a:0", "a,:1", "a:70000", "$(x):1"])
    func noListenAddress(_ text: String) { #expect(ListenAddress(text, defaultPort: 5432) == nil) }
}

extension String {
    fileprivate func replacing(_ old: String, with new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}
