import Configuration
import JSON
import Testing
import YAML

@Suite struct GeneratedConfigurationTests {
    static let report = ServerReport(
        version: 150018, settings: [
            "cluster_name": "", "port": "5433", "listen_addresses": "10.0.0.5", "data_directory": "/var/lib/pg/main",
            "config_file": "/etc/pg/postgresql.conf", "hba_file": "/etc/pg/pg_hba.conf", "ident_file": "/etc/pg/pg_ident.conf",
            "max_connections": "250", "wal_level": "logical", "wal_log_hints": "off", "data_checksums": "off",
            "wal_keep_size": "256MB", "unix_socket_directories": "/run/pg", "max_wal_senders": "12",
        ], user: "postgres", binDirectory: "/usr/lib/postgresql/15/bin")

    @Test func aRunningServersValuesAreKept() throws {
        let text = GeneratedConfiguration(server: Self.report, hostName: "h1", address: "10.0.0.5").yamlText
        let root = try #require(try YAMLDocument.parse(text, file: "g"))
        let dcs = root["bootstrap"]?["dcs"]?["postgresql"]
        #expect(dcs?["parameters"]?["max_connections"]?.asText == "250")
        #expect(dcs?["parameters"]?["wal_level"]?.asText == "logical")
        #expect(dcs?["parameters"]?["wal_keep_size"]?.asText == "256MB")
        #expect(dcs?["use_pg_rewind"]?.asBool == false)
        #expect(root["postgresql"]?["listen"]?.asText == "10.0.0.5:5433")
        #expect(root["postgresql"]?["config_dir"]?.asText == "/etc/pg")
        #expect(root["pgadopt"]?["hba_file"]?.asText == "/etc/pg/pg_hba.conf")
    }

    /// What nobody can know is empty, and named by the check.
    @Test(arguments: [Self.report, nil])
    func whatIsMissingIsNamed(_ report: ServerReport?) throws {
        let text = GeneratedConfiguration(server: report, hostName: "h1", address: "10.0.0.5").yamlText
        let reading = AgentConfiguration.read(text, path: "g")
        var missing = ["'scope' is empty", "etcd3 names no endpoint", "'username' is empty"]
        if report == nil { missing.append("'data_dir' is empty") }
        let errors = reading.errors
        #expect(errors.count == missing.count)
        for text in missing { #expect(errors.contains { $0.problem.hasPrefix(text) }) }
        #expect(reading.warnings == [])
    }

    @Test func filledInItIsUsable() throws {
        let text = GeneratedConfiguration(server: nil, hostName: "h1", address: "10.0.0.5").yamlText
        let filling = "scope: s\netcd3: {hosts: [e]}\npostgresql: {data_dir: /d, authentication: {replication: {username: r}}}\n"
        let reading = AgentConfiguration.read([
            .init(name: "g", bytes: Array(text.utf8)), .init(name: "f", bytes: Array(filling.utf8)),
        ], environment: [:])
        #expect(reading.problems == [])
        #expect(reading.configuration?.postgresql.dataDirectory == "/d")
    }
}
