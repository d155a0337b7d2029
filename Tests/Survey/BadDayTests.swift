import Facts
import Foundation
import Testing

@testable import Survey

/// Hosts that hang, print, forbid and are full: the survey ends in its limit, says what it lacks, and writes nothing.
@Suite(.serialized, .enabled(if: TestServer.isInstalled && getuid() == 0))
struct BadDayTests {
    /// A directory with programs of these names that hang, and the words that put it first in PATH.
    private func withHanging(_ names: [String], _ body: ([String]) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "pgadopt-stubs-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        for name in names {
            let path = directory + "/" + name
            try "#!/bin/sh\nexec sleep 600\n".write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        try await body(["env", "PATH=\(directory):\(path)"])
    }

    /// Words that run a command in a mount namespace of its own, after these preparations.
    private func mounted(_ preparations: String) -> [String] {
        ["unshare", "-m", "--propagation", "private", "sh", "-c", "set -e; \(preparations); exec \"$@\"", "sh"]
    }

    private func problems(_ facts: HostFacts, of server: TestServer) -> [String] {
        let pid = facts.servers.first { $0.dataDirectory == server.data }?.postmasterPID ?? 0
        return facts.problems.filter { $0.contains("server \(pid)") }
    }

    @Test func `commands that hang cost their limit each, and what they would have told is missing`() async throws {
        try await withHanging(["df", "locale", "chronyc", "ntpq", "findmnt", "ldd", "getent", "openssl"]) { prefix in
            let clock = ContinuousClock()
            var request = SurveyRequest(targetDirectory: "/srv/nothing")
            request.names = ["localhost"]
            var facts: HostFacts?
            let took = try await clock.measure {
                facts = try await HostSurvey.run(
                    shell: LocalShell(prefix: prefix), request: request)
            }
            #expect(took < .seconds(100))
            #expect(facts?.target?.freeSpace == nil)
            #expect(facts?.system.locales == [])
            #expect(facts?.problems.contains { $0.contains("locale -a") } == true, "\(facts?.problems ?? [])")
        }
    }

    @Test func `a survey that runs out of time says what it left out`() async throws {
        try await TestServer.with { server in
            try await withHanging(["df"]) { prefix in
                let facts = try await HostSurvey.run(
                    shell: LocalShell(prefix: prefix),
                    request: SurveyRequest(targetDirectory: "/srv/nothing", deadline: .seconds(4)))
                #expect(
                    facts.problems.contains { $0.contains("limit of 2 s was reached before it could read") },
                    "\(facts.problems)")
                #expect(facts.collationDigests.isEmpty)
            }
        }
    }

    @Test func `a banner is counted, and breaks nothing`() async throws {
        let facts = try await HostSurvey.run(
            shell: LocalShell(prefix: ["sh", "-c", "echo 'Welcome!'; exec \"$@\"", "sh"]), request: SurveyRequest())
        #expect(facts.bannerBytes == 9)
        #expect(try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest()).bannerBytes == 0)
    }

    @Test func `bash as the shell, a read-only root and not a byte to write: everything is told all the same`()
        async throws
    {
        try await TestServer.with { server in
            let shell = LocalShell(
                prefix: mounted(
                    "mount --bind \"$(command -v bash)\" \"$(readlink -f /bin/sh)\"; mount -o remount,bind,ro "
                        + "/; ulimit -f 0"
                ))
            let facts = try await HostSurvey.run(shell: shell, request: SurveyRequest(targetDirectory: server.data))
            let found = try #require(facts.servers.first { $0.dataDirectory == server.data })
            #expect(problems(facts, of: server) == [])
            #expect(found.sql?.activity != nil)
            #expect(found.sql?.isSizeKnown == true)
            #expect(found.details?.directoryMode == "700")
        }
    }

    @Test func `without psql there is a problem, and no SQL`() async throws {
        try await TestServer.with { server in
            let shell = LocalShell(
                prefix: mounted("for f in \(TestServer.bin)/psql /usr/bin/psql; do mount --bind /dev/null $f; done"))
            let facts = try await HostSurvey.run(shell: shell, request: SurveyRequest())
            #expect(facts.servers.first { $0.dataDirectory == server.data }.map { $0.sql == nil } == true)
            #expect(problems(facts, of: server).contains { $0.contains("psql is missing") }, "\(facts.problems)")
        }
    }

    @Test func `a server that is frozen is a problem after its limit`() async throws {
        try await TestServer.with { server in
            let line = try String(contentsOfFile: server.data + "/postmaster.pid", encoding: .utf8).split(
                separator: "\n")[0]
            let pid = try #require(pid_t(line))
            kill(pid, SIGSTOP)
            defer { kill(pid, SIGCONT) }
            let facts = try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest())
            #expect(facts.servers.first { $0.dataDirectory == server.data }.map { $0.sql == nil } == true)
            #expect(problems(facts, of: server).contains { $0.contains("SQL failed") }, "\(facts.problems)")
        }
    }

    @Test func `a server without a free connection is a problem in its own words`() async throws {
        let settings = [
            "max_connections": "3", "superuser_reserved_connections": "0", "max_wal_senders": "0",
            "autovacuum": "off",
        ]
        try await TestServer.with(settings: settings) { server in
            // More sessions than slots, so that a late one takes what is left; they end with the server.
            let psql = "'\(TestServer.bin)/psql' -X -q -h '\(server.directory)' -p \(server.port) -d postgres"
            let hold = """
                for i in 1 2 3 4 5 6; do \(psql) -c 'SELECT pg_sleep(90)' >/dev/null 2>&1 & done
                i=0
                while [ $i -lt 30 ]; do
                    sleep 1; i=$((i + 1))
                    if \(psql) -c '' 2>&1 | grep -q 'too many'; then exit 0; fi
                done
                exit 1
                """
            try TestServer.command(TestServer.asPostgres(["sh", "-c", hold]))
            let facts = try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest())
            #expect(facts.servers.first { $0.dataDirectory == server.data }.map { $0.sql == nil } == true)
            #expect(problems(facts, of: server).contains { $0.contains("too many clients") }, "\(facts.problems)")
        }
    }
}
