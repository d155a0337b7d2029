import AdoptFixtures
import Facts
import Planning
import PostgresModel
import Testing

/// A server with `ssl = on` does not start without its key, wherever that lies.
@Suite struct ServerFilesPlanTests {
    private func paths(_ files: [String], ssl: String = "on", lackingOn h2: [String]) throws -> [String] {
        var facts = LegacyCluster.facts
        facts.hosts[0].servers[0].sql?.settings.removeAll { $0.name == "ssl" }
        facts.hosts[0].servers[0].sql?.settings.append(
            SettingFacts(name: "ssl", value: ssl, context: "sighup", source: "configuration file"))
        var details = facts.hosts[0].servers[0].details ?? ServerDetails()
        details.namedFiles = files.map { NamedFileFacts(path: $0, exists: true) }
        facts.hosts[0].servers[0].details = details
        facts.hosts[1].namedFiles = files.map { NamedFileFacts(path: $0, exists: !h2.contains($0)) }
        let plan = try LegacyCluster.planner.plan(LegacyCluster.spec, facts, LegacyCluster.findings)
        guard case .configFiles(let change)? = plan.step("h2/config-files")?.kind else {
            Issue.record("no step for the configuration")
            return []
        }
        return change.paths
    }

    @Test func `A key outside the configuration is brought to a replica that lacks it`() throws {
        let key = "/etc/own-keys/server.key"
        #expect(try paths([key], lackingOn: [key]) == ["/etc/postgresql/15/main", key])
    }

    @Test func `What the host has, what comes along anyway and what nobody reads stays where it is`() throws {
        let key = "/etc/own-keys/server.key"
        let inside = "/etc/postgresql/15/main/server.key"
        #expect(try paths([key], lackingOn: []) == ["/etc/postgresql/15/main"])
        #expect(try paths([inside], lackingOn: [inside]) == ["/etc/postgresql/15/main"])
        #expect(try paths(["server.key"], lackingOn: ["server.key"]) == ["/etc/postgresql/15/main"])
        #expect(try paths([key], ssl: "off", lackingOn: [key]) == ["/etc/postgresql/15/main"])
    }
}
