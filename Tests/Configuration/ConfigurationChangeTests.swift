import Configuration
import JSON
import Testing

@Suite struct ConfigurationChangeTests {
    private func configuration(_ section: String = "tags: {}") throws -> AgentConfiguration {
        try #require(AgentConfiguration.read(SectionTests.with(section), path: "p").configuration)
    }

    @Test func nothingChangedIsNothingToDo() throws {
        let change = ConfigurationChange(from: try configuration(), to: try configuration("tags:"))
        #expect(change.isEmpty && change.sentence == nil)
    }

    @Test(arguments: [
        ("name: n2", "name", ConfigurationChange.Effect.agentRestart),
        ("etcd3: {host: elsewhere}", "etcd3", .agentRestart),
        ("restapi: {listen: '0.0.0.0:9', connect_address: '10.0.0.1:8008'}", "restapi.listen", .agentRestart),
        ("restapi: {listen: '0.0.0.0:8008', connect_address: '10.0.0.1:8008', ciphers: HIGH}", "restapi", .live),
        ("tags: {clonefrom: true}", "tags", .live), ("log: {level: DEBUG}", "log", .agentRestart),
        ("postgresql: {listen: '*:5433', connect_address: 10.0.0.1, data_dir: /data}", "postgresql.listen", .agentRestart),
        ("postgresql: {listen: '*', connect_address: 10.0.0.1, data_dir: /data, pg_hba: [a]}", "postgresql.pg_hba", .reload),
        ("postgresql: {listen: '*', connect_address: 10.0.0.1, data_dir: /data, parameters: {a: b}}",
            "postgresql.parameters", .reload),
        ("postgresql: {listen: '*', connect_address: 10.0.0.1, data_dir: /new}", "postgresql.data_dir", .agentRestart),
    ])
    func everyKeyHasItsEffect(_ section: String, _ key: String, _ effect: ConfigurationChange.Effect) throws {
        let change = ConfigurationChange(from: try configuration(), to: try configuration(section))
        #expect(change.items == [.init(key, effect)])
        // What needs another agent is held back, and nothing else.
        let old = try configuration(), new = try configuration(section)
        #expect(ConfigurationChange(from: old, to: old.taking(new)).isEmpty == (effect == .agentRestart))
        #expect(ConfigurationChange(from: old.taking(new), to: new).isEmpty == (effect != .agentRestart))
    }

    @Test func aClustersParameterWaitsForARestart() {
        let old = DynamicConfiguration.read(["ttl": 30, "postgresql": ["parameters": ["max_connections": 100]]])
        let new = DynamicConfiguration.read(["ttl": 40, "postgresql": ["parameters": ["max_connections": 200]]])
        let change = ConfigurationChange(from: old.configuration, to: new.configuration)
        #expect(change.keys(.serverRestart) == ["postgresql.parameters.max_connections"])
        #expect(change.keys(.live) == ["ttl"])
        #expect(change.sentence == "in force now: ttl; after a reload: postgresql.parameters; "
            + "after a restart of PostgreSQL: postgresql.parameters.max_connections")
    }
}
