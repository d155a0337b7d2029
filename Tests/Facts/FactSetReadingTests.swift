import Facts
import Foundation
import Testing

struct FactSetReadingTests {
    private func read(_ name: String) throws -> HostFacts {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Data/\(name)")
        return try JSONDecoder().decode(HostFacts.self, from: Data(contentsOf: file))
    }

    @Test func `the facts of a real PostgreSQL 15 are read and written without loss`() throws {
        let facts = try read("debian12-postgresql15.json")
        let server = try #require(facts.servers.first)
        #expect(server.sql?.version.major == 15)
        #expect(server.sql?.databases.map(\.name).contains("shop") == true)
        #expect(server.control?.systemIdentifier == facts.target?.control?.systemIdentifier)
        let again = try JSONDecoder().decode(HostFacts.self, from: JSONEncoder().encode(facts))
        #expect(again == facts)
    }

    @Test func `a server is chosen by what the inventory says, and never guessed among several`() throws {
        var facts = try read("debian12-postgresql15.json")
        let first = facts.servers[0]
        var second = first
        second.port = 5433
        second.dataDirectory = "/srv/other"
        facts.servers.append(second)
        #expect(facts.server(dataDirectory: nil, port: nil) == nil)
        #expect(facts.server(dataDirectory: nil, port: 5433) == second)
        #expect(facts.server(dataDirectory: first.dataDirectory, port: nil) == first)
        #expect(facts.server(dataDirectory: "/nowhere", port: nil) == nil)
    }
}
