import Configuration
import Foundation
import JSON
import Testing
import YAML

/// The real Patroni beside ours: its own sample file is read, and both judge the same files. Patroni is installed
/// from PyPI into `.build-patroni` when `PGADOPT_WITH_PATRONI` is set, or when it is there already.
@Suite(.serialized, .timeLimit(.minutes(5)), .enabled(if: Patroni.isWanted, "set PGADOPT_WITH_PATRONI=1"))
struct PatroniComparisonTests {
    @Test func itsSampleConfigurationIsRead() throws {
        let sample = try Patroni.run(["--generate-sample-config"]).output
        let filling = "scope: s\netcd3: {host: e}\npostgresql: {data_dir: /d}\n"
        let reading = AgentConfiguration.read([
            .init(name: "sample", bytes: Array(sample.utf8)), .init(name: "filling", bytes: Array(filling.utf8)),
        ], environment: [:])
        #expect(reading.configuration?.scope == "s")
        let named = reading.problems.map { $0.problem.split(separator: "'").first.map { String($0) } }
        #expect(named == ["max_queue_size", "traceback_level"], "\(reading.problems)")
    }

    /// What Patroni takes for its `config` key's defaults is what we take.
    @Test func itsDefaultsForTheClustersParametersAreOurs() throws {
        let sample = try Patroni.run(["--generate-sample-config"]).output
        let root = try #require(try YAMLDocument.parse(sample, file: "sample"))
        let theirs = try #require(root["bootstrap"]?["dcs"]?["postgresql"]?["parameters"]?.mapping)
        let ours = ClusterParameters(settings: [:], version: 170000)
        for entry in theirs.entries { #expect(ours[entry.key] == entry.value.asText, "\(entry.key)") }
        #expect(theirs.entries.count == ours.commandLine.count + 1)
    }

    static let broken = [
        "restapi: {listen: 'nowhere', connect_address: '10.0.0.1:8008'}", "log: {level: LOUD}", "log: {type: xml}",
        "restapi: {listen: '0.0.0.0:1', connect_address: '10.0.0.1:1', verify_client: maybe}",
        "tags: {nofailover: perhaps}", "watchdog: {mode: sometimes}", "name: [1]",
        "postgresql: {connect_address: 10.0.0.1, data_dir: /data}",
    ]

    /// A file that Patroni refuses is refused by us; the words are each program's own.
    @Test(arguments: broken)
    func bothRefuseTheSameFiles(_ section: String) throws {
        let text = SectionTests.with(section)
        #expect(AgentConfiguration.read(text, path: "p").configuration == nil)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("p-\(UUID().uuidString).yml")
        defer { try? FileManager.default.removeItem(at: file) }
        try text.write(to: file, atomically: true, encoding: .utf8)
        #expect(try Patroni.run(["--validate-config", file.path]).code == 1)
    }
}

/// The program, in a Python environment that the repository ignores.
enum Patroni {
    static let directory = String(#filePath.prefix(upTo: #filePath.range(of: "Tests/Configuration")!.lowerBound))
        + ".build-patroni"

    static var isWanted: Bool {
        ProcessInfo.processInfo.environment["PGADOPT_WITH_PATRONI"] != nil || isInstalled
    }

    private static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: "\(directory)/bin/patroni") }

    static func run(_ arguments: [String]) throws -> (code: Int32, output: String) {
        if !isInstalled {
            try #require(try call("/usr/bin/python3", ["-m", "venv", directory]).code == 0)
            let packages = ["-q", "install", "patroni[etcd3]==4.1.*", "psycopg2-binary"]
            try #require(try call("\(directory)/bin/pip", packages).code == 0)
        }
        return try call("\(directory)/bin/patroni", arguments)
    }

    private static func call(_ program: String, _ arguments: [String]) throws -> (code: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let out = Pipe()
        process.standardOutput = out
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
