import Configuration
import JSON
import PostgresModel
import Testing
import YAML

/// Every section of a Patroni file arrives as typed values.
@Suite struct SectionTests {
    static let base = """
        scope: demo
        name: n1
        restapi: {listen: 0.0.0.0:8008, connect_address: 10.0.0.1:8008}
        etcd3: {host: 10.0.0.1}
        postgresql: {listen: "*", connect_address: 10.0.0.1, data_dir: /data}

        """

    /// `base` with one of its sections replaced or added.
    static func with(_ section: String) -> String {
        let name = String(section.prefix { $0 != ":" })
        let kept = base.split(separator: "\n").filter { !$0.hasPrefix("\(name):") }
        return (kept + [Substring(section)]).joined(separator: "\n") + "\n"
    }

    private func read(_ section: String) throws -> AgentConfiguration {
        let reading = AgentConfiguration.read(Self.with(section), path: "p.yml")
        #expect(reading.problems == [])
        return try #require(reading.configuration)
    }

    private func problems(_ section: String) -> [String] {
        AgentConfiguration.read(Self.with(section), path: "p").problems.map(\.message)
    }

    @Test func theAPI() throws {
        let api = try read("""
            restapi:
              listen: 0.0.0.0:8008
              connect_address: 10.0.0.1:8008
              certfile: /c
              keyfile: /k
              keyfile_password: sesame
              cafile: /ca
              ciphers: HIGH
              verify_client: optional
              allowlist: 10.0.0.0/8, db1
              allowlist_include_members: on
              http_extra_headers: {X-A: 1, X-B: two}
              https_extra_headers: {x-a: "3"}
              request_queue_size: 128
              server_tokens: productonly
            """).restapi
        #expect(api.keyFilePassword == .inline("sesame") && api.ciphers == "HIGH" && api.verifyClient == .optional)
        #expect(api.allowlist == ["10.0.0.0/8", "db1"] && api.allowlistIncludeMembers)
        #expect(api.headers == [.init("X-B", "two"), .init("x-a", "3")])
        #expect(api.requestQueueSize == 128 && api.serverTokens == .productOnly)
    }

    @Test func theClientSide() throws {
        let configuration = try read("""
            ctl:
              authentication: {username: u, password_file: /p}
              insecure: true
              cacert: /ca
              certfile: /c
              keyfile: /k
            """)
        #expect(configuration.apiLogin == Login(username: "u", password: .file("/p")))
        #expect(configuration.ctl.insecure && configuration.apiAuthorityFile == "/ca")
    }

    @Test func logging() throws {
        let log = try read("""
            log:
              level: warn
              type: json
              format: [asctime: "@timestamp", levelname: level, message]
              dateformat: "%Y"
              static_fields: {app: pg, n: 1}
              dir: /var/log/pg
              mode: 420
              file_num: 2
              file_size: 1000
              loggers: {store: DEBUG}
            """).log
        #expect(log.level == .warning && log.form == .json && log.dateFormat == "%Y")
        #expect(log.jsonFields.map(\.name) == ["@timestamp", "level", "message"])
        #expect(JSON.object(log.staticFields) == ["app": "pg", "n": 1])
        #expect(log.file?.directory == "/var/log/pg" && log.file?.mode == 0o644)
        #expect(log.file?.count == 2 && log.file?.size == 1000)
        #expect(log.loggers == ["store": .debug])
    }

    @Test func aLineOfTheLog() throws {
        let format = try #require(LogFormat("%(asctime)s %(levelname)-8s[%(name)5s] 100%% %(message)s"))
        let line = format.line { ["levelname": "INFO", "name": "a", "message": "m", "asctime": "T"][$0.rawValue] ?? "" }
        #expect(line == "T INFO    [    a] 100% m")
        #expect(LogFormat(format.text) == format)
        #expect(LogFormat("%(nothing)s") == nil && LogFormat("50%") == nil && LogFormat("%(name") == nil)
    }

    static let server = """
        postgresql:
          listen: "*"
          connect_address: 10.0.0.1
          proxy_address: 10.0.0.1:6432
          data_dir: /data
          bin_dir: /usr/lib/postgresql/15/bin
          bin_name: {postgres: postgres-15}
          authentication:
            replication: {username: r, sslmode: verify-full, sslrootcert: /ca, channel_binding: require}
          parameters: {work_mem: 4MB, jit: off}
          parameters_replica: {jit: on}
          pg_hba: [host all all 0.0.0.0/0 md5]
          pg_hba_primary: [local all all peer]
          pg_ident: [m a b]
          custom_conf: /etc/custom.conf
          recovery_conf: {restore_command: "cp /a/%f %p"}
          callbacks: {on_start: "/bin/cb 'a b'", on_role_change: /bin/rc}
          pre_promote: /bin/pre
          before_stop: /bin/stop -x
          create_replica_methods: [pgbackrest, basebackup]
          pgbackrest: {command: /usr/bin/pgbackrest restore, keep_data: true, no_params: true, delta: on, stanza: s}
          basebackup: [verbose, {max-rate: 100M}]
          rewind: [debug]
          use_unix_socket: true
        """

