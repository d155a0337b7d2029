import Configuration
import PostgresModel
import Testing
import YAML

/// Files merged in their order, the environment over them.
@Suite struct SourceTests {
    private func file(_ name: String, _ text: String) -> ConfigurationSource {
        ConfigurationSource(name: name, bytes: Array(text.utf8))
    }

    private func read(_ environment: [String: String]) -> AgentConfigurationReading {
        AgentConfiguration.read([file("a.yml", SectionTests.base)], environment: environment)
    }

    @Test func laterFilesLieOverEarlierOnes() throws {
        let reading = AgentConfiguration.read([
            file("1.yml", SectionTests.base), file("2.yml", "name: n2\npostgresql: {data_dir: /other}\ntags: {a: 1}\n"),
            file("3.yml", "tags:\n"),
        ], environment: [:])
        let configuration = try #require(reading.configuration)
        #expect(reading.problems == [])
        #expect(configuration.name == "n2" && configuration.postgresql.dataDirectory == "/other")
        #expect(configuration.postgresql.connectAddress.host == "10.0.0.1" && configuration.tags.isEmpty)
    }

    @Test func aProblemNamesTheFileItIsIn() {
        let reading = AgentConfiguration.read([
            file("1.yml", SectionTests.base), file("2.yml", "# one\nwatchdog: {mode: nowhere}\n"), file("3.yml", "a: [\n"),
        ], environment: ["PATRONI_RESTAPI_LISTEN": "somewhere"])
        #expect(reading.configuration == nil)
        #expect(reading.problems.map(\.description).filter { !$0.hasPrefix("3.yml:") } == [
            "2.yml:2:18: 'mode' is 'nowhere'; allowed: off, automatic, required",
            "PATRONI_RESTAPI_LISTEN:1:1: 'listen' is 'somewhere'; allowed: address[,address]:port",
        ])
        #expect(reading.problems.contains { $0.file == "3.yml" })
    }

    @Test func theEnvironmentLiesOverTheFile() throws {
        let reading = read([
            "PATRONI_NAME": "n9", "PATRONI_RESTAPI_USERNAME": "u", "PATRONI_RESTAPI_PASSWORD": "sesame",
            "PATRONI_RESTAPI_ALLOWLIST": "10.0.0.1,'db2'", "PATRONI_RESTAPI_HTTP_EXTRA_HEADERS": "X-A: b",
            "PATRONI_ETCD3_HOSTS": "'e1:2379',e2:2380", "PATRONI_ETCD3_PROTOCOL": "https",
            "PATRONI_SUPERUSER_USERNAME": "postgres", "PATRONI_SUPERUSER_SSLMODE": "require",
            "PATRONI_POSTGRESQL_BIN_POSTGRES": "pg", "PATRONI_LOGLEVEL": "DEBUG", "PATRONI_LOG_LOGGERS": "{a: ERROR}",
            "PGADOPT_STATE_DIR": "/state", "HOME": "/root", "PATRONI_EMPTY": "",
        ])
        let configuration = try #require(reading.configuration)
        #expect(reading.problems == [])
        #expect(configuration.name == "n9" && configuration.scope == "demo")
        #expect(configuration.restapi.authentication == Login(username: "u", password: .inline("sesame")))
        #expect(configuration.restapi.allowlist == ["10.0.0.1", "db2"])
        #expect(configuration.restapi.headers == [.init("X-A", "b")])
        #expect(configuration.etcd.endpoints.map(\.description) == ["e1:2379", "e2:2380"] && configuration.etcd.usesTLS)
        #expect(configuration.postgresql.superuser?.security.sslmode == .require)
        #expect(configuration.postgresql.options.binNames == ["postgres": "pg"])
        #expect(configuration.log.level == .debug && configuration.log.loggers == ["a": .error])
        #expect(configuration.pgadopt.stateDirectory == "/state")
        #expect(reading.consumedVariables.contains("PATRONI_RESTAPI_PASSWORD"))
        #expect(!reading.consumedVariables.contains("HOME"))
    }

    @Test func aPasswordOfTheEnvironmentReplacesTheFilesReference() throws {
        let text = SectionTests.with(
            "ctl: {authentication: {username: u, password_file: /p}}")
        let reading = AgentConfiguration.read([file("a", text)], environment: ["PATRONI_CTL_PASSWORD": "x"])
        #expect(reading.configuration?.ctl.authentication?.password == .inline("x"))
    }

    @Test func theEnvironmentAloneIsEnough() throws {
        let reading = AgentConfiguration.read([], environment: [
            "PATRONI_SCOPE": "s", "PATRONI_NAME": "n", "PATRONI_RESTAPI_LISTEN": "0.0.0.0:8008",
            "PATRONI_RESTAPI_CONNECT_ADDRESS": "h:8008", "PATRONI_ETCD3_HOST": "e",
            "PATRONI_POSTGRESQL_LISTEN": "*", "PATRONI_POSTGRESQL_CONNECT_ADDRESS": "h",
            "PATRONI_POSTGRESQL_DATA_DIR": "/d",
        ])
        #expect(reading.problems == [])
        #expect(reading.configuration?.postgresql.dataDirectory == "/d")
    }

    @Test func theWholeConfigurationInOneVariableHidesTheOthers() throws {
        let environment = ["PATRONI_CONFIGURATION": SectionTests.base, "PATRONI_NAME": "other"]
        #expect(AgentConfiguration.read([], environment: environment).configuration?.name == "n1")
        // With a file it is the file that counts.
        #expect(read(environment).configuration?.name == "other")
    }

    @Test func whatIsNoVariableIsNamed() {
        #expect(read([
            "PATRONI_RESTAPI_LISTN": "x", "PATRONI_ADMIN_PASSWORD": "secret!", "PATRONI_CONSUL_HOST": "c",
            "PATRONI_LOG_LOGGERS": "{a", "PGADOPT_NOTHING_LIKE_IT": "1",
        ]).problems.map(\.description) == [
            "PATRONI_ADMIN_PASSWORD:1:1: warning: 'PATRONI_ADMIN_PASSWORD' has no effect: roles are made by "
                + "'post_bootstrap', as since Patroni 4.0",
            "PATRONI_CONSUL_HOST:1:1: 'consul' is a store that pgadopt does not speak to; allowed: 'etcd3'. Move the "
                + "cluster to etcd 3.4 or later with Patroni first (docs/patroni.md)",
            "PATRONI_LOG_LOGGERS:1:1: is no YAML: did not find expected ',' or '}' (while parsing a flow mapping)",
            "PATRONI_RESTAPI_LISTN:1:1: warning: 'PATRONI_RESTAPI_LISTN' is no variable of the agent, ignored; "
                + "did you mean 'PATRONI_RESTAPI_LISTEN'?",
        ])
    }

    @Test func theConfigurationInForceIsPrintedWithoutItsSecrets() throws {
        let printed = try #require(read(["PATRONI_SUPERUSER_USERNAME": "u", "PATRONI_SUPERUSER_PASSWORD": "sesame"]).printed)
        #expect(printed.contains("(a secret)") && !printed.contains("sesame"))
        #expect(AgentConfiguration.read(printed, path: "p").configuration?.scope == "demo")
    }

    @Test func whatTheHostShowsIsPlacedAtItsKey() {
        var reading = read([:])
        reading.add([
            .init(.error, "restapi.listen", "port 8008 is in use", allowed: "a free port"),
            .init(.warning, "postgresql.bin_dir", "is nowhere"),
        ])
        #expect(reading.problems.map(\.description) == [
            "a.yml:3:19: 'restapi.listen' port 8008 is in use; allowed: a free port",
            "a.yml:5:1: warning: 'postgresql.bin_dir' is nowhere",
        ])
    }

    @Test func emptyTextsMeanTheDefault() throws {
        let reading = AgentConfiguration.read(SectionTests.with(
            "postgresql: {listen: '*', connect_address: h, data_dir: /d, bin_dir: '', parameters: {archive_command: ''}}"),
            path: "p")
        #expect(reading.problems == [])
        #expect(reading.configuration?.postgresql.options.program("postgres") == "postgres")
        #expect(reading.configuration?.postgresql.parameters == ["archive_command": ""])
    }
}
