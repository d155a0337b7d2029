import Facts
import Foundation
import PostgresModel
import Testing

/// The facts of real servers, recorded by `scripts/record-facts`.
private let debian = ["bullseye-postgresql13", "bookworm-postgresql15", "trixie-postgresql17"]
private let recorded = debian + ["rpm-layout-postgresql16", "hand-made-postgresql18"]

struct FactSetReadingTests {
    private func read(_ name: String) throws -> HostFacts {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Data/\(name).json")
        return try JSONDecoder().decode(HostFacts.self, from: Data(contentsOf: file))
    }

    @Test(arguments: recorded) func `the facts of a real server are read and written without loss`(_ name: String)
        throws
    {
        let facts = try read(name)
        let server = try #require(facts.servers.first)
        #expect(name.hasSuffix("postgresql\(server.sql?.version.major ?? 0)"))
        #expect(server.control?.systemIdentifier == facts.target?.control?.systemIdentifier)
        let again = try JSONDecoder().decode(HostFacts.self, from: JSONEncoder().encode(facts))
        #expect(again == facts)
    }

    @Test(arguments: recorded) func `everything that the server was given is in its facts`(_ name: String) throws {
        let facts = try read(name)
        #expect(facts.problems == [])
        let server = try #require(facts.servers.first)
        let sql = try #require(server.sql)
        let details = try #require(server.details)
        let activity = try #require(sql.activity)
        let odd = "it's $(touch /tmp/x) \"quoted\" ☃"
        #expect(sql.databases.map(\.name).contains(odd))
        #expect(
            sql.databases.first { $0.name == "shop" }.map { $0.size > ByteCount(1 << 20) && ($0.files ?? 0) > 100 }
                == true)
        #expect(sql.isSizeKnown)
        #expect(sql.extensions.contains("\(odd)/plpgsql 1.0"))
        #expect(sql.roles.map(\.name).contains("O'Brien $(id)"))
        #expect(
            sql.roles.first { $0.name == "app" }?.passwordKind == (sql.version.major < 14 ? "md5" : "scram-sha-256"))
        #expect(sql.roleSettings == [RoleSettingFacts(role: "app", name: "synchronous_commit", value: "off")])
        #expect(sql.tablespaces.map(\.location) == ["/srv/fast $(id) \"disk\" ☃"])
        #expect(details.links.values.contains("/srv/fast $(id) \"disk\" ☃"))
        #expect(facts.target?.tablespaces.map(\.content) == [.otherFiles])
        #expect(sql.slots.map(\.name) == ["barman", "cdc"])
        #expect(sql.openPreparedTransactions == 1)
        #expect(activity.oldestPrepared != nil)
        #expect(sql.unloggedTables == 1)
        #expect(sql.objects.unloggedTables == ["shop/cart"])
        #expect(sql.objects.publications == ["shop/p"])
        #expect(sql.setting("log_line_prefix") == "%m [%p] it's \"$(id)\" ")
        #expect(sql.setting("work_mem") == "16384")
        #expect(sql.settings.first { $0.name == "max_connections" }?.pendingRestart == true)
        #expect(sql.fileSettings.filter { $0.name == "work_mem" }.map(\.value) == ["8MB", "16MB"])
        #expect(details.managedFiles.values.sorted() == ["ansible"])
        #expect(activity.isSuperuser == true)
        #expect((activity.walBytesPerSecond != nil) == (sql.version.major >= 14))
        #expect(details.directoryMode == "700")
        #expect(details.openFiles != nil && details.oomScoreAdjust != nil && details.crashes == 0)
        let isDebian = debian.contains(name)
        #expect(details.logFile?.hasSuffix(isDebian ? "-main.log" : "log/postgresql.log") == true)
        #expect(server.debianCluster == (isDebian ? "\(sql.version.major)/main" : nil))
        #expect(facts.services.jobs.map(\.source) == ["/etc/cron.d/shop-dump"])
        #expect(facts.collationDigests.keys.sorted() == ["C", "en_US.UTF-8"])
        #expect(facts.collationDigests["C"] != facts.collationDigests["en_US.UTF-8"])
        let installed = try #require(facts.installations.first)
        #expect((installed.icuVersion != nil) == installed.configureOptions.contains("--with-icu"))
        #expect(!installed.configureOptions.isEmpty)
        #expect(installed.extensionVersions["plpgsql"] == "1.0")
        #expect(
            Dictionary(facts.reach.map { ($0.port, $0.outcome) }, uniquingKeysWith: { $1 }) == [
                5432: .open, 1: .refused,
            ])
    }

    @Test func `glibc 2.31, 2.36 and 2.41 have other versions and the same order of words`() throws {
        let facts = try debian.map { try read($0) }
        #expect(facts.map(\.system.libc) == ["glibc 2.31", "glibc 2.36", "glibc 2.41"])
        #expect(Set(facts.map { $0.collationDigests["C"] }).count == 1)
        #expect(Set(facts.map { $0.collationDigests["en_US.UTF-8"] }).count == 1)
    }

    @Test(arguments: [
        ("rpm-layout-postgresql16", "/usr/pgsql-16/bin", "/var/lib/pgsql/16/data", "sleep"),
        ("hand-made-postgresql18", "/opt/db/postgres/bin", "/srv/db/data", "init"),
    ])
    func `a server that no service manager knows is found with its own layout`(
        _ name: String, _ programs: String, _ data: String, _ processOne: String
    ) throws {
        let facts = try read(name)
        let server = try #require(facts.servers.first)
        #expect(server.unit == nil && server.debianCluster == nil)
        #expect(facts.installations.map(\.binDirectory) == [programs] && server.binDirectory == programs)
        #expect(server.dataDirectory == data && server.configFile == data + "/postgresql.conf")
        #expect(server.configFiles.map(\.path).contains(data + "/conf.d/base.conf"))
        #expect(server.socketDirectories.first == "/run/postgresql")
        #expect(facts.system.initSystem.map { $0.hasPrefix(processOne) } == true, "\(facts.system.initSystem ?? "?")")
        #expect(facts.services.initScripts.contains("/etc/init.d/postgres-own") == (processOne == "init"))
    }

    @Test func `a server is chosen by what the inventory says, and never guessed among several`() throws {
        var facts = try read("bookworm-postgresql15")
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
