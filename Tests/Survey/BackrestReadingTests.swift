import Facts
import Foundation
import PostgresModel
import Testing

@testable import Survey

@Suite struct BackrestReadingTests {
    private func facts(_ told: String, code: Int = 0) -> BackrestFacts {
        BackrestReading.facts(SurveyRecord(kind: "pgbackrest", values: [
            "program": Array("/usr/bin/pgbackrest".utf8), "version": Array("pgBackRest 2.44\n".utf8),
            "told": Array(told.utf8), "code": Array("\(code)".utf8), "clock": Array("1700003600.5".utf8),
        ]))
    }

    /// As 2.44 prints it, with two repositories and a stanza that was upgraded.
    private let told = """
        [{"archive":[{"database":{"id":2,"repo-key":1},"id":"15-2","max":"000000010000000000000009",
        "min":"000000010000000000000002"}],"backup":[
        {"archive":{"start":"000000010000000000000002","stop":"000000010000000000000002"},
        "database":{"id":1,"repo-key":1},"error":false,"info":{"delta":9,"repository":{"delta":3,"size":3},"size":9},
        "label":"20231001-000000F","timestamp":{"start":1,"stop":2},"type":"full"},
        {"archive":{"start":"000000010000000000000008","stop":"000000010000000000000008"},
        "database":{"id":2,"repo-key":1},"error":true,"info":{"delta":24,"repository":{"delta":3,"size":31},"size":24},
        "label":"20231114-222000F","timestamp":{"start":1699999000,"stop":1700000000},"type":"full"},
        {"archive":{"start":null,"stop":null},"database":{"id":1,"repo-key":2},"error":null,
        "info":{"delta":24,"repository":{"delta":3},"size":24},"label":"20231114-221000F",
        "timestamp":{"start":1699998000,"stop":1699999000},"type":"full"}],
        "cipher":"none","db":[{"id":1,"repo-key":1,"system-id":6569239123849665679,"version":"13"},
        {"id":2,"repo-key":1,"system-id":7301234567890123456,"version":"15"},
        {"id":1,"repo-key":2,"system-id":7301234567890123456,"version":"15"}],"name":"shop",
        "status":{"code":0,"lock":{"backup":{"held":false}},"message":"ok"}}]
        """

    @Test func `Backups are told newest first, each with the cluster it is of`() {
        let found = facts(told)
        #expect(found.version == "2.44" && found.problem == nil && found.status == 0 && found.message == "ok")
        #expect(found.backups.map(\.label) == ["20231114-222000F", "20231114-221000F", "20231001-000000F"])
        let own = SystemIdentifier(rawValue: 7_301_234_567_890_123_456)
        #expect(found.backups.map(\.systemIdentifier) == [own, own, SystemIdentifier(rawValue: 6_569_239_123_849_665_679)])
        #expect(found.backups.map(\.isSound) == [false, nil, true])
        #expect(found.backups[0].age == 3600.5 && found.backups[0].walStart == "000000010000000000000008")
        #expect(found.backups.map(\.repositorySize) == [ByteCount(31), nil, ByteCount(3)])
        #expect(found.newestBackup(of: own, repository: 2)?.label == "20231114-221000F")
        #expect(found.newestBackup(of: SystemIdentifier(rawValue: 1), repository: nil) == nil)
    }

    @Test(arguments: [
        ("WARN: x\n2026 P00  ERROR: [037]: info command requires option: stanza\n      HINT: y", 37,
            "[037]: info command requires option: stanza"),
        ("", 124, "it gave no answer within 20 s"), ("Permission denied", 126, "Permission denied"),
        ("", 1, "it ended with code 1"), ("[{", 0, "its answer cannot be read: [{"), ("[]", 0, "its answer cannot be read: []"),
    ])
    func `An answer that is none is told in its own words`(_ told: String, _ code: Int, _ problem: String) {
        #expect(facts(told, code: code).problem == problem)
    }

    @Test func `The survey asks pgBackRest only where a stanza is named, and it answers`() async throws {
        let silent = try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest())
        #expect(silent.pgBackRest == nil)
        var request = SurveyRequest()
        request.stanza = "no-such-stanza"
        let found = try #require(try await HostSurvey.run(shell: LocalShell(), request: request).pgBackRest)
        #expect(found.program == "/usr/bin/pgbackrest")
        #expect(found.version?.hasPrefix("2.") == true, "\(found)")
        // Debian's configuration names a repository that nobody has made.
        #expect(found.problem != nil || [1, 99].contains(found.status), "\(found)")
    }

    @Test func `The place for pg_wal is looked at, with the disk it is on`() async throws {
        var request = SurveyRequest(targetDirectory: "/nowhere/data")
        request.walDirectory = "/proc/none/wal"
        let target = try #require(try await HostSurvey.run(shell: LocalShell(), request: request).target)
        #expect(target.mountPoint == "/")
        #expect(target.walPlace == PlaceFacts(
            path: "/proc/none/wal", content: .absent, freeSpace: target.walPlace?.freeSpace, mountPoint: "/proc"))
    }
}