    @Test func theServer() throws {
        let postgresql = try read(Self.server).postgresql
        let options = postgresql.options
        #expect(postgresql.proxyAddress == HostPort(host: "10.0.0.1", port: 6432))
        #expect(options.program("postgres") == "/usr/lib/postgresql/15/bin/postgres-15")
        #expect(options.program("initdb") == "/usr/lib/postgresql/15/bin/initdb")
        let security = try #require(postgresql.replication?.security)
        #expect(security.settings.map { "\($0.keyword)=\($0.value)" } == [
            "sslmode=verify-full", "sslrootcert=/ca", "channel_binding=require",
        ])
        #expect(options.parameters(for: .replica) == ["work_mem": "4MB", "jit": "on"])
        #expect(options.parameters(for: .primary) == ["work_mem": "4MB", "jit": "off"])
        #expect(options.pgHBA(for: .primary) == ["local all all peer"])
        #expect(options.pgHBA(for: .replica) == ["host all all 0.0.0.0/0 md5"])
        #expect(options.pgIdent(for: .standbyLeader) == ["m a b"] && options.customConf == "/etc/custom.conf")
        #expect(options.recoveryConf == ["restore_command": "cp /a/%f %p"])
        #expect(options.callbacks[.start]?.words == ["/bin/cb", "a b"] && options.callbacks[.stop] == nil)
        #expect(options.prePromote?.words == ["/bin/pre"] && options.beforeStop?.words == ["/bin/stop", "-x"])
        #expect(options.basebackupOptions.map(\.description) == ["--verbose", "--max-rate=100M"])
        #expect(options.rewindOptions.map(\.description) == ["--debug"])
        #expect(options.useUnixSocket == true)
    }

    @Test func methodsThatMakeReplicas() throws {
        let methods = try #require(try read(Self.server).postgresql.options.createReplicaMethods)
        #expect(methods.map(\.name) == ["pgbackrest", "basebackup"] && methods[1] == .basebackup)
        let script = try #require(methods[0].script)
        #expect(script.command.words == ["/usr/bin/pgbackrest", "restore"])
        #expect(script.noParams && script.keepData && !script.noLeader)
        #expect(script.arguments.map(\.description) == ["--delta=True", "--stanza=s"])
    }

    @Test func aNewCluster() throws {
        let bootstrap = try read("""
            bootstrap:
              dcs: {ttl: 30}
              method: restore
              restore:
                command: /bin/restore
                keep_existing_recovery_conf: true
                recovery_conf: {recovery_target_action: promote}
                extra: 1
              initdb: [data-checksums, {encoding: UTF8}, locale: C]
              pg_hba: [host all all all md5]
              post_bootstrap: /bin/post
            """).bootstrap
        guard case .custom("restore", let script) = bootstrap.method else {
            Issue.record("not the custom method")
            return
        }
        #expect(script.command.words == ["/bin/restore"] && script.keepsExistingRecoveryConf)
        #expect(script.recoveryConf == ["recovery_target_action": "promote"])
        #expect(script.arguments.map(\.description) == ["--extra=1"])
        #expect(bootstrap.initdbOptions.map(\.description) == ["--data-checksums", "--encoding=UTF8", "--locale=C"])
        #expect(bootstrap.pgHBA == ["host all all all md5"] && bootstrap.postBootstrap?.program == "/bin/post")
        #expect(try read("bootstrap: {dcs: {ttl: 30}}").bootstrap.method == .initdb)
        #expect(try read("bootstrap: {dcs: {}}").bootstrap.isPresent)
        #expect(try !read("tags: {a: 1}").bootstrap.isPresent)
    }

    @Test func theWatchdog() throws {
        #expect(try read("watchdog: {mode: required, safety_margin: -1}").watchdog.timeout(ttl: .seconds(30)) == .seconds(15))
        #expect(try read("").watchdog.timeout(ttl: .seconds(30)) == .seconds(25))
        #expect(try read("").watchdog.timeout(ttl: .seconds(6)) == .seconds(5), "one renewal may fail")
        #expect(try read("watchdog: {device: /dev/w}").watchdog.timeout(ttl: .seconds(30)) == .seconds(25))
    }

    @Test func whatCannotBeDoneIsNamed() {
        #expect(problems("bootstrap: {method: x}") == [
            "the method 'x' has no section below bootstrap; allowed: initdb, or the name of a section with its 'command'",
        ])
        #expect(problems("bootstrap: {users: {a: {}}, initdb: [pgdata: /x]}") == [
            "'users' has no effect: roles are made by 'post_bootstrap', as since Patroni 4.0",
            "'pgdata' in 'initdb' has no effect: the agent gives this option itself",
        ])
        #expect(problems("restapi: {listen: '*:1', connect_address: 'a:1', verify_client: required}") == [
            "'verify_client' needs the authority of the clients' certificates; allowed: 'cafile' beside it",
        ])
        #expect(problems("etcd3: {srv: x}") == [
            "'srv' is not looked up; allowed: the endpoints themselves in 'hosts', as 'dig SRV' shows them",
        ])
        #expect(problems("citus: {group: 0}").first?.hasPrefix("'citus' is not managed by pgadopt") == true)
        #expect(problems("tags: {nofailover: true, failover_priority: 2}") == [
            "Conflicting configuration between nofailover: True and failover_priority: 2. Defaulting to nofailover: True",
        ])
        #expect(problems("log: {level: LOUD, format: '%(x)s'}").count == 2)
    }

    @Test(arguments: [
        (["nofailover": true], true, 0), (["nofailover": false], false, 1), (["failover_priority": 5], false, 5),
        (["failover_priority": 0], true, 0), (["failover_priority": -3], true, 0), ([:], false, 1),
        (["nofailover": true, "failover_priority": 5], true, 0), (["nofailover": false, "failover_priority": 0], false, 1),
    ] as [(JSONObject, Bool, Int)])
    func whoMayLead(_ tags: JSONObject, _ never: Bool, _ priority: Int) {
        let tags = MemberTags(tags)
        #expect(tags.nofailover == never && tags.failoverPriority == priority)
    }

    @Test func onlyTagsThatSaySomethingArePublished() {
        let tags = MemberTags([
            "nofailover": false, "clonefrom": true, "noloadbalance": false, "nosync": false, "sync_priority": 2, "zone": "",
        ])
        #expect(JSON.object(tags.published).text == #"{"clonefrom":true,"nosync":false,"sync_priority":2,"zone":""}"#)
        #expect(MemberTags(["replicatefrom": "n2", "nostream": "yes"]).replicatefrom == "n2")
        #expect(MemberTags(["nostream": "yes"]).nostream)
    }

    @Test func keysWithoutEffectAreNamedWithTheReason() {
        let section = Self.server.replacing("channel_binding: require", with: "sslpassword: x") + """

              use_unix_socket_repl: true
              remove_data_directory_on_rewind_failure: true
              pg_ctl_timeout: 90
            """
        let warnings = problems(section)
        for (key, reason) in [
            ("sslpassword", "command lines"), ("use_unix_socket_repl", "'use_unix_socket'"),
            ("remove_data_directory_on_rewind_failure", "set aside"), ("pg_ctl_timeout", "primary_start_timeout"),
        ] { #expect(warnings.contains { $0.contains(key) && $0.contains(reason) }, "\(key): \(warnings)") }
        #expect(DynamicConfiguration.read(["primary_race_backoff": 5]).warnings.count == 1)
    }

    @Test func theFilesWordsLieOverTheClusters() throws {
        let file = try read(Self.server)
        let dynamic = DynamicConfiguration.read([
            "postgresql": [
                "parameters": ["work_mem": "1GB", "max_connections": 200], "parameters_replica": ["jit": "off", "x.y": 1],
                "pg_hba": ["local all all trust"], "use_pg_rewind": true,
                "callbacks": ["on_stop": "/bin/x"],
            ],
        ])
        #expect(dynamic.warnings == [])
        let options = file.postgresOptions(with: dynamic.configuration)
        #expect(options.parameters == ["work_mem": "4MB", "jit": "off", "max_connections": "200"])
        #expect(options.parametersByRole[.replica] == ["jit": "on", "x.y": "1"])
        #expect(options.pgHBA == ["host all all 0.0.0.0/0 md5"] && options.usePgRewind == true)
        #expect(options.callbacks[.stop] == nil)
    }

    @Test func theClusterCannotSayWhatBelongsToAMember() {
        let (dynamic, warnings) = DynamicConfiguration.read([
            "postgresql": ["data_dir": "/elsewhere", "pg_hba": "no list", "parameters": ["a": [1]]],
        ])
        #expect(warnings == [
            "postgresql.data_dir has no effect here: each member's own file says it",
            "postgresql.'pg_hba' is the text 'no list', not a list; allowed: a list of: text; did you mean '[no list]'?; "
                + "it is ignored",
            "postgresql.the parameter 'a' is a list; allowed: text, a number, on or off; it is ignored",
        ])
        #expect(dynamic.postgresql.options.pgHBA == nil)
    }
}
