import Configuration
import Glibc
import JSON
import Testing

@testable import Agent

@Suite struct LogLineTests {
    private func line(
        _ settings: AgentConfiguration.Log, journal: Bool = false, message: String = "no action"
    ) -> String {
        setenv("TZ", "UTC", 1)
        tzset()
        return LogLineForm(settings, isForJournal: journal).line(
            .init(
                level: .notice, message: message, logger: "agent", module: "Agent", file: "Agent/Loop.swift",
                function: "f()", line: 7, at: timespec(tv_sec: 1_795_354_143, tv_nsec: 123_000_000)))
    }

    @Test func theStandardFormIsPatronis() {
        #expect(line(.init()) == "2026-11-22 13:29:03,123 INFO: no action")
    }

    @Test func theJournalKnowsTheTimeItself() {
        #expect(line(.init(), journal: true) == "NOTICE: no action")
    }

    @Test func aFormatOfOnesOwnIsKept() throws {
        var settings = AgentConfiguration.Log()
        settings.format = try #require(LogFormat("[%(process)d] %(levelname)-8s|%(filename)s:%(lineno)d %(message)s"))
        settings.dateFormat = "%H:%M"
        #expect(line(settings, journal: true) == "[\(getpid())] INFO    |Loop.swift:7 no action")
    }

    @Test func anEventIsOneJSONObjectAndOneLine() throws {
        var settings = AgentConfiguration.Log(form: .json)
        settings.staticFields = ["cluster": "orders"]
        let text = line(settings, message: "first\nsecond \"third\"")
        #expect(!text.contains("\n"))
        #expect(try JSON(parsing: text) == [
            "asctime": "2026-11-22 13:29:03,123", "levelname": "INFO", "message": "first\nsecond \"third\"",
            "cluster": "orders",
        ])
    }

    @Test func whatCameFromOutsideForgesNoLine() {
        #expect(line(.init(), message: "a\nERROR: b") == "2026-11-22 13:29:03,123 INFO: a | ERROR: b")
    }

    @Test func aFullFileIsSetAside() throws {
        let directory = "/tmp/pgadopt-log-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        mkdir(directory, 0o700)
        defer {
            for name in ["patroni.log", "patroni.log.1", "patroni.log.2"] { unlink("\(directory)/\(name)") }
            rmdir(directory)
        }
        var file = AgentConfiguration.Log.File(directory: directory)
        file.size = 10
        file.count = 2
        let sink = LogSink(file)
        for text in ["first", "second", "third", "fourth"] { sink.write(text) }
        #expect(try size("\(directory)/patroni.log") == 7)
        #expect(try size("\(directory)/patroni.log.1") == 6)
        #expect(try size("\(directory)/patroni.log.2") == 7)
    }

    private func size(_ path: String) throws -> Int {
        var info = stat()
        try #require(stat(path, &info) == 0, "\(path)")
        return Int(info.st_size)
    }
}
