import Cluster
import JSON
import Testing

@Suite struct SynchronousStandbyNamesTests {
    @Test(arguments: [
        ("", SynchronousStandbyNames.none),
        ("h2", .init(.first, count: 1, names: ["h2"])),
        ("h2, \"h 3\"", .init(.first, count: 1, names: ["h2", "h 3"])),
        ("2 (h2,h3)", .init(.first, count: 2, names: ["h2", "h3"])),
        ("FIRST 2 (h2 , h3)", .init(.first, count: 2, names: ["h2", "h3"])),
        ("any 1 (\"a\"\"b\",c)", .init(.any, count: 1, names: ["a\"b", "c"])),
        ("*", .init(.first, count: 1, names: ["*"])),
        ("first", .init(.first, count: 1, names: ["first"])),
    ])
    func `Every form of the setting is read`(text: String, names: SynchronousStandbyNames) {
        #expect(SynchronousStandbyNames(text) == names)
    }

    @Test(arguments: ["2 (h2", "(h2)", "h2,", ",h2", "0 (h2)", "most 1 (h2)", "\"h2", "h2 h3", "any 1 ()"])
    func `What PostgreSQL refuses is no value`(text: String) {
        #expect(SynchronousStandbyNames(text) == nil)
    }

    @Test(arguments: [
        (SynchronousStandbyNames.none, ""),
        (.all(["h2"]), "h2"),
        (.all(["host-2"]), "\"host-2\""),
        (.all(["any"]), "\"any\""),
        (.all(["h3", "h2"]), "2 (h2,h3)"),
        (.init(.any, count: 1, names: ["h2", "H3"]), "ANY 1 (h2,H3)"),
        (.all([SynchronousStandbyNames.placeholderName]), "__patroni_strict_sync_replica_placeholder__"),
        (.init(count: 1, names: ["*"]), "*"),
    ])
    func `It is written as Patroni writes it, and read back the same`(names: SynchronousStandbyNames, text: String) {
        #expect(names.description == text)
        #expect(SynchronousStandbyNames(text) == names)
    }

    @Test func `The placeholder is no member`() {
        #expect(SynchronousStandbyNames.all(["h2", SynchronousStandbyNames.placeholderName]).members == ["h2"])
    }
}

@Suite struct WallInstantTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-22T13:32:47.795241+00:00", 1_795_354_367_795_241),
        ("2026-11-22 14:32:47.7952419+0100", 1_795_354_367_795_241),
        ("2026-11-22T08:02:47.795241-05:30", 1_795_354_367_795_241),
        ("2024-02-29T12:00+01", 1_709_204_400_000_000),
        ("1969-12-31T23:59:59Z", -1_000_000),
    ])
    func `ISO 8601 with a zone is read`(text: String, microseconds: Int64) {
        #expect(WallInstant(iso8601: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "2026-11-22T13:32:47", "tomorrow", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-22T24:00:00Z", "",
        "2026-11-22T13:32:47Zx", "2026-11-22T13:32:47.Z", "2026-11-22T13:32:47+1",
    ])
    func `No moment is made up`(text: String) {
        #expect(WallInstant(iso8601: text) == nil)
    }
}

@Suite struct RestartRequestTests {
    @Test func `A scheduled restart is read and written as the member key has it`() throws {
        let text = #"{"schedule":"2026-11-22T14:00:00+00:00","postmaster_start_time":"2026-11-22 13:27:54.353355+00:00","#
            + #""role":"replica","postgres_version":"15.4","timeout":30,"restart_pending":true}"#
        let request = try #require(RestartRequest(JSON(parsing: text)))
        #expect(request.role == .replica && request.timeout == .seconds(30) && request.onlyIfPending)
        #expect(request.json.text == text)
    }

    @Test func `Fields of a wrong kind count as absent, and no object is no request`() throws {
        let request = RestartRequest(try JSON(parsing: #"{"schedule":7,"role":"king","timeout":"x"}"#))
        #expect(request == RestartRequest())
        #expect(RestartRequest(try JSON(parsing: "[]")) == nil)
    }

    @Test func `A member carries its scheduled restart`() {
        var member = Member(name: "h1")
        #expect(member.scheduledRestart == nil)
        member.scheduledRestart = RestartRequest(schedule: "2026-11-22T14:00:00Z")
        #expect(member.json["scheduled_restart"]?["schedule"]?.string == "2026-11-22T14:00:00Z")
        member.scheduledRestart = nil
        #expect(member.other["scheduled_restart"] == nil)
    }
}
