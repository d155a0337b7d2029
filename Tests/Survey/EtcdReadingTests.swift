import Facts
import Testing

@testable import Survey

@Suite struct EtcdReadingTests {
    @Test func `The candidate is the first package that the lists have`() {
        let text = """
            etcd-server:
              Installed: (none)
              Candidate: (none)
              Version table:
            etcd:
              Installed: (none)
              Candidate: 3.3.25+dfsg-6
              Version table:
                 3.3.25+dfsg-6 500
            """
        #expect(EtcdReading.candidate(text) == .init(package: "etcd", version: "3.3.25+dfsg-6"))
        #expect(EtcdReading.candidate("") == nil)
    }

    @Test func `Processes that are not of our unit are somebody else's`() throws {
        let record = SurveyRecord(kind: "etcd", values: [
            "scope": Array("shop".utf8), "version": Array("etcd Version: 3.4.23".utf8), "setup": Array("yes".utf8),
            "processes": Array("""
                12 0::/system.slice/system-pgadopt\\x2detcd.slice/pgadopt-etcd@shop.service
                13 0::/system.slice/etcd.service
                14 0::/user.slice/session-3.scope

                """.utf8),
        ])
        let facts = EtcdReading.facts(record, directory: nil, now: 0)
        #expect(facts.isRunning && facts.isSetUp)
        #expect(facts.version == "3.4.23")
        #expect(facts.foreign == ["etcd.service", "process 14"])
        #expect(facts.memberCertificateDays == nil)
    }

    @Test func `Versions before 3.4 are not supported`() {
        #expect(EtcdFacts.isSupported(version: "3.4.23-4+b4"))
        #expect(EtcdFacts.isSupported(version: "3.10.0"))
        #expect(!EtcdFacts.isSupported(version: "3.3.25+dfsg-6"))
        #expect(!EtcdFacts.isSupported(version: "3"))
    }

    @Test func `The survey asks for etcd only where a managed store is wanted, and this host answers`() async throws {
        let silent = try await HostSurvey.run(shell: LocalShell(), request: SurveyRequest())
        #expect(silent.etcd == nil)
        var request = SurveyRequest()
        request.managedStore = "no-such-cluster"
        let facts = try await HostSurvey.run(shell: LocalShell(), request: request)
        let etcd = try #require(facts.etcd)
        #expect(etcd.program == "/usr/bin/etcd")
        #expect(etcd.version?.first?.isNumber == true)
        #expect(!etcd.isRunning && !etcd.isSetUp)
        #expect(etcd.directory?.content == .absent)
        #expect(etcd.directory?.freeSpace != nil)
    }
}
