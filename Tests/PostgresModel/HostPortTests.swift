import PostgresModel
import Testing

@Suite struct HostPortTests {
    @Test(arguments: ["10.0.0.1:5432", "db_1.example.com:1", "[fe80::1%eth0]:65535", "localhost:80"])
    func comesBackAsItWasWritten(_ text: String) { #expect(HostPort(text)?.description == text) }

    @Test(arguments: ["", "a", "a:", "a:0", "a:65536", "a:+1", ":1", "fe80::1:", "a b:1", "-a:1", "[a:1", "$(x):1", "a:1:2"])
    func refuses(_ text: String) { #expect(HostPort(text) == nil) }

    @Test func theDefaultPortStandsInForAnAbsentOne() {
        #expect(HostPort("db", defaultPort: 5432) == HostPort(host: "db", port: 5432))
        #expect(HostPort("[::1]", defaultPort: 5432) == HostPort(host: "::1", port: 5432))
        #expect(HostPort("db:6", defaultPort: 5432) == HostPort(host: "db", port: 6))
        #expect(HostPort("db:x", defaultPort: 5432) == nil)
    }
}
