import Configuration
import Glibc
import Testing

@testable import Agent
@testable import Server

/// What the file says of the server, in the server's own words.
@Suite struct ServerSettingsTests {
    private func settings(_ postgresql: String, more: String = "") throws -> ServerSettings {
        let text = """
            scope: s
            name: n
            restapi: {listen: '*:8008', connect_address: 10.0.0.1:8008}
            etcd3: {host: 10.0.0.1}
            postgresql:
              listen: \(postgresql.contains("listen:") ? "" : "'*:5432'")
              connect_address: 10.0.0.1
              data_dir: /data
            \(postgresql)
            \(more)
            """
        let reading = AgentConfiguration.read(text.replacing("  listen: \n", with: ""), path: "p")
        return try ServerSettings(try #require(reading.configuration, "\(reading.problems)"))
    }

    @Test func loginsBringTheirSecurityAndProgramsTheirNames() throws {
        let settings = try settings(
            """
              bin_dir: /opt/bin
              bin_name: {pg_rewind: rewind-15}
              krbsrvname: pg
              authentication:
                superuser: {username: postgres}
                replication: {username: r, sslmode: verify-full, sslrootcert: /ca}
            """)
        #expect(settings.replication.options == ["sslmode": "verify-full", "sslrootcert": "/ca", "krbsrvname": "pg"])
        #expect(settings.program("pg_rewind") == "/opt/bin/rewind-15")
        #expect(settings.program("postgres") == "/opt/bin/postgres")
    }

    /// Patroni's sample file has a password and no rule for the socket; ours says which way it goes.
    @Test func theOwnServerIsReachedTheWayItsRulesAreFor() throws {
        let password = "  authentication: {superuser: {username: postgres, password: x}}"
        #expect(try settings(password).host == "127.0.0.1")
        #expect(try settings("  listen: '10.0.0.1:5432'\n" + password).host == "10.0.0.1")
        #expect(try settings("  use_unix_socket: true\n" + password).host.hasPrefix("/"))
        #expect(try settings("  authentication: {superuser: {username: postgres}}").host.hasPrefix("/"))
        #expect(try settings("  use_unix_socket: false").host == "127.0.0.1")
        #expect(try settings(password, more: "pgadopt: {include_file: /etc/x.conf}").host.hasPrefix("/"))
    }
}
