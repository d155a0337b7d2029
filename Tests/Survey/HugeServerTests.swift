import Facts
import Foundation
import Testing

@testable import Survey

/// A server with 10,000 databases and 10,000 tables.
@Suite(.serialized, .enabled(if: TestServer.isInstalled && getuid() == 0))
struct HugeServerTests {
    private static let count = 10_000
    private static let firstOID = 100_000

    /// Rows of pg_database over one directory that all share: that many real copies would fill the disk.
    private func fill(_ server: TestServer) throws {
        try server.sql("""
            DO $$ BEGIN FOR i IN 1..\(Self.count) LOOP EXECUTE format('CREATE TABLE t%s (a int)', i); END LOOP; END $$;
            SET allow_system_table_mods = on;
            INSERT INTO pg_database (oid, datname, datdba, encoding, datlocprovider, datistemplate, datallowconn,
                datconnlimit, datfrozenxid, datminmxid, dattablespace, datcollate, datctype)
            SELECT (\(Self.firstOID) + i)::oid, 'huge ' || i, datdba, encoding, datlocprovider, false, true, -1, datfrozenxid,
                datminmxid, dattablespace, datcollate, datctype
            FROM pg_database, generate_series(1, \(Self.count)) AS i WHERE datname = 'template1';
            CHECKPOINT;
            """)
        for number in 1...Self.count {
            try FileManager.default.createSymbolicLink(
                atPath: "\(server.data)/base/\(Self.firstOID + number)", withDestinationPath: "1")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `ten thousand databases and tables: in time, whole where it looks whole, and what is left out is said`()
        async throws
    {
        let settings = ["autovacuum": "off", "fsync": "off", "max_locks_per_transaction": "256"]
        try await TestServer.with(settings: settings) { server in
            try fill(server)
            let clock = ContinuousClock()
            var survey: HostFacts?
            let took = try await clock.measure {
                survey = try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest(targetDirectory: server.data))
            }
            // The script's own limit, and one command that was under way when it was reached.
            #expect(took < .seconds(150))
            let facts = try #require(survey)
            let found = try #require(facts.servers.first { $0.dataDirectory == server.data })
            let sql = try #require(found.sql, "\(facts.problems)")
            #expect(sql.databases.count == Self.count + 3)
            let problems = facts.problems.filter { $0.contains("server \(found.postmasterPID)") }
            #expect(
                problems.contains {
                    $0.contains("only the first 100 databases were looked into") || $0.contains("limit of 100 s was reached")
                }, "\(problems)")
            // Either every size is known or none is claimed.
            #expect(sql.isSizeKnown != problems.contains { $0.contains("sizes") }, "\(problems)")
            if sql.isSizeKnown { #expect(sql.totalSize.rawValue > Int64(Self.count) * 5_000_000) }
        }
    }

    @Test func `a standby that takes no connections is a problem in its own words`() async throws {
        try await TestServer.with { primary in
            let copy = primary.directory + "/copy"
            try TestServer.command(
                TestServer.asPostgres([
                    TestServer.bin + "/pg_basebackup", "-h", primary.directory, "-p", "\(primary.port)", "-D", copy, "-R",
                    "--checkpoint=fast",
                ]))
            let control = [TestServer.bin + "/pg_ctl", "-D", copy, "-l", copy + ".log", "-t", "30"]
            try TestServer.command(
                TestServer.asPostgres(control + ["-W", "-o", "-p \(primary.port + 1) -c hot_standby=off", "start"]))
            defer { _ = try? TestServer.command(TestServer.asPostgres(control + ["-m", "immediate", "stop"])) }
            // It is there once its process file says so.
            let ready = "i=0; until [ -s \(copy)/postmaster.pid ]; do i=$((i + 1)); [ $i -lt 300 ] || exit 1; sleep 0.1; done"
            try TestServer.command(["sh", "-c", ready])
            let facts = try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest(targetDirectory: copy))
            let found = try #require(facts.servers.first { $0.dataDirectory == copy }, "\(facts.problems)")
            #expect(found.sql == nil && found.control != nil)
            #expect(
                facts.problems.contains {
                    $0.contains("server \(found.postmasterPID)") && $0.contains("the database system is")
                }, "\(facts.problems)")
        }
    }
}
